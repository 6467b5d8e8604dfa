"""What ``Trainer`` promises, of a network on several levels in each training engine."""

import numpy as np
import pytest
from levels import level_batch, level_config, tiny_level_graph, tiny_level_trainer
from test_parity import assert_close
from test_trainer import ENGINES, ENGINES_AND_MODES, assert_same_arrays


def few_objects(batch):
    """The first image with one object, so that the halves of a batch differ."""
    batch.is_object[0, np.flatnonzero(batch.is_object[0])[1:]] = False
    return batch


@ENGINES
def test_every_parameter_is_registered_and_changes(engine):
    config = level_config(classes=2)
    trainer = tiny_level_trainer(engine, config, (5, 4))
    batch = level_batch(classes=2)
    batch.identities[...] = np.where(batch.class_ids == 0, batch.identities % 5, 5 + batch.identities % 4)
    for image, is_object in enumerate(batch.is_object):
        batch.boxes_xyxy[image, np.argmax(is_object)] = 2, 2, 94, 62  # for the coarsest level
    trained = {f"network.{p.name}" for p in tiny_level_graph(config).parameters() if p.trainable}
    trained |= {f"classifier.{number}.{kind}" for number in (0, 1) for kind in ("weight", "bias")}
    trained |= {"loss.s_det", "loss.s_id"}
    before = trainer.state()
    assert {name.removeprefix("optimizer.m.") for name in before if name.startswith("optimizer.m.")} == trained
    result = trainer.step(batch, 1e-2)
    assert list(result.losses) == ["total", "scores", "boxes", "identity"]
    assert all(value > 0 for value in result.losses.values())
    after = trainer.state()
    for name in trained:
        assert not np.array_equal(before[name], after[name]), name


@pytest.mark.parametrize("engine", ["torch", pytest.param("mindspore", marks=pytest.mark.slow)])
def test_a_state_moves_to_another_trainer_bit_for_bit(engine):
    config = level_config(optimizer={"ema_decay": 0.5})
    first, second = tiny_level_trainer(engine, config), tiny_level_trainer(engine, config)
    first.step(level_batch(1), 1e-3)
    second.load_state(first.state())
    for trainer in (first, second):
        trainer.step(level_batch(2), 1e-3)
    assert_same_arrays(first.state(), second.state())
    first.step(level_batch(3), 1e-3)
    with pytest.raises(AssertionError):
        assert_same_arrays(first.state(), second.state())


@ENGINES_AND_MODES
def test_a_padded_slot_of_nonsense_changes_nothing(engine, compiled):
    trainer = tiny_level_trainer(engine, level_config(), compiled=compiled)
    batch, spoiled = level_batch(), level_batch()
    padded = ~spoiled.is_object
    spoiled.boxes_xyxy[padded] = np.nan
    spoiled.class_ids[padded] = 10**9
    spoiled.identities[padded] = 10**6
    (losses, ours), (other, theirs) = trainer.gradients(batch), trainer.gradients(spoiled)
    assert losses.losses == other.losses
    assert_same_arrays(ours, theirs)
    spoiled.is_object[:, np.argmax(padded[0])] = True
    spoiled.boxes_xyxy[padded] = 40, 20, 70, 60
    spoiled.class_ids[padded], spoiled.identities[padded] = 0, -1
    assert trainer.gradients(spoiled)[0].losses["boxes"] != losses.losses["boxes"]


@ENGINES
def test_boxes_that_are_no_numbers_read_no_foreign_memory(engine):
    trainer = tiny_level_trainer(engine, level_config())
    batch, empty = level_batch(), level_batch()
    slot = np.argmax(batch.is_object[0])
    batch.boxes_xyxy[0, slot] = np.nan, np.inf, np.nan, -np.inf
    batch.identities[0, slot] = empty.identities[0, slot] = 2
    _, gradients = trainer.gradients(batch)
    empty.boxes_xyxy[0, slot] = 0  # where they read instead
    _, expected = trainer.gradients(empty)
    name = "network.appearance.0.conv.weight"
    np.testing.assert_array_equal(gradients[name], expected[name])
    empty.boxes_xyxy[0, slot] = 8
    assert not np.array_equal(trainer.gradients(empty)[1][name], expected[name])


@ENGINES
def test_a_frozen_detector_and_frozen_statistics_stay(engine):
    factors = {"backbone.": 0.0, "bbox_head.": 0.0, "appearance.": 0.0}
    trainer = tiny_level_trainer(engine, level_config(optimizer={"rate_factors": factors, "weight_decay": 0.1}))
    before = trainer.state()
    trainer.step(level_batch(), 1e-2)
    changed = {name for name, array in trainer.state().items() if not np.array_equal(before[name], array)}
    assert "network.id.0.weight" in changed
    assert {name for name in changed if name.startswith("network.")} == {
        f"network.id.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")
    }
    # Without its factor the branch moves, and so do the statistics of its batch norms.
    del factors["appearance."]
    trainer = tiny_level_trainer(engine, level_config(optimizer={"rate_factors": factors}))
    trainer.step(level_batch(), 1e-2)
    changed = {name for name, array in trainer.state().items() if not np.array_equal(before[name], array)}
    assert {f"network.appearance.0.bn.{kind}" for kind in ("weight", "running_mean", "num_batches_tracked")} <= changed


@ENGINES
def test_passes_are_the_mean_of_their_losses(engine):
    # Each pass divides by its own qualities, as published: no pass knows those of the next.
    whole = few_objects(level_batch(images=2))
    halves = [few_objects(level_batch(images=2)) for _ in range(2)]
    for image, half in enumerate(halves):
        for name, array in vars(half).items():
            setattr(half, name, array[image : image + 1])
    config = level_config(loss={"weighting": "fixed", "identity_weight": 0.0})
    expected = [tiny_level_trainer(engine, config).gradients(half, training=False) for half in halves]
    twice = tiny_level_trainer(
        engine, config.model_copy(update={"train": config.train.model_copy(update={"accumulate": 2})})
    )
    result, gradients = twice.gradients(whole, training=False)
    for name in ("scores", "boxes"):
        mean = np.mean([each[0].losses[name] for each in expected])
        assert result.losses[name] == pytest.approx(mean, rel=1e-5)
    together = tiny_level_trainer(engine, config).gradients(whole, training=False)[0].losses
    assert result.losses["boxes"] != pytest.approx(together["boxes"], rel=1e-3)
    names = [name for name in gradients if name.startswith("network.bbox_head")]
    mean = {name: (expected[0][1][name] + expected[1][1][name]) / 2 for name in names}
    assert_close(mean, gradients, names, 1e-5)


def test_gradients_and_a_step_agree_between_engines():
    config = level_config(classes=2, optimizer={"name": "sgd"})
    batch = level_batch(3, classes=2)
    trainers = [tiny_level_trainer(engine, config, (5, 4)) for engine in ("torch", "mindspore")]
    (losses, ours), (others, theirs) = (each.gradients(batch) for each in trainers)
    for name, value in losses.losses.items():
        assert others.losses[name] == pytest.approx(value, rel=1e-5), name
    assert_close(ours, theirs, ours, 1e-4)
    heaviest = max(ours, key=lambda name: np.linalg.norm(ours[name]))
    with pytest.raises(AssertionError):
        assert_close(ours, theirs | {heaviest: theirs[heaviest] * 1.001}, ours, 1e-4)
    for trainer in trainers:
        trainer.step(batch, 1e-3)
    states = [trainer.state() for trainer in trainers]
    statistics = [name for name in states[0] if "running" in name]
    assert_close(*states, statistics, 1e-5)
