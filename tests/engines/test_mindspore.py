from dataclasses import replace

import numpy as np
import pytest
from training import IDENTITIES, graph_of, small_batch, small_config, small_weights

from fairmot.errors import InputError
from fairmot.network.graph import GraphBuilder
from fairmot.network.initial import initial_weights

ms = pytest.importorskip("mindspore")

from fairmot.engines.mindspore import create_trainer, load_network  # noqa: E402
from fairmot.engines.mindspore.loss import focal_loss  # noqa: E402
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


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_gradients_change_nothing_and_know_both_modes(compiled):
    config = small_config()
    trainer = trainer_of(config, compiled=compiled)
    before = trainer.state()
    (training, ours), (evaluating, _) = (trainer.gradients(small_batch(), training) for training in (True, False))
    assert training.losses["total"] != evaluating.losses["total"]
    for name, array in trainer.state().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    again, same = trainer.gradients(small_batch())
    assert again.losses == training.losses
    for name, array in same.items():
        np.testing.assert_array_equal(array, ours[name], err_msg=name)


def test_averages_follow_the_formula():
    trainer = trainer_of(small_config(optimizer={"ema_decay": 0.9, "rate_factors": {"wh.": 0.0}}))
    start = trainer.state()
    expected = {name: array.astype(np.float64) for name, array in start.items() if name.startswith("ema.")}
    for count in (1, 2):
        trainer.step(small_batch(count), 1e-2)
        state = trainer.state()
        decay = min(0.9, (1 + count) / (10 + count))
        for name, average in expected.items():
            expected[name] = decay * average + (1 - decay) * state[f"network.{name.removeprefix('ema.')}"]
    trained = {f"ema.{p.name}" for p in graph_of(trainer.config).parameters() if p.trainable}
    for name in trained:
        np.testing.assert_allclose(state[name], expected[name], rtol=0, atol=1e-6, err_msg=name)
    for name in expected.keys() - trained:  # the newest statistics, which are averages already
        np.testing.assert_array_equal(state[name], state[f"network.{name.removeprefix('ema.')}"])
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(state["ema.hm.2.weight"], expected["ema.hm.2.weight"] + 1e-5, rtol=0, atol=1e-6)


def test_large_maps_are_summed_precisely():
    rng = np.random.default_rng(8)
    shape = (4, 1, 152, 272)
    logits = rng.normal(-2, 1, shape).astype(np.float32)
    target = (0.5 * rng.random(shape) ** 8).astype(np.float32)
    target.reshape(-1)[:40] = 1
    found = float(focal_loss(ms.Tensor(logits), ms.Tensor(target)).asnumpy())
    p, t = 1 / (1 + np.exp(-logits.astype(np.float64))), target.astype(np.float64)
    expected = -np.where(t == 1, np.log(p) * (1 - p) ** 2, np.log(1 - p) * p**2 * (1 - t) ** 4).sum() / 40
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found * 1.00002, expected, rtol=1e-5)


def test_a_padded_slot_of_nonsense_changes_nothing():
    trainer = trainer_of(small_config())
    batch, spoiled = small_batch(), small_batch()
    padded = ~spoiled.is_object
    spoiled.extents[padded] = np.nan
    spoiled.offsets[padded] = np.inf
    spoiled.cells[padded] = 10**9
    spoiled.identities[padded] = 10**6
    (losses, ours), (other, theirs) = trainer.gradients(batch), trainer.gradients(spoiled)
    assert losses.losses == other.losses
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
