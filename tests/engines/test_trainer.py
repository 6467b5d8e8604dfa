"""What ``fairmot.engines.interface.Trainer`` promises, of each training engine."""

import numpy as np
import pytest
from training import graph_of, small_batch, small_config, tiny_graph, tiny_trainer, trainer_of

from fairmot.errors import InputError

ENGINES = pytest.mark.parametrize("engine", ["torch", "mindspore"])
ENGINES_AND_MODES = pytest.mark.parametrize(
    ("engine", "compiled"), [("torch", False), ("mindspore", False), ("mindspore", True)]
)


def assert_same_arrays(first, second):
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


@pytest.mark.parametrize(
    ("architecture", "engine"),
    [
        ("yolo", "torch"),
        ("yolo", "mindspore"),
        ("dla_34", "torch"),
        pytest.param("dla_34", "mindspore", marks=pytest.mark.slow),
    ],
)
def test_every_parameter_is_registered_and_changes(engine, architecture):
    config = small_config(architecture)
    trainer = trainer_of(engine, config)
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


@ENGINES
def test_a_state_moves_to_another_trainer_bit_for_bit(engine):
    config = small_config(optimizer={"ema_decay": 0.5})
    first, second = tiny_trainer(engine, config), tiny_trainer(engine, config)
    first.step(small_batch(1), 1e-3)
    second.load_state(first.state())
    for trainer in (first, second):
        trainer.step(small_batch(2), 1e-3)
    state = second.state()
    assert_same_arrays(first.state(), state)
    assert state["step"] == 2
    state["ema.hm.2.bias"] = state["ema.hm.2.bias"] + np.float32(1e-6)
    with pytest.raises(AssertionError):
        assert_same_arrays(first.state(), state)


@ENGINES
def test_a_state_of_another_run_is_refused_by_name(engine):
    trainer = tiny_trainer(engine, small_config())
    state = trainer.state()
    state["classifier.bias"] = np.zeros(3, np.float32)
    del state["optimizer.m.loss.s_id"]
    with pytest.raises(InputError, match=r"optimizer\.m\.loss\.s_id is missing.*classifier\.bias has shape \[3\]"):
        trainer.load_state(state)


@ENGINES
def test_too_few_identities_leave_the_term_out(engine):
    trainer = tiny_trainer(engine, small_config(), identity_count=2)
    assert not any(name.startswith("classifier") for name in trainer.state())
    before = trainer.state()["loss.s_id"]
    result = trainer.step(small_batch(), 1e-3)
    assert result.losses["identity"] == 0
    np.testing.assert_array_equal(trainer.state()["loss.s_id"], before)


@ENGINES
def test_three_identities_have_a_term(engine):
    batch = small_batch()
    batch.identities = np.minimum(batch.identities, 2)
    assert tiny_trainer(engine, small_config(), identity_count=3).step(batch, 1e-3).losses["identity"] > 0


@ENGINES_AND_MODES
def test_gradients_change_nothing_and_know_both_modes(engine, compiled):
    trainer = tiny_trainer(engine, small_config(optimizer={"rate_factors": {"wh.": 0.0}}), compiled=compiled)
    before = trainer.state()
    (training, ours), (evaluating, _) = (trainer.gradients(small_batch(), training) for training in (True, False))
    assert training.losses["total"] != evaluating.losses["total"]
    assert_same_arrays(trainer.state(), before)
    again, same = trainer.gradients(small_batch())
    assert again.losses == training.losses
    assert_same_arrays(same, ours)
    # Frozen parameters have their entry, and it is 0.
    assert {name for name, array in ours.items() if not array.any()} == {n for n in ours if ".wh." in n}
    assert ours.keys() == {name.removeprefix("optimizer.m.") for name in before if name.startswith("optimizer.m.")}


@ENGINES
def test_averages_follow_the_formula(engine):
    trainer = tiny_trainer(engine, small_config(optimizer={"ema_decay": 0.9, "rate_factors": {"wh.": 0.0}}))
    start = trainer.state()
    expected = {name: array.astype(np.float64) for name, array in start.items() if name.startswith("ema.")}
    for count in (1, 2):
        trainer.step(small_batch(count), 1e-2)
        state = trainer.state()
        decay = (1 + count) / (10 + count)
        for name, average in expected.items():
            expected[name] = decay * average + (1 - decay) * state[f"network.{name.removeprefix('ema.')}"]
    trained = {f"ema.{p.name}" for p in tiny_graph(trainer.config).parameters() if p.trainable}
    for name in trained:
        np.testing.assert_allclose(state[name], expected[name], rtol=0, atol=1e-6, err_msg=name)
    for name in expected.keys() - trained:  # the newest statistics, which are averages already
        np.testing.assert_array_equal(state[name], state[f"network.{name.removeprefix('ema.')}"])
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(state["ema.hm.2.weight"], expected["ema.hm.2.weight"] + 1e-5, rtol=0, atol=1e-6)


@ENGINES
def test_a_padded_slot_of_nonsense_changes_nothing(engine):
    trainer = tiny_trainer(engine, small_config())
    batch, spoiled = small_batch(), small_batch()
    padded = ~spoiled.is_object
    spoiled.extents[padded] = np.nan
    spoiled.offsets[padded] = np.inf
    spoiled.cells[padded] = 10**9
    spoiled.identities[padded] = 10**6
    (losses, ours), (other, theirs) = trainer.gradients(batch), trainer.gradients(spoiled)
    assert losses.losses == other.losses
    assert_same_arrays(ours, theirs)
    spoiled.is_object[...] = batch.is_object | (np.arange(batch.is_object.shape[1]) == np.argmax(padded[0]))
    spoiled.extents[padded] = 9.0
    spoiled.offsets[padded] = spoiled.cells[padded] = 0
    spoiled.identities[padded] = -1
    assert trainer.gradients(spoiled)[0].losses["extents"] != losses.losses["extents"]
