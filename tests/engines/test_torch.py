import numpy as np
import pytest
from training import graph_of, small_batch, small_config, small_weights

torch = pytest.importorskip("torch")

from fairmot.engines.torch.deformable import deformable_convolution, sampled_convolution  # noqa: E402
from fairmot.engines.torch.detector import decode  # noqa: E402
from fairmot.engines.torch.inference import load_canvas_detector, load_network  # noqa: E402
from fairmot.engines.torch.optimizer import Optimizer  # noqa: E402


def test_sgd_and_adam_with_decay():
    from fairmot.config import OptimizerConfig

    for name in ("sgd", "adam"):
        p = torch.nn.Parameter(torch.full((2, 2), 3.0))
        optimizer = Optimizer({"p": p}, OptimizerConfig(name=name, weight_decay=0.1))
        p.grad.fill_(0.5)
        optimizer.step(0.01, 1)
        expected = 3 - 0.01 * (0.5 + 0.3) if name == "sgd" else 3 - 0.01
        np.testing.assert_allclose(p.detach().numpy(), expected, rtol=1e-6)


def test_deformable_convolution_equals_the_definition():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 5, 6))
    weight = rng.normal(size=(4, 3, 3, 3))
    bias = rng.normal(size=4)
    maps = rng.normal(size=(2, 27, 5, 6)) * 1.5

    def pixel(image, row, column):
        inside = 0 <= row < 5 and 0 <= column < 6
        return image[:, row, column] if inside else np.zeros(3)

    expected = np.zeros((2, 4, 5, 6))
    for b, row, column in np.ndindex(2, 5, 6):
        for tap in range(9):
            y = row - 1 + tap // 3 + maps[b, 2 * tap, row, column]
            x_position = column - 1 + tap % 3 + maps[b, 2 * tap + 1, row, column]
            top, left = int(np.floor(y)), int(np.floor(x_position))
            dy, dx = y - top, x_position - left
            value = (1 - dy) * ((1 - dx) * pixel(x[b], top, left) + dx * pixel(x[b], top, left + 1))
            value += dy * ((1 - dx) * pixel(x[b], top + 1, left) + dx * pixel(x[b], top + 1, left + 1))
            mask = 1 / (1 + np.exp(-maps[b, 18 + tap, row, column]))
            expected[b, :, row, column] += weight[:, :, tap // 3, tap % 3] @ value * mask
    expected += bias[:, None, None]

    def tensors(arrays):
        return [torch.tensor(array, dtype=torch.float32) for array in arrays]

    result = deformable_convolution(*tensors((x, maps, weight, bias)), 1, 1)
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol=2e-5)
    swapped = maps.copy()
    swapped[:, [0, 1]] = maps[:, [1, 0]]  # x and y of the first tap exchanged
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(
            deformable_convolution(*tensors((x, swapped, weight, bias)), 1, 1).numpy(), expected, rtol=0, atol=2e-5
        )


def test_deformable_convolution_has_the_gradients_of_finite_differences():
    rng = np.random.default_rng(1)
    x, offsets, mask, weight, bias = (
        torch.tensor(rng.normal(size=shape), dtype=torch.float64, requires_grad=True)
        for shape in ((1, 2, 4, 5), (1, 18, 4, 5), (1, 9, 4, 5), (3, 2, 3, 3), (3,))
    )

    def convolve(x, offsets, mask, weight, bias):
        return sampled_convolution(x, offsets, mask, weight, bias, 1, 1)

    assert torch.autograd.gradcheck(convolve, (x, offsets, mask, weight, bias), eps=1e-6, atol=1e-4)


@pytest.mark.parametrize(("half", "limit"), [(torch.bfloat16, 0.01), (torch.float16, 0.0015)])
def test_half_precision_multiplies_but_does_not_place_the_samples(half, limit):
    """At the right of a wide map a position in bfloat16 is off by a quarter of a cell."""
    rng = np.random.default_rng(2)
    x, maps, weight, bias = (
        torch.tensor(rng.normal(size=shape), dtype=torch.float32)
        for shape in ((1, 16, 4, 272), (1, 27, 4, 272), (8, 16, 3, 3), (8,))
    )
    x, maps = x.to(half), maps.to(half)
    expected = deformable_convolution(x.float(), maps.float(), weight, bias, 1, 1)

    def distance(maps):
        with torch.autocast("cpu", half):
            found = deformable_convolution(x, maps, weight, bias, 1, 1)
        assert found.dtype == half
        return float((found.float() - expected).norm() / expected.norm())

    assert distance(maps) < limit
    assert distance(maps + 0.02) > limit


@pytest.mark.parametrize("case", ["dla_34_s18_1x320x576", "dlaconv_34_s11_1x320x576"])
def test_decoding_finds_the_published_cells(case, oracle):
    arrays = oracle(f"forward_{case}.npz")
    maps = {"heatmap": arrays["hm"], "extents": arrays["wh"], "offsets": arrays["reg"]}
    # The cells stand in for the embedding: what is gathered tells from where, before it is normalised.
    height, width = arrays["hm"].shape[2:]
    rows, columns = np.mgrid[:height, :width]
    maps["embedding"] = np.stack([rows + 1, columns + 1])[None].astype(np.float32)
    heads = {name: torch.from_numpy(array) for name, array in maps.items()}
    boxes, scores, class_ids, embeddings = (t.numpy() for t in decode(heads, int(arrays["K"]), stride=1))

    def compare(dets, cells):
        np.testing.assert_allclose(boxes, dets[..., :4], rtol=0, atol=1e-4)
        np.testing.assert_allclose(scores, dets[..., 4], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(class_ids, dets[..., 5])
        expected = np.stack([cells // width + 1, cells % width + 1], axis=-1)
        expected = expected / np.linalg.norm(expected, axis=-1, keepdims=True)
        np.testing.assert_allclose(embeddings, expected, rtol=0, atol=1e-6)

    compare(arrays["dets"], arrays["inds"])
    with pytest.raises(AssertionError):
        compare(arrays["dets"] + 1e-3, arrays["inds"])
    with pytest.raises(AssertionError):
        compare(arrays["dets"], arrays["inds"] + (np.arange(arrays["inds"].size) == 5))


def test_detections_are_sorted_and_embeddings_have_unit_length():
    config = small_config()
    detector = load_canvas_detector(graph_of(config), small_weights(config), (96, 64), 50, "cpu")
    found = detector(small_batch().images)
    assert found.boxes_xyxy.shape == (2, 50, 4)
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=2), 1, rtol=1e-5)
    assert np.all(np.diff(found.scores, axis=1) <= 0)


def test_more_objects_than_cells_are_not_asked_for():
    config = small_config()
    detector = load_canvas_detector(graph_of(config), small_weights(config), (96, 64), 10_000, "cpu")
    assert detector(small_batch().images).scores.shape == (2, 16 * 24)


def test_the_network_needs_exactly_its_arrays():
    config = small_config()
    weights = small_weights(config)
    del weights["hm.2.bias"]
    with pytest.raises(RuntimeError, match=r"hm\.2\.bias"):
        load_network(graph_of(config), weights, "cpu")
