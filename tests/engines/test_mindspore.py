from dataclasses import replace

import numpy as np
import pytest
from training import small_batch, small_config, tiny_trainer, tiny_weights

from fairmot.network.graph import GraphBuilder
from fairmot.network.initial import initial_weights

ms = pytest.importorskip("mindspore")

from fairmot.engines.mindspore.loss import focal_loss  # noqa: E402
from fairmot.engines.mindspore.network import MindSporeNetwork, build_network  # noqa: E402


def test_running_statistics_follow_pytorchs_convention():
    builder = GraphBuilder()
    x = builder.batch_norm(builder.convolution(builder.input(), "c", 4, 3, stride=2), "n", momentum=0.25)
    graph = builder.finish(small_config().network, {"x": x})
    rng = np.random.default_rng(0)
    weights = initial_weights(graph) | {"c.weight": rng.normal(size=(4, 3, 3, 3)).astype(np.float32)}
    pixels = rng.random((2, 3, 8, 8), dtype=np.float32)
    network = build_network(graph, weights)
    network.set_train(True)
    network(ms.Tensor(pixels))
    arrays = network.arrays()

    before = replace(graph, outputs={"x": x - 1})
    values = MindSporeNetwork(before, weights, compiled=False)(pixels)["x"].astype(np.float64)
    values = values.transpose(1, 0, 2, 3).reshape(4, -1)
    np.testing.assert_allclose(arrays["n.running_mean"], 0.25 * values.mean(1), rtol=1e-5)
    np.testing.assert_allclose(arrays["n.running_var"], 0.75 + 0.25 * values.var(1, ddof=1), rtol=1e-5)
    with pytest.raises(AssertionError):  # the biased variance would be another number
        np.testing.assert_allclose(arrays["n.running_var"], 0.75 + 0.25 * values.var(1), rtol=1e-5)


def test_compiled_steps_equal_eager_ones():
    config = small_config(optimizer={"name": "sgd"})
    eager, compiled = (tiny_trainer("mindspore", config, compiled=choice) for choice in (False, True))
    losses = [trainer.step(small_batch(), 1e-3).losses for trainer in (eager, compiled)]
    for name, value in losses[0].items():
        np.testing.assert_allclose(losses[1][name], value, rtol=1e-5, err_msg=name)
    start = tiny_weights(config)
    ours, theirs = eager.state(), compiled.state()
    name = "network.hm.2.weight"
    moved, other = ours[name] - start["hm.2.weight"], theirs[name] - start["hm.2.weight"]
    assert np.linalg.norm(moved - other) <= 1e-3 * np.linalg.norm(moved)
    assert np.linalg.norm(moved - 1.01 * other) > 1e-3 * np.linalg.norm(moved)
    # Rate and step count are arguments of the compiled graph, not constants in it.
    compiled.step(small_batch(), 0.0)
    np.testing.assert_array_equal(compiled.state()[name], theirs[name])
    compiled.step(small_batch(), 1e-3)
    assert not np.array_equal(compiled.state()[name], theirs[name])


def test_large_maps_are_summed_precisely():
    rng = np.random.default_rng(8)
    shape = (4, 1, 152, 272)
    logits = rng.normal(-2, 1, shape).astype(np.float32)
    target = (0.5 * rng.random(shape) ** 8).astype(np.float32)
    target.reshape(-1)[:40] = 1
    found = float(focal_loss(ms.Tensor(logits), ms.Tensor(target)).asnumpy())
    p, t = 1 / (1 + np.exp(-logits.astype(np.float64))), target.astype(np.float64)
    expected = -np.where(t == 1, np.log(p) * (1 - p) ** 2, np.log(1 - p) * p**2 * (1 - t) ** 4).sum()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found * 1.00002, expected, rtol=1e-5)
