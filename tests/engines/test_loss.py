"""Losses that no oracle covers, against NumPy: overlap, and identities of several classes."""

import math

import numpy as np
import pytest
from training import small_batch, small_config, tiny_trainer, uneven_batch

from fairmot.config import LossConfig
from fairmot.engines import load_inference, load_training

ENGINES = pytest.mark.parametrize("engine", ["torch", "mindspore"])
CLASSES = (4, 2, 5)
"""nID of three classes; the second has too few identities for a classifier."""


def heads_of(batch, seed=3):
    """Head maps whose boxes lie near the true ones, and parameters of the loss."""
    rng = np.random.default_rng(seed)
    images, _, h, w = batch.heatmap.shape
    heads = {
        "heatmap": rng.normal(0, 1, (images, 1, h, w)),
        "extents": rng.normal(3, 1.5, (images, 4, h, w)),  # a few are negative
        "offsets": rng.random((images, 2, h, w)),
        "embedding": rng.normal(0, 1, (images, 8, h, w)),
    }
    parameters = {
        "classifier.weight": rng.normal(0, 1, (7, 8)),
        "classifier.bias": rng.normal(0, 1, 7),
        "loss.s_det": np.full(1, -1.85),
        "loss.s_id": np.full(1, -1.05),
    }
    return ({name: array.astype(np.float32) for name, array in group.items()} for group in (heads, parameters))


def overlap(extents, offsets, batch):
    """Mean over objects of 1 - generalised IoU, box by box in float64."""
    total, count = 0.0, 0
    for image, slot in np.argwhere(batch.is_object):
        y, x = divmod(int(batch.cells[image, slot]), extents.shape[3])
        boxes = []
        for l, t, r, b, dx, dy in (  # noqa: E741
            (*extents[image, :, y, x], *offsets[image, :, y, x]),
            (*batch.extents[image, slot], *batch.offsets[image, slot]),
        ):
            boxes.append((x + dx - l, y + dy - t, x + dx + r, y + dy + b))
        (ax, ay, bx, by), (cx, cy, ex, ey) = boxes
        one, other = max(bx - ax, 0) * max(by - ay, 0), max(ex - cx, 0) * max(ey - cy, 0)
        inner = max(min(bx, ex) - max(ax, cx), 0) * max(min(by, ey) - max(ay, cy), 0)
        outer = max(max(bx, ex) - min(ax, cx), 0) * max(max(by, ey) - min(ay, cy), 0)
        union = one + other - inner
        total += 1 - inner / max(union, 1e-4) + (outer - union) / max(outer, 1e-4)
        count += 1
    return total / (count + 1e-4)


@ENGINES
def test_overlap_equals_the_definition(engine):
    pytest.importorskip(engine)
    batch = small_batch()
    batch.extents[~batch.is_object] = np.nan
    heads, parameters = heads_of(batch)
    config = LossConfig(overlap_weight=2.0)
    losses, gradients = load_training(engine).losses_of_heads(heads, batch, parameters, config)
    expected = overlap(heads["extents"].astype(np.float64), heads["offsets"].astype(np.float64), batch)
    assert losses.losses["overlap"] == pytest.approx(expected, rel=1e-5)
    assert losses.losses["overlap"] != pytest.approx(expected + 1e-4, rel=1e-5)

    # Without a weight it is not there; with one, the total has it by that weight.
    plain, without = load_training(engine).losses_of_heads(heads, batch, parameters, LossConfig())
    assert "overlap" not in plain.losses
    share = 0.5 * math.exp(1.85) * 2.0
    assert losses.losses["total"] - plain.losses["total"] == pytest.approx(share * expected, rel=1e-4)

    # Its gradient along random directions is the slope of the definition.
    rng = np.random.default_rng(9)
    for head in ("extents", "offsets"):
        direction = rng.normal(0, 1, heads[head].shape)
        ends = []
        for sign in (1, -1):
            moved = {name: array.astype(np.float64) for name, array in heads.items()}
            moved[head] = moved[head] + sign * 1e-6 * direction
            ends.append(overlap(moved["extents"], moved["offsets"], batch))
        slope = (ends[0] - ends[1]) / 2e-6
        ours = float(((gradients[head].astype(np.float64) - without[head]) * direction).sum()) / share
        assert ours == pytest.approx(slope, rel=1e-3)
        assert ours != pytest.approx(1.01 * slope, rel=1e-3)


def test_gradients_of_the_overlap_agree_between_engines():
    pytest.importorskip("torch")
    pytest.importorskip("mindspore")
    batch = small_batch(4)
    heads, parameters = heads_of(batch)
    found = {
        engine: load_training(engine).losses_of_heads(heads, batch, parameters, LossConfig(overlap_weight=1.0))
        for engine in ("torch", "mindspore")
    }
    (ours, one), (theirs, other) = found.values()
    for name, value in ours.losses.items():
        assert theirs.losses[name] == pytest.approx(value, rel=1e-5), name
    assert list(ours.losses) == list(theirs.losses)
    for name in one:
        assert distance(one[name], other[name]) < 1e-4, name
    assert distance(one["extents"], other["extents"] * 1.001) > 1e-4


def distance(first, second):
    return np.linalg.norm(first.astype(np.float64) - second) / max(np.linalg.norm(first), 1e-9)


def several_classes():
    """A batch whose identities belong to three classes, numbered through."""
    batch = uneven_batch(2)
    rng = np.random.default_rng(8)
    batch.identities[...] = rng.integers(-1, sum(CLASSES), batch.identities.shape)
    return batch


@ENGINES
def test_each_class_has_a_classifier_of_its_own(engine):
    pytest.importorskip(engine)
    batch = several_classes()
    # Heads by themselves, so that the embeddings are known.
    trainer = tiny_trainer(engine, small_config(optimizer={"name": "sgd"}), CLASSES)
    state = trainer.state()
    names = {name for name in state if name.startswith("classifier")}
    assert names == {f"classifier.{each}.{kind}" for each in (0, 2) for kind in ("weight", "bias")}
    assert not np.array_equal(state["classifier.0.weight"], state["classifier.2.weight"][:4])
    result, gradients = trainer.gradients(batch, training=False)
    expected, bias_gradients = identity_reference(trainer, batch, state)
    assert result.losses["identity"] == pytest.approx(expected, rel=1e-5)
    assert result.losses["identity"] != pytest.approx(expected * 1.0001, rel=1e-5)
    for number, gradient in bias_gradients.items():
        ours = gradients[f"classifier.{number}.bias"] / (0.5 * math.exp(1.05))
        np.testing.assert_allclose(ours, gradient, rtol=0, atol=1e-5)
        with pytest.raises(AssertionError):
            np.testing.assert_allclose(ours, np.roll(gradient, 1), rtol=0, atol=1e-5)
    trainer.step(batch, 0.1)
    after = trainer.state()
    assert all(not np.array_equal(state[name], after[name]) for name in names)


def identity_reference(trainer, batch, state):
    """Mean cross entropy over labelled objects of classes with a classifier, and its gradient by the biases."""
    from training import tiny_graph

    engine = load_inference("torch" if "Torch" in type(trainer).__name__ else "mindspore")
    weights = {name.removeprefix("network."): array for name, array in state.items() if name.startswith("network.")}
    pixels = batch.images[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
    network = engine.load_network(tiny_graph(trainer.config), weights, "cpu")
    maps = network(np.ascontiguousarray(pixels))["embedding"].astype(np.float64)
    losses, gradients = [], {0: np.zeros(4), 2: np.zeros(5)}
    for image, slot in np.argwhere(batch.is_object):
        identity = int(batch.identities[image, slot])
        number, first, count = (0, 0, 4) if 0 <= identity < 4 else (2, 6, 5) if identity >= 6 else (1, 4, 2)
        if identity < 0 or number == 1:
            continue
        y, x = divmod(int(batch.cells[image, slot]), maps.shape[3])
        vector = maps[image, :, y, x]
        scaled = math.sqrt(2) * math.log(count - 1) * vector / np.linalg.norm(vector)
        logits = state[f"classifier.{number}.weight"] @ scaled + state[f"classifier.{number}.bias"]
        shares = np.exp(logits) / np.exp(logits).sum()
        losses.append(-math.log(shares[identity - first]))
        gradients[number] += shares - (np.arange(count) == identity - first)
    return float(np.mean(losses)), {number: each / len(losses) for number, each in gradients.items()}
