"""The deformable convolution of training on a processor equals MindSpore's own, which is compared with NumPy."""

import numpy as np
import pytest
from training import small_config, small_weights

from fairmot.network.architectures import build_graph
from fairmot.network.layers import DeformableConvolution

ms = pytest.importorskip("mindspore")

from fairmot.engines.mindspore.deformable import SampledDeformableConvolution  # noqa: E402
from fairmot.engines.mindspore.layers import _DeformableConvolution  # noqa: E402
from fairmot.engines.mindspore.network import build_network  # noqa: E402
from fairmot.engines.mindspore.training_network import build_training_network  # noqa: E402


def cells(stride=1):
    """The operator and its other form, with the same parameters; 5 channels in, 4 out."""
    rng = np.random.default_rng(1)
    layer = DeformableConvolution(4, stride=stride)
    arrays = {"weight": rng.normal(size=(4, 5, 3, 3)), "bias": rng.normal(size=4)}
    own = _DeformableConvolution(layer, *(ms.Parameter(ms.Tensor(a, ms.float32), name=n) for n, a in arrays.items()))
    return own, SampledDeformableConvolution(own)


def maps(stride=1):
    """A map and offsets, many of which lead outside."""
    rng = np.random.default_rng(2)
    shape = (2, 27, 6 // stride, 8 // stride)
    return rng.normal(size=(2, 5, 6, 8)).astype(np.float32), (3 * rng.normal(size=shape)).astype(np.float32)


def results(cell, x, offsets, compiled):
    """Output, and the gradients of map, offsets, weight and bias."""
    shape = (2, 4, *offsets.shape[2:])
    cotangent = ms.Tensor(np.random.default_rng(3).normal(size=shape), ms.float32)

    def total(x, offsets):
        y = cell(x, offsets)
        return (y * cotangent).sum(), y

    both = ms.value_and_grad(total, (0, 1), ms.ParameterTuple([cell.weight, cell.bias]), has_aux=True)
    (_, y), (of_maps, of_parameters) = (ms.jit(both) if compiled else both)(ms.Tensor(x), ms.Tensor(offsets))
    return [array.asnumpy() for array in (y, *of_maps, *of_parameters)]


@pytest.mark.parametrize(("compiled", "stride"), [(False, 1), (False, 2), (True, 1)])
def test_sampling_by_a_sparse_product_equals_the_operator(compiled, stride):
    x, offsets = maps(stride)
    own, other = (results(cell, x, offsets, compiled) for cell in cells(stride))
    for expected, found in zip(own, other, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
        with pytest.raises(AssertionError):
            np.testing.assert_allclose(found * 1.001, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    # Offsets that swap rows and columns are another result.
    swapped = offsets.copy()
    swapped[:, 0:18:2], swapped[:, 1:18:2] = offsets[:, 1:18:2], offsets[:, 0:18:2]
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(results(cells(stride)[1], x, swapped, False)[0], own[0], rtol=0, atol=1e-2)


def test_what_is_not_a_number_has_no_cell():
    x, offsets = maps()
    _, cell = cells()

    def changed(value, channel=3):
        other = offsets.copy()
        other[0, channel, 2, 2] = value
        return cell(ms.Tensor(x), ms.Tensor(other)).asnumpy()

    far = changed(1e6)
    assert np.isfinite(far).all()
    np.testing.assert_array_equal(changed(np.inf), far)
    elsewhere = np.arange(6 * 8) != 2 * 8 + 2
    for lost in (changed(np.nan), changed(np.nan, channel=20)):
        kept, expected = (each[0].reshape(4, -1)[:, elsewhere] for each in (lost, far))
        np.testing.assert_allclose(kept, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    # A run that has lost its numbers has lost them in the masks too, and is noticed: the step is not taken.
    assert np.isnan(lost[0, :, 2, 2]).all()


def test_training_takes_it_and_exports_do_not():
    config = small_config("dla_34")
    graph, weights = build_graph(config.network), small_weights(config)
    layers = [f"layer{i}" for i, node in enumerate(graph.nodes) if isinstance(node.layer, DeformableConvolution)]
    assert layers
    trained, plain = build_training_network(graph, weights, None, 1), build_network(graph, weights)
    assert {type(getattr(trained, name)) for name in layers} == {SampledDeformableConvolution}
    assert {type(getattr(plain, name)) for name in layers} == {_DeformableConvolution}
