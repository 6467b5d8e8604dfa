"""MindSpore's layers against plain NumPy, eager and compiled."""

import gc
import tempfile

import numpy as np
import pytest

from fairmot.config import NetworkConfig
from fairmot.errors import InputError
from fairmot.network.graph import GraphBuilder
from fairmot.network.initial import initial_weights

ms = pytest.importorskip("mindspore")

from fairmot.engines.mindspore.network import MindSporeNetwork, build_network  # noqa: E402

MODES = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])


def run(builder, output, pixels, weights=None, compiled=False):
    graph = builder.finish(NetworkConfig(), {"x": output})
    return MindSporeNetwork(graph, weights or initial_weights(graph), compiled=compiled)(pixels)["x"]


def pixels_of(height=8, width=12, seed=0):
    return np.random.default_rng(seed).normal(size=(2, 3, height, width)).astype(np.float32)


def deformable_reference(x, offsets, weight, bias):
    """DCNv2, 3x3, stride 1, padding 1, tap by tap in float64; ``offsets`` in the public channel order."""
    batch, _, height, width = x.shape
    weight = weight.astype(np.float64)  # NumPy 1.26 would multiply in float32: too coarse for finite differences
    out = np.zeros((batch, len(weight), height, width)) + bias[:, None, None]
    for b in range(batch):
        for row in range(height):
            for column in range(width):
                for tap in range(9):
                    dy, dx = offsets[b, 2 * tap : 2 * tap + 2, row, column]
                    mask = 1 / (1 + np.exp(-offsets[b, 18 + tap, row, column]))
                    y, x_ = row - 1 + tap // 3 + dy, column - 1 + tap % 3 + dx
                    sample = bilinear(x[b], y, x_)
                    out[b, :, row, column] += mask * weight[:, :, tap // 3, tap % 3] @ sample
    return out


def bilinear(planes, y, x):
    """Sample [C] of planes [C, H, W]; outside is 0."""
    total = np.zeros(len(planes))
    for yi in (int(np.floor(y)), int(np.floor(y)) + 1):
        for xi in (int(np.floor(x)), int(np.floor(x)) + 1):
            if 0 <= yi < planes.shape[1] and 0 <= xi < planes.shape[2]:
                total += (1 - abs(y - yi)) * (1 - abs(x - xi)) * planes[:, yi, xi]
    return total


def deformable_case():
    rng = np.random.default_rng(3)
    builder = GraphBuilder()
    output = builder.deformable_convolution(builder.input(), "d", 4)
    graph = builder.finish(NetworkConfig(), {"x": output, "offsets": output - 1})
    weights = {p.name: rng.normal(0, 0.4, p.shape).astype(np.float32) for p in graph.parameters()}
    return graph, weights, pixels_of(5, 6)


@MODES
def test_deformable_convolution_equals_numpy(compiled):
    graph, weights, pixels = deformable_case()
    heads = MindSporeNetwork(graph, weights, compiled=compiled)(pixels)
    offsets = heads["offsets"].astype(np.float64)
    assert np.abs(offsets[:, :18]).max() > 1.5  # samples lie between cells, and outside the map
    arguments = pixels.astype(np.float64), offsets, weights["d.weight"], weights["d.bias"]
    np.testing.assert_allclose(heads["x"], deformable_reference(*arguments), rtol=0, atol=2e-5)
    swapped = offsets.copy()
    swapped[:, 0:18:2], swapped[:, 1:18:2] = offsets[:, 1:18:2], offsets[:, 0:18:2]
    with pytest.raises(AssertionError):  # (dx, dy) would be another order
        np.testing.assert_allclose(heads["x"], deformable_reference(pixels, swapped, *arguments[2:]), rtol=0, atol=2e-5)


@MODES
def test_gradients_pass_through_the_deformable_convolution(compiled):
    graph, weights, pixels = deformable_case()
    network = build_network(graph, weights)
    cotangent = np.random.default_rng(4).normal(size=(2, 4, 5, 6))

    def forward(x):
        return (network(x)[0] * ms.Tensor(cotangent, ms.float32)).sum()

    names = [name for name, parameter in network.named.items() if parameter.requires_grad]
    gradient = ms.value_and_grad(forward, None, ms.ParameterTuple([network.named[n] for n in names]))
    _, found = (ms.jit(gradient) if compiled else gradient)(ms.Tensor(pixels))
    found = {name: array.asnumpy() for name, array in zip(names, found, strict=True)}

    def loss(values):
        arrays = {**weights, **values}
        offsets = convolution3(pixels, arrays["d.conv_offset_mask.weight"], arrays["d.conv_offset_mask.bias"])
        reference = deformable_reference(pixels.astype(np.float64), offsets, arrays["d.weight"], arrays["d.bias"])
        return float((reference * cotangent).sum())

    rng = np.random.default_rng(5)
    for name in names:
        direction = rng.normal(size=weights[name].shape)
        step = 1e-5 * direction
        numeric = (loss({name: weights[name] + step}) - loss({name: weights[name] - step})) / 2e-5
        ours = float((found[name] * direction).sum())
        np.testing.assert_allclose(ours, numeric, rtol=1e-4, err_msg=name)
        assert abs(1.001 * ours - numeric) > 1e-4 * abs(numeric)


def convolution3(x, weight, bias):
    """3x3 convolution, padding 1, in float64."""
    height, width = x.shape[2:]
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((len(x), len(weight), height, width)) + bias[:, None, None]
    for row in range(3):
        for column in range(3):
            window = padded[:, :, row : row + height, column : column + width]
            out += np.einsum("oi,bihw->bohw", weight[:, :, row, column].astype(np.float64), window)
    return out


@MODES
def test_small_layers_equal_numpy(compiled):
    x = pixels_of()
    builder = GraphBuilder()
    found = run(builder, builder.resize(builder.input(), 2), x, compiled=compiled)
    np.testing.assert_array_equal(found, x.repeat(2, 2).repeat(2, 3))

    builder = GraphBuilder()
    found = run(builder, builder.activation(builder.input(), "silu"), x, compiled=compiled)
    np.testing.assert_allclose(found, x / (1 + np.exp(-x.astype(np.float64))), rtol=0, atol=1e-6)

    negative = -1 - np.abs(x)  # padding with 0 would win
    builder = GraphBuilder()
    found = run(builder, builder.max_pool(builder.input(), 5, 1, 2), negative, compiled=compiled)
    padded = np.pad(negative, ((0, 0), (0, 0), (2, 2), (2, 2)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), (2, 3))
    np.testing.assert_array_equal(found, windows.max((-1, -2)))

    builder = GraphBuilder()
    found = run(builder, builder.max_pool(builder.input(), 2, 2), x, compiled=compiled)
    np.testing.assert_array_equal(found, x.reshape(2, 3, 4, 2, 6, 2).max((3, 5)))


@MODES
@pytest.mark.parametrize("factor", [2, 4])
def test_transposed_convolution_equals_numpy(compiled, factor):
    builder = GraphBuilder()
    output = builder.depthwise_enlargement(builder.input(), "up", factor)
    weight = np.random.default_rng(1).normal(size=(3, 1, 2 * factor, 2 * factor)).astype(np.float32)
    x = pixels_of(4, 5)
    found = run(builder, output, x, {"up.weight": weight}, compiled)
    full = np.zeros((2, 3, 5 * factor, 6 * factor))
    for row in range(4):
        for column in range(5):
            stamp = x[:, :, row, column, None, None].astype(np.float64) * weight[:, 0]
            full[:, :, row * factor : row * factor + 2 * factor, column * factor : column * factor + 2 * factor] += (
                stamp
            )
    inner = slice(factor // 2, -(factor // 2))
    np.testing.assert_allclose(found, full[:, :, inner, inner], rtol=0, atol=1e-5)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found * np.float32(1.001), full[:, :, inner, inner], rtol=0, atol=1e-5)


def dense_case():
    """5 channels in, 4 out: the two counts must not be mixed up."""
    builder = GraphBuilder()
    x = builder.convolution(builder.input(), "in", 5, 1)
    graph = builder.finish(NetworkConfig(), {"x": builder.transposed_convolution(x, "up", 4), "features": x})
    rng = np.random.default_rng(1)
    weights = {p.name: rng.normal(size=p.shape).astype(np.float32) for p in graph.parameters()}
    assert weights["up.weight"].shape == (5, 4, 4, 4)
    return graph, weights


def dense_reference(x, weight):
    """Kernel 4, stride 2, padding 1 in float64: each cell stamps its kernel."""
    batch, _, height, width = x.shape
    full = np.zeros((batch, weight.shape[1], 2 * height + 2, 2 * width + 2))
    for row in range(height):
        for column in range(width):
            stamp = np.einsum("bi,iokl->bokl", x[:, :, row, column].astype(np.float64), weight.astype(np.float64))
            full[:, :, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4] += stamp
    return full[:, :, 1:-1, 1:-1]


@MODES
def test_dense_transposed_convolution_equals_numpy(compiled):
    graph, weights = dense_case()
    heads = MindSporeNetwork(graph, weights, compiled=compiled)(pixels_of(3, 5))
    expected = dense_reference(heads["features"], weights["up.weight"])
    np.testing.assert_allclose(heads["x"], expected, rtol=0, atol=2e-5)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(heads["x"] * np.float32(1.001), expected, rtol=0, atol=2e-5)


def gradients_of(graph, weights, pixels, cotangent, compiled):
    """Gradients of the sum of the first head times ``cotangent``, by name; ``pixels`` is one of the names."""
    network = build_network(graph, weights)
    names = list(weights)

    def forward(x):
        return (network(x)[0] * ms.Tensor(cotangent, ms.float32)).sum()

    gradient = ms.grad(forward, 0, ms.ParameterTuple([network.named[n] for n in names]) if names else None)
    found = (ms.jit(gradient) if compiled else gradient)(ms.Tensor(pixels))
    if not names:
        return {"pixels": found.asnumpy()}
    return {"pixels": found[0].asnumpy()} | {n: g.asnumpy() for n, g in zip(names, found[1], strict=True)}


@MODES
def test_gradients_pass_through_the_dense_transposed_convolution(compiled):
    graph, weights = dense_case()
    pixels = pixels_of(3, 5)
    cotangent = np.random.default_rng(2).normal(size=(2, 4, 6, 10))
    found = gradients_of(graph, weights, pixels, cotangent, compiled)

    def loss(kernel):
        features = np.einsum("oi,bihw->bohw", weights["in.weight"][:, :, 0, 0].astype(np.float64), pixels)
        return float((dense_reference(features, kernel) * cotangent).sum())

    direction = np.random.default_rng(3).normal(size=weights["up.weight"].shape)
    kernel = weights["up.weight"].astype(np.float64)
    numeric = (loss(kernel + direction) - loss(kernel - direction)) / 2  # linear in the kernel: exact
    ours = float((found["up.weight"] * direction).sum())
    np.testing.assert_allclose(ours, numeric, rtol=1e-4)
    assert abs(1.001 * ours - numeric) > 1e-4 * abs(numeric)
    assert found["in.weight"].any()


def bilinear_matrix(size, factor):
    """[size * factor, size]: linear interpolation between the centres of areas, the border repeated."""
    centres = (np.arange(size * factor) + 0.5) / factor - 0.5
    low = np.clip(np.floor(centres), 0, size - 1).astype(int)
    high = np.minimum(low + 1, size - 1)
    share = np.clip(centres, 0, size - 1) - low
    matrix = np.zeros((size * factor, size))
    np.add.at(matrix, (np.arange(len(centres)), low), 1 - share)
    np.add.at(matrix, (np.arange(len(centres)), high), share)
    return matrix


@MODES
@pytest.mark.parametrize("factor", [2, 4])
def test_bilinear_enlargement_and_its_gradient_equal_numpy(compiled, factor):
    builder = GraphBuilder()
    graph = builder.finish(NetworkConfig(), {"x": builder.resize(builder.input(), factor, "bilinear")})
    x = pixels_of(4, 6)
    rows, columns = bilinear_matrix(4, factor), bilinear_matrix(6, factor)
    expected = np.einsum("rh,bchw,kw->bcrk", rows, x.astype(np.float64), columns)
    found = MindSporeNetwork(graph, {}, compiled=compiled)(x)["x"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)
    with pytest.raises(AssertionError):  # nearest is something else
        np.testing.assert_allclose(x.repeat(factor, 2).repeat(factor, 3), expected, rtol=0, atol=2e-6)
    cotangent = np.random.default_rng(2).normal(size=expected.shape)
    gradient = gradients_of(graph, {}, x, cotangent, compiled)["pixels"]
    np.testing.assert_allclose(gradient, np.einsum("rh,bcrk,kw->bchw", rows, cotangent, columns), rtol=0, atol=2e-5)


@MODES
def test_stacked_pixels_and_their_gradient_equal_numpy(compiled):
    builder = GraphBuilder()
    graph = builder.finish(NetworkConfig(), {"x": builder.space_to_depth(builder.input())})
    x = pixels_of(4, 6)
    expected = np.concatenate([x[:, :, ::2, ::2], x[:, :, 1::2, ::2], x[:, :, ::2, 1::2], x[:, :, 1::2, 1::2]], 1)
    found = MindSporeNetwork(graph, {}, compiled=compiled)(x)["x"]
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(np.roll(found, 3, 1), expected)
    cotangent = np.random.default_rng(2).normal(size=expected.shape).astype(np.float32)
    gradient = gradients_of(graph, {}, x, cotangent, compiled)["pixels"]
    np.testing.assert_array_equal(gradient[:, :, 1::2, ::2], cotangent[:, 3:6])
    np.testing.assert_array_equal(gradient[:, :, ::2, 1::2], cotangent[:, 6:9])


@MODES
def test_max_pooling_with_stride_and_border_equals_numpy(compiled):
    builder = GraphBuilder()
    graph = builder.finish(NetworkConfig(), {"x": builder.max_pool(builder.input(), 3, 2, 1)})
    x = -1 - np.abs(pixels_of(6, 8))  # a border of 0 would win
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    expected = windows[:, :, ::2, ::2].max((-1, -2))
    found = MindSporeNetwork(graph, {}, compiled=compiled)(x)["x"]
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(AssertionError):  # shifted by a pixel
        np.testing.assert_array_equal(found, windows[:, :, 1::2, 1::2].max((-1, -2)))
    cotangent = np.ones(expected.shape, np.float32)
    gradient = gradients_of(graph, {}, x, cotangent, compiled)["pixels"]
    assert gradient.sum() == expected.size  # every window's largest value, and nothing lost in the border
    assert set(x[gradient > 0]) == set(expected.ravel())


def test_maps_are_let_go_and_their_variables_used_again():
    builder = GraphBuilder()
    x = builder.input()
    for _ in range(20):
        x = builder.activation(x)
    graph = builder.finish(NetworkConfig(), {"x": x})
    variables = set(build_network(graph, {}).construct.__code__.co_varnames)
    assert len(variables - {"self", "pixels"}) <= 2


def test_the_written_source_goes_with_its_network(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    builder = GraphBuilder()
    graph = builder.finish(NetworkConfig(), {"x": builder.activation(builder.input())})
    network = build_network(graph, {})
    assert len(list(tmp_path.iterdir())) == 1
    del network
    gc.collect()
    with pytest.raises(InputError, match="extra is unexpected"):
        build_network(graph, {"extra": np.zeros(1, np.float32)})
    assert not list(tmp_path.iterdir())
