from dataclasses import replace

import numpy as np
import pytest
from training import IDENTITIES, graph_of, small_batch, small_config, small_weights

from fairmot.errors import InputError
from fairmot.network.graph import GraphBuilder
from fairmot.network.initial import initial_weights

ms = pytest.importorskip("mindspore")

from fairmot.engines.mindspore import create_trainer, load_network  # noqa: E402
from fairmot.engines.mindspore.network import build_network  # noqa: E402


def trainer_of(config, identity_count=IDENTITIES, compiled=False):
    weights = small_weights(config)
    return create_trainer(graph_of(config), weights, identity_count, config, "cpu", compiled=compiled)


@pytest.mark.parametrize("architecture", ["lite", "dla_34"])
def test_every_parameter_is_registered_and_changes(architecture):
    config = small_config(architecture)
    trainer = trainer_of(config)
    trained = {f"network.{p.name}" for p in graph_of(config).parameters() if p.trainable}
    trained |= {"classifier.weight", "classifier.bias", "loss.s_det", "loss.s_id"}
    before = trainer.state()
    assert {name.removeprefix("optimizer.m.") for name in before if name.startswith("optimizer.m.")} == trained
    trainer.step(small_batch(), 1e-2)
    after = trainer.state()
    for name in trained:
        # A bias in front of a batch norm has no gradient but rounding.
        if name.endswith("conv.bias") and architecture == "dla_34":
            continue
        assert not np.array_equal(before[name], after[name]), name


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
    values = load_network(before, weights, "cpu", compiled=False)(pixels)["x"].astype(np.float64)
    values = values.transpose(1, 0, 2, 3).reshape(4, -1)
    np.testing.assert_allclose(arrays["n.running_mean"], 0.25 * values.mean(1), rtol=1e-5)
    np.testing.assert_allclose(arrays["n.running_var"], 0.75 + 0.25 * values.var(1, ddof=1), rtol=1e-5)
    with pytest.raises(AssertionError):  # the biased variance would be another number
        np.testing.assert_allclose(arrays["n.running_var"], 0.75 + 0.25 * values.var(1), rtol=1e-5)


def test_a_state_moves_to_another_trainer_bit_for_bit():
    config = small_config(optimizer={"ema_decay": 0.5})
    first, second = trainer_of(config), trainer_of(config)
    first.step(small_batch(1), 1e-3)
    second.load_state(first.state())
    for trainer in (first, second):
        trainer.step(small_batch(2), 1e-3)
    state = second.state()
    for name, array in first.state().items():
        np.testing.assert_array_equal(array, state[name], err_msg=name)
    assert state["step"] == 2


def test_a_state_of_another_run_is_refused_by_name():
    trainer = trainer_of(small_config())
    state = trainer.state()
    state["classifier.bias"] = np.zeros(3, np.float32)
    del state["optimizer.m.loss.s_id"]
    with pytest.raises(InputError, match=r"optimizer\.m\.loss\.s_id is missing.*classifier\.bias has shape \[3\]"):
        trainer.load_state(state)


def test_too_few_identities_leave_the_term_out():
    trainer = trainer_of(small_config(), identity_count=2)
    assert not any(name.startswith("classifier") for name in trainer.state())
    before = trainer.state()["loss.s_id"]
    result = trainer.step(small_batch(), 1e-3)
    assert result.losses["identity"] == 0
    np.testing.assert_array_equal(trainer.state()["loss.s_id"], before)


def test_compiled_steps_equal_eager_ones():
    config = small_config(optimizer={"name": "sgd"})
    eager, compiled = trainer_of(config), trainer_of(config, compiled=True)
    losses = [trainer.step(small_batch(), 1e-3).losses for trainer in (eager, compiled)]
    for name, value in losses[0].items():
        np.testing.assert_allclose(losses[1][name], value, rtol=1e-5, err_msg=name)
    start = small_weights(config)
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
