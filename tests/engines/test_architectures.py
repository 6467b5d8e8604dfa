"""Every architecture, with several classes and sizes of its own, in the engines against each other."""

import numpy as np
import pytest
from training import create_trainer, graph_of, small_batch, small_config

from fairmot.config.sections import LEVEL_STRIDES
from fairmot.engines import load_inference
from fairmot.network.architectures import ARCHITECTURES
from fairmot.network.initial import initial_weights

pytest.importorskip("torch")

ONE_MAP = [name for name in ARCHITECTURES if name not in LEVEL_STRIDES]
"""Those whose heads are one map each; test_levels.py has the others."""
FAMILIES = ("resdcn_34", "resfpndcn_34", "hrnet_18", "yolo")


def config_of(architecture):
    config = small_config(architecture)
    sizes = {"classes": 3, "embedding": 12, "head_width": 20}
    return small_config(network=config.network.model_copy(update=sizes).model_dump())


def lively_weights(config):
    """Start values under which every layer does something: offsets, statistics and heads too."""
    graph = graph_of(config)
    rng = np.random.default_rng(4)
    weights = initial_weights(graph)
    for parameter in graph.parameters():
        shape, name = parameter.shape, parameter.name
        if parameter.role == "bn_weight" and ("fuse_layers" in name or name.endswith(("bn2.weight", "bn3.weight"))):
            weights[name] = rng.uniform(0.2, 0.4, shape).astype(np.float32)  # else sums over sums grow without end
        elif parameter.role in ("bn_weight", "bn_var"):
            weights[name] = rng.uniform(0.7, 1.3, shape).astype(np.float32)
        elif parameter.role in ("bn_bias", "bn_mean"):
            weights[name] = rng.normal(0, 0.2, shape).astype(np.float32)
        elif "conv_offset_mask" in name or name.startswith(("hm.", "wh.", "id.", "reg.")):
            fan_in = max(1, int(np.prod(shape[1:])))
            weights[name] = rng.normal(0, 0.5 / np.sqrt(fan_in), shape).astype(np.float32)
    return weights


def run(engine, config, weights, compiled=True):
    pixels = np.random.default_rng(1).random((1, 3, 64, 96), dtype=np.float32)
    if not compiled:
        from fairmot.engines.mindspore.network import MindSporeNetwork

        return MindSporeNetwork(graph_of(config), weights, compiled=False)(pixels)
    return load_inference(engine).load_network(graph_of(config), weights, "cpu")(pixels)


def assert_same_heads(heads, expected):
    assert heads.keys() == expected.keys()
    for head, reference in expected.items():
        assert heads[head].shape == reference.shape
        spread = np.ptp(reference)
        assert 1e-2 < spread < 1e3, head
        np.testing.assert_allclose(heads[head], reference, rtol=0, atol=2e-4 * spread, err_msg=head)


def assert_agreement(engine, architecture, **options):
    config = config_of(architecture)
    weights = lively_weights(config)
    expected = run("torch", config, weights)
    assert {head: x.shape[1] for head, x in expected.items()} == {
        "heatmap": 3,
        "extents": 4,
        "embedding": 12,
        "offsets": 2,
    }
    heads = run(engine, config, weights, **options)
    assert_same_heads(heads, expected)
    for head in heads:
        changed = heads[head].copy()
        changed[0, 0, 3, 5] += np.float32(1e-3) * np.ptp(changed)
        with pytest.raises(AssertionError, match=head):
            assert_same_heads(heads | {head: changed}, expected)


QUICK = ("resdcn_34", "yolo")
"""Compiled in a few seconds: together they have every kind of layer but the bilinear enlargement."""


def mark_slow(name, quick):
    return name if name in quick else pytest.param(name, marks=pytest.mark.slow)


@pytest.mark.parametrize("architecture", [mark_slow(name, set(ONE_MAP) - {"resdcn_152"}) for name in ONE_MAP])
def test_onnxruntime_agrees_with_pytorch(architecture):
    assert_agreement("onnxruntime", architecture)


@pytest.mark.parametrize("architecture", FAMILIES)
def test_eager_mindspore_agrees_with_pytorch(architecture):
    pytest.importorskip("mindspore")
    assert_agreement("mindspore", architecture, compiled=False)


@pytest.mark.parametrize("architecture", [mark_slow(name, QUICK) for name in ONE_MAP])
def test_compiled_mindspore_agrees_with_pytorch(architecture):
    pytest.importorskip("mindspore")
    assert_agreement("mindspore", architecture)


def matches(ours, theirs):
    """Share of our detections that theirs hold too: box, score, class and embedding."""
    found = 0
    for image in range(len(ours.scores)):
        near = np.abs(ours.boxes_xyxy[image][:, None] - theirs.boxes_xyxy[image]).max(2) < 2e-2
        near &= np.abs(ours.scores[image][:, None] - theirs.scores[image]) < 1e-4
        near &= ours.class_ids[image][:, None] == theirs.class_ids[image]
        near &= ours.embeddings[image] @ theirs.embeddings[image].T > 1 - 1e-5
        found += near.any(1).sum()
    return found / ours.scores.size


@pytest.mark.parametrize("architecture", FAMILIES)
def test_detections_of_folded_networks_agree(architecture):
    config = config_of(architecture)
    weights = lively_weights(config)
    images = small_batch().images
    ours, theirs = (
        load_inference(name).load_canvas_detector(graph_of(config), weights, (96, 64), 20, "cpu")(images)
        for name in ("torch", "onnxruntime")
    )
    # Near-ties at the twentieth place may fall either way.
    assert matches(ours, theirs) >= 0.95
    assert matches(theirs, ours) >= 0.95
    for field, step in (("boxes_xyxy", 0.05), ("scores", 1e-3), ("class_ids", 1)):
        moved = theirs._replace(**{field: getattr(theirs, field) + np.array(step, getattr(theirs, field).dtype)})
        assert matches(ours, moved) < 0.5
    turned = theirs._replace(embeddings=np.roll(theirs.embeddings, 1, -1))
    assert matches(ours, turned) < 0.5


@pytest.mark.parametrize("architecture", [mark_slow(name, QUICK) for name in FAMILIES])
def test_gradients_of_both_training_engines_agree(architecture):
    pytest.importorskip("mindspore")
    config = config_of(architecture)
    batch = small_batch()
    batch.heatmap = np.repeat(batch.heatmap, 3, 1)
    arguments = (graph_of(config), lively_weights(config), 7, config, "cpu")
    trainers = (
        create_trainer("torch", *arguments),
        create_trainer("mindspore", *arguments),
    )
    # With running statistics: the float32 noise of batch statistics is larger than real differences.
    (losses, ours), (other_losses, theirs) = (trainer.gradients(batch, training=False) for trainer in trainers)
    np.testing.assert_allclose(other_losses.losses["total"], losses.losses["total"], rtol=1e-5)
    assert ours.keys() == theirs.keys()

    def difference():
        return np.sqrt(sum(float(((ours[n].astype(np.float64) - theirs[n]) ** 2).sum()) for n in ours))

    length = np.sqrt(sum(float((ours[n].astype(np.float64) ** 2).sum()) for n in ours))
    assert difference() <= 2e-4 * length
    assert all(ours[name].any() for name in ours if name.endswith("weight") and "num_batches" not in name)
    heaviest = max(ours, key=lambda name: np.linalg.norm(ours[name]))
    theirs[heaviest] = theirs[heaviest] * np.float32(1.002)
    assert difference() > 2e-4 * length
