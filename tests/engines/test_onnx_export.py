"""Exported models: folded against unfolded, detector against raw heads, batches, metadata."""

import functools
import json
import os
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from fairmot.config import NetworkConfig
from fairmot.engines.onnx.detector import (
    OnnxDetector,
    OnnxNetwork,
    create_session,
    load_canvas_detector,
    load_network,
    thread_count,
)
from fairmot.engines.onnx.export import export_detector, export_heads, save_model
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.graph import GraphBuilder
from fairmot.network.initial import initial_weights

SMALL = {"embedding": 16, "head_width": 24, "input_width_px": 96, "input_height_px": 64}


HEAD_SPREAD = {"heatmap": 2.0, "extents": 2.0, "offsets": 0.5, "embedding": 1.0}


@functools.cache
def random_network(architecture="yolo", **changes):
    """A graph whose every parameter matters: no batch norm is the identity, and heads have sizes as in real use."""
    graph = build_graph(NetworkConfig(architecture=architecture, **SMALL | changes))
    weights = initial_weights(graph, seed=3)
    rng = np.random.default_rng(4)
    for parameter in graph.parameters():
        name, size = parameter.name, parameter.shape
        if parameter.role in ("bn_weight", "bn_var"):
            weights[name] = rng.uniform(0.5, 1.5, size).astype(np.float32)
        elif parameter.role in ("bias", "bn_bias", "bn_mean"):
            weights[name] = rng.normal(0, 0.3, size).astype(np.float32)
        elif graph.nodes[parameter.node].name.endswith("conv_offset_mask"):
            weights[name] = rng.normal(0, 0.05, size).astype(np.float32)
    heads = load_network(graph, weights)(to_pixels(random_canvases(1)))
    for head, spread in HEAD_SPREAD.items():
        node = graph.nodes[graph.outputs[head]]
        node = node if node.name else graph.nodes[node.inputs[0]]
        weights[f"{node.name}.weight"] *= np.float32(spread / np.std(heads[head], axis=(0, 2, 3)).mean())
    return graph, weights


def random_canvases(batch, seed=0, width=96, height=64):
    return np.random.default_rng(seed).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)


def to_pixels(canvases):
    return np.ascontiguousarray(canvases[..., ::-1].transpose(0, 3, 1, 2)).astype(np.float32) / 255


def compare_heads(found, expected, tolerance=2e-4):
    assert list(found) == ["heatmap", "extents", "offsets", "embedding"]
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=tolerance, atol=tolerance * np.std(values), err_msg=name)


@pytest.mark.parametrize("architecture", ["yolo", "dlaconv_34", "dla_34"])
def test_folding_changes_nothing(architecture):
    graph, weights = random_network(architecture)
    pixels = to_pixels(random_canvases(2))
    expected = OnnxNetwork(create_session(export_heads(graph, weights, folded=False)))(pixels)
    assert all(np.std(values) > 1e-3 for values in expected.values())
    compare_heads(load_network(graph, weights)(pixels), expected)
    name = next(p.name for p in reversed(graph.parameters()) if p.role == "bn_weight")
    perturbed = weights | {name: weights[name] * np.float32(1.02)}
    with pytest.raises(AssertionError):
        compare_heads(load_network(graph, perturbed)(pixels), expected)


def test_only_the_folded_model_lacks_batch_norms():
    graph, weights = random_network()
    kinds = [
        {node.op_type for node in export_heads(graph, weights, folded=folded).graph.node} for folded in (True, False)
    ]
    assert "BatchNormalization" not in kinds[0]
    assert "BatchNormalization" in kinds[1]


def decode(heads, max_objects, width):
    """Detections from head maps, in NumPy (single class)."""
    heatmap = np.pad(heads["heatmap"][:, 0], ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(heatmap, (3, 3), axis=(1, 2))
    logits = windows[..., 1, 1]
    peaks = np.where(logits == windows.max((-2, -1)), logits, -np.inf).reshape(len(logits), -1)
    cells = np.argsort(-peaks, axis=1, kind="stable")[:, :max_objects]
    scores = 1 / (1 + np.exp(-np.take_along_axis(peaks, cells, 1)))

    def at_cells(name):
        flat = heads[name].reshape(*heads[name].shape[:2], -1)
        return np.take_along_axis(flat, cells[:, None], 2).transpose(0, 2, 1)

    centres = np.stack([cells % width, cells // width], -1) + at_cells("offsets")
    extents, vectors = at_cells("extents"), at_cells("embedding")
    boxes = 4 * np.concatenate([centres - extents[..., :2], centres + extents[..., 2:]], -1)
    return boxes, scores, vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def compare_detections(found, expected):
    boxes, scores, vectors = expected
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-5)
    real = scores > 0  # places without a peak are filler
    assert real.sum() >= 4
    np.testing.assert_allclose(found.boxes_xyxy[real], boxes[real], rtol=1e-4, atol=5e-3)
    np.testing.assert_allclose(found.embeddings[real], vectors[real], rtol=0, atol=1e-4)
    assert not found.class_ids.any()


@pytest.mark.parametrize("architecture", ["yolo", "dlaconv_34", "dla_34"])
def test_detector_equals_decoded_raw_heads(architecture):
    """Bytes against planes, heads at the peaks against whole head maps, peaks at the border included."""
    graph, weights = random_network(architecture)
    canvases = random_canvases(2)
    heads = load_network(graph, weights)(to_pixels(canvases))
    detector = load_canvas_detector(graph, weights, (96, 64), max_objects=50)
    found = detector(canvases)
    assert detector.input_size == (96, 64)
    compare_detections(found, decode(heads, 50, 24))
    for name in ("extents", "embedding", "offsets"):
        perturbed = heads | {name: heads[name] + 0.01 * np.std(heads[name])}
        with pytest.raises(AssertionError):
            compare_detections(found, decode(perturbed, 50, 24))


def small_graph(kind):
    """A trunk of two layers, and heads that end in one of the ways that networks have."""
    builder = GraphBuilder()
    config = NetworkConfig(classes=1, embedding=6, input_width_px=96, input_height_px=64)
    stem = builder.activation(builder.convolution(builder.input(), "stem", 8, 3, stride=4, bias=True), "silu")
    heatmap = builder.convolution(builder.convolution(stem, "hm.0", 8, 3), "hm.2", 1, 1, bias=True)
    outputs = {"heatmap": heatmap}
    shared = builder.activation(builder.convolution(stem, "shared", 8, 5, bias=True))
    for head, channels in (("extents", 4), ("offsets", 2), ("embedding", 6)):
        match kind:
            case "pointwise":
                x = stem
            case "separable":
                x = builder.activation(builder.convolution(stem, f"{head}.0", 8, 3, groups=8))
            case "two spatial":
                x = builder.convolution(builder.convolution(stem, f"{head}.0", 8, 3), f"{head}.1", 8, 3, bias=True)
            case "shared":
                x = shared
            case "sum":
                x = builder.add(builder.convolution(stem, f"{head}.0", 8, 3), stem)
        x = builder.convolution(x, f"{head}.2", channels, 1, bias=True)
        outputs[head] = builder.activation(x, "silu") if head == "extents" else x
    return builder.finish(config, outputs)


@pytest.mark.parametrize("kind", ["pointwise", "separable", "two spatial", "shared", "sum"])
def test_heads_at_the_peaks_equal_whole_maps(kind):
    graph = small_graph(kind)
    rng = np.random.default_rng(5)
    weights = {p.name: rng.normal(0, 0.3, p.shape).astype(np.float32) for p in graph.parameters()}
    canvases = random_canvases(2)
    heads = load_network(graph, weights)(to_pixels(canvases))
    model = export_detector(graph, weights, (96, 64), max_objects=400)
    found = OnnxDetector(create_session(model))(canvases)
    compare_detections(found, decode(heads, 400, 24))
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    weights["offsets.2.bias"] = weights["offsets.2.bias"] + np.float32(0.01)
    with pytest.raises(AssertionError):
        compare_detections(load_canvas_detector(graph, weights, (96, 64), 400)(canvases), decode(heads, 400, 24))


def test_shapes_kinds_and_order():
    graph, weights = random_network(classes=3)
    found = load_canvas_detector(graph, weights, (96, 64))(random_canvases(1))
    count = 500  # of 3 * 16 * 24 places
    assert found.boxes_xyxy.shape == (1, count, 4)
    assert found.embeddings.shape == (1, count, 16)
    assert (found.boxes_xyxy.dtype, found.scores.dtype) == (np.float32, np.float32)
    assert (found.class_ids.dtype, found.embeddings.dtype) == (np.int64, np.float32)
    assert (np.diff(found.scores) <= 0).all()
    assert set(np.unique(found.class_ids)) == {0, 1, 2}
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=-1), 1, atol=1e-5)


def test_fewer_places_than_slots():
    graph, weights = random_network()
    found = load_canvas_detector(graph, weights, (64, 32))(random_canvases(1, width=64, height=32))
    assert found.scores.shape == (1, 16 * 8)


def test_a_batch_equals_its_images():
    graph, weights = random_network()
    detector = load_canvas_detector(graph, weights, (96, 64))
    fixed = OnnxDetector(create_session(export_detector(graph, weights, (96, 64), batch=2)))
    canvases = random_canvases(3)
    together = detector(canvases)
    singly = [np.concatenate(parts) for parts in zip(*(detector(canvas[None]) for canvas in canvases), strict=True)]
    in_twos = fixed(canvases)
    assert fixed.batch == 2
    assert detector.batch is None
    for joint, single, two in zip(together, singly, in_twos, strict=True):
        np.testing.assert_allclose(joint, single, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(joint, two, rtol=1e-5, atol=1e-4)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(together.boxes_xyxy, singly[0][::-1], rtol=1e-5, atol=1e-4)


def test_runs_are_deterministic():
    graph, weights = random_network()
    detector = load_canvas_detector(graph, weights, (96, 64))
    again = load_canvas_detector(graph, weights, (96, 64))
    for first, second in zip(detector(random_canvases(2)), again(random_canvases(2)), strict=True):
        np.testing.assert_array_equal(first, second)


def test_deformable_convolutions_are_real():
    graph, weights = random_network("dla_34")
    kinds = [node.op_type for node in export_detector(graph, weights, (96, 64)).graph.node]
    assert kinds.count("DeformConv") == 16


@pytest.mark.parametrize("architecture", ["yolo", "dla_34"])
def test_saved_models_are_valid_and_describe_themselves(architecture, tmp_path):
    graph, weights = random_network(architecture)
    save_model(tmp_path / "detector.onnx", export_detector(graph, weights, (96, 64)))
    save_model(tmp_path / "heads.onnx", export_heads(graph, weights))
    model = onnx.load(tmp_path / "detector.onnx")
    onnx.checker.check_model(model, full_check=True)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert properties["fairmot.kind"] == "detector"
    assert properties["fairmot.architecture"] == architecture
    assert properties["fairmot.input_size"] == "96 64"
    assert properties["fairmot.stride"] == "4"
    assert NetworkConfig(**json.loads(properties["fairmot.network"])) == graph.config
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in [*model.graph.input, *model.graph.output]
    }
    assert shapes == {
        "images": ["batch", 64, 96, 3],
        "boxes": ["batch", 384, 4],
        "scores": ["batch", 384],
        "class_ids": ["batch", 384],
        "embeddings": ["batch", 384, 16],
    }


def test_unknown_device():
    graph, weights = random_network()
    with pytest.raises(InputError, match="device 'gpu7'"):
        load_network(graph, weights, "gpu7")


def test_threads_follow_the_environment_and_the_processors(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert thread_count() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    if sys.platform == "linux":
        assert 1 <= thread_count() <= len(os.sched_getaffinity(0))
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})
        assert thread_count() == 1
        monkeypatch.setattr(Path, "is_file", lambda path: False)  # no topology: every processor counts
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 5})
        assert thread_count() == 3
