"""Batch norm of the PyTorch engine against float64, on maps whose channels lie side by side."""

import numpy as np
import pytest

from fairmot.config import NetworkConfig
from fairmot.network.graph import GraphBuilder
from fairmot.network.initial import initial_weights

torch = pytest.importorskip("torch")

from fairmot.engines.torch.batch_norm import MOST_CELLS, batch_norm, needs_precise_sums  # noqa: E402
from fairmot.engines.torch.training_network import TrainingNetwork  # noqa: E402


def side_by_side(shape, seed=0):
    values = np.random.default_rng(seed).normal(1, 2, shape).astype(np.float32)
    return torch.from_numpy(values).contiguous(memory_format=torch.channels_last)


def test_statistics_of_a_large_map_equal_float64():
    x = side_by_side((2, 3, 608, 1088))  # as the canvases come, three channels
    builder = GraphBuilder()
    graph = builder.finish(NetworkConfig(), {"x": builder.batch_norm(builder.input(), "bn")})
    network = TrainingNetwork(graph, None)
    network.load_arrays(initial_weights(graph))
    network.train()
    with torch.no_grad():
        found = network(x)["x"]
    assert found.is_contiguous(memory_format=torch.channels_last)
    exact = x.double()
    mean, variance = exact.mean((0, 2, 3)), exact.var((0, 2, 3))
    arrays = network.arrays()
    assert arrays["bn.num_batches_tracked"] == 1
    expected = {"running_mean": 0.1 * mean, "running_var": 0.9 + 0.1 * variance}
    for name, values in expected.items():
        np.testing.assert_allclose(arrays[f"bn.{name}"], values, rtol=3e-6)
        with pytest.raises(AssertionError):  # a ten thousandth is noticed
            np.testing.assert_allclose(arrays[f"bn.{name}"] * 1.0001, values, rtol=3e-6)


def test_gradients_equal_float64():
    x, cotangent = side_by_side((2, 3, 16, 24)), side_by_side((2, 3, 16, 24), 1)
    weight, bias = torch.tensor([0.5, 1.0, -2.0]), torch.tensor([0.0, 1.0, 3.0])
    given = [each.clone().requires_grad_() for each in (x, weight, bias)]
    running = [torch.zeros(3), torch.ones(3)]
    result = batch_norm(given[0], *running, *given[1:], 0.1, 1e-5)
    result.backward(cotangent)
    exact = [each.double().requires_grad_() for each in (x, weight, bias)]
    statistics = [torch.zeros(3).double(), torch.ones(3).double()]
    expected = torch.nn.functional.batch_norm(exact[0], *statistics, *exact[1:], True, 0.1, 1e-5)
    expected.backward(cotangent.double())
    pairs = [(result, expected), *zip(running, statistics, strict=True)]
    pairs += [(a.grad, b.grad) for a, b in zip(given, exact, strict=True)]
    for ours, reference in pairs:
        ours, reference = ours.detach().numpy(), reference.detach().numpy()
        np.testing.assert_allclose(ours, reference, rtol=1e-5, atol=1e-5 * np.abs(reference).max())
        with pytest.raises(AssertionError):
            np.testing.assert_allclose(1.001 * ours, reference, rtol=1e-5, atol=1e-5 * np.abs(reference).max())


def test_only_large_maps_with_channels_side_by_side_take_it():
    large = side_by_side((1, 2, MOST_CELLS // 64 + 1, 64))
    assert needs_precise_sums(large)
    assert not needs_precise_sums(large.contiguous())
    assert not needs_precise_sums(large.bfloat16())
    assert not needs_precise_sums(side_by_side((1, 2, MOST_CELLS // 64, 64)))
