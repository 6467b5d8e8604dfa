"""The losses of networks on several levels in each engine, against the NumPy reference and against each other."""

import math

import numpy as np
import pytest
from levels import STRIDES, level_batch, level_heads, truth_of

from fairmot.config import LossConfig
from fairmot.engines import load_training
from fairmot.network.level_loss import assign_batch, level_losses

ENGINES = pytest.mark.parametrize("engine", ["torch", "mindspore"])
CONFIG = LossConfig(scores_weight=1.5, boxes_weight=2.5)


def losses_of_heads(engine, *arguments):
    """MindSpore's operation by operation: compiled, they are compared with PyTorch's."""
    pytest.importorskip(engine)
    if engine == "mindspore":
        from fairmot.engines.mindspore.heads_loss import losses_of_heads as of_heads

        return of_heads(*arguments, compiled=False)
    return load_training(engine).losses_of_heads(*arguments)


def parameters(seed=4):
    rng = np.random.default_rng(seed)
    values = {
        "classifier.weight": rng.normal(0, 1, (7, 8)),
        "classifier.bias": rng.normal(0, 1, 7),
        "loss.s_det": np.full(1, -1.85),
        "loss.s_id": np.full(1, -1.05),
    }
    return {name: array.astype(np.float32) for name, array in values.items()}


def case(classes=3, seed=0):
    batch = level_batch(seed, objects=7, classes=classes)
    return batch, level_heads(batch, classes=classes)


def spoiled(batch):
    """Nonsense in the empty slots."""
    batch.boxes_xyxy[~batch.is_object] = np.nan
    batch.class_ids[~batch.is_object] = 10**6
    batch.identities[~batch.is_object] = 3
    return batch


def identity_of(vectors, batch, values):
    """Mean cross entropy over the labelled slots."""
    losses = []
    for image, slot in np.argwhere(batch.is_object & (batch.identities >= 0)):
        vector = vectors[image, :, 0, slot].astype(np.float64)
        scaled = math.sqrt(2) * math.log(6) * vector / np.linalg.norm(vector)
        logits = values["classifier.weight"] @ scaled + values["classifier.bias"]
        losses.append(np.log(np.exp(logits).sum()) - logits[batch.identities[image, slot]])
    return float(np.mean(losses))


@ENGINES
def test_losses_equal_the_reference(engine):
    batch, heads = case()
    expected = level_losses(heads, STRIDES, truth_of(batch))
    identity = identity_of(heads["embedding"], batch, parameters())
    result, _ = losses_of_heads(engine, heads, spoiled(batch), parameters(), CONFIG)
    found = result.losses
    assert list(found) == ["total", "scores", "boxes", "identity"]
    assert found["scores"] == pytest.approx(expected.scores, rel=1e-5)
    assert found["scores"] != pytest.approx(expected.scores * 1.0001, rel=1e-5)
    assert found["boxes"] == pytest.approx(expected.boxes, rel=1e-5)
    assert found["boxes"] != pytest.approx(expected.boxes * 1.0001, rel=1e-5)
    assert found["identity"] == pytest.approx(identity, rel=1e-5)
    assert found["identity"] != pytest.approx(identity * 1.0001, rel=1e-5)
    detection = 1.5 * expected.scores + 2.5 * expected.boxes
    total = 0.5 * (math.exp(1.85) * detection - 1.85 + math.exp(1.05) * identity - 1.05)
    assert found["total"] == pytest.approx(total, rel=1e-5)


@ENGINES
def test_gradients_are_the_slopes_of_the_reference(engine):
    batch, heads = case()
    truth = truth_of(batch)
    held = assign_batch(heads, STRIDES, truth)
    _, gradients = losses_of_heads(engine, heads, batch, parameters(), CONFIG)
    rng = np.random.default_rng(9)
    for name in heads.keys() - {"embedding"}:
        direction = rng.normal(0, 1, heads[name].shape)
        ends = []
        for sign in (1, -1):
            moved = {key: head.astype(np.float64) for key, head in heads.items()}
            moved[name] = moved[name] + sign * 1e-5 * direction
            losses = level_losses(moved, STRIDES, truth, held)
            ends.append(1.5 * losses.scores + 2.5 * losses.boxes)
        slope = (ends[0] - ends[1]) / 2e-5
        ours = float((gradients[name].astype(np.float64) * direction).sum()) / (0.5 * math.exp(1.85))
        assert ours == pytest.approx(slope, rel=1e-3, abs=1e-6)
        assert ours != pytest.approx(1.01 * slope, rel=1e-3, abs=1e-6)


@ENGINES
def test_an_image_without_objects_and_one_box_without_cells(engine):
    batch, heads = case()
    batch.is_object[0] = False
    slot = np.flatnonzero(batch.is_object[1])[0]
    batch.boxes_xyxy[1, slot] = [17, 17, 22, 22]  # between the points
    expected = level_losses(heads, STRIDES, truth_of(batch))
    found = losses_of_heads(engine, heads, batch, parameters(), CONFIG)[0].losses
    assert (found["scores"], found["boxes"]) == pytest.approx(expected, rel=1e-5)
    batch.is_object[...] = False
    none = level_losses(heads, STRIDES, truth_of(batch))
    found, gradients = losses_of_heads(engine, heads, batch, parameters(), CONFIG)
    assert found.losses["scores"] == pytest.approx(none.scores, rel=1e-5)
    assert found.losses["boxes"] == found.losses["identity"] == 0
    assert all(np.isfinite(array).all() for array in gradients.values())


def test_gradients_agree_between_engines(capfd):
    pytest.importorskip("torch")
    pytest.importorskip("mindspore")
    batch, heads = case()
    (ours, one), (theirs, other) = (
        load_training(engine).losses_of_heads(heads, batch, parameters(), CONFIG) for engine in ("torch", "mindspore")
    )
    assert "side effect" not in capfd.readouterr().err  # MindSpore's warning that it dropped a node
    for name, value in ours.losses.items():
        assert theirs.losses[name] == pytest.approx(value, rel=1e-5), name
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert distance(array, other[name]) < 1e-4, name
    assert distance(one["distances_8"], other["distances_8"] * 1.001) > 1e-4


def distance(first, second):
    return np.linalg.norm(first.astype(np.float64) - second) / max(np.linalg.norm(first), 1e-9)
