"""Networks on several levels: each engine against the others and against the NumPy reference."""

import functools

import numpy as np
import pytest
from level_networks import canvases, lively_levels, pixels_of, some_boxes

from fairmot.engines import load_inference
from fairmot.network.decoding import unit_vectors
from fairmot.network.level_decoding import MIN_SCORE, decode_levels

pytest.importorskip("onnxruntime")

ENGINES = {"torch": "torch", "onnxruntime": "onnxruntime", "openvino": "openvino", "mindspore": "mindspore"}


SLOW_MINDSPORE = ["torch", "onnxruntime", "openvino", pytest.param("mindspore", marks=pytest.mark.slow)]


@pytest.fixture(params=ENGINES)
def engine(request):
    pytest.importorskip(ENGINES[request.param])
    return load_inference(request.param)


def expected_detections(classes, images):
    """Heads by ONNX Runtime, decoding in NumPy."""
    graph, weights = lively_levels(classes)
    network = load_inference("onnxruntime").load_network(graph, weights)
    found = decode_levels(network(pixels_of(images)), graph.level_strides)
    vectors = network(pixels_of(images), found.boxes_xyxy)["embedding"][:, :, 0].transpose(0, 2, 1)
    return found, unit_vectors(vectors)


def compare_detections(found, expected, vectors):
    """Compare as sets, since scores that differ by rounding alone may come in any order."""
    np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=5e-5)
    for image in range(len(found.scores)):
        kept = expected.scores[image] > 0
        both = [(found, found.embeddings), (expected, vectors)]
        (first, second) = (
            np.concatenate(
                [
                    each.boxes_xyxy[image] / 1e-2,
                    each.scores[image, :, None] / 5e-5,
                    each.class_ids[image, :, None] * 10,
                    embeddings[image] / 1e-4,
                ],
                1,
            )[kept]
            for each, embeddings in both
        )
        apart = np.abs(first[:, None] - second).max(-1)
        assert apart.min(0).max() <= 1
        assert apart.min(1).max() <= 1
        assert not found.boxes_xyxy[image][~kept].any()


def test_the_material_says_something():
    found, vectors = expected_detections(3, canvases(2))
    kept = (found.scores > 0).sum(1)
    assert (kept > 10).all()
    assert len(np.unique(found.class_ids)) == 3
    graph, weights = lively_levels(3)
    heads = load_inference("onnxruntime").load_network(graph, weights)(pixels_of(canvases(2)))
    above = sum((1 / (1 + np.exp(-heads[f"scores_{s}"])) > MIN_SCORE).sum() for s in graph.level_strides)
    assert above > 2 * kept.sum()  # most are suppressed
    cosines = vectors[0, : kept[0]] @ vectors[0, : kept[0]].T
    assert cosines.min() < 0.9


@pytest.mark.parametrize("classes", [1, 3])
def test_detections_are_those_of_the_reference(engine, classes):
    graph, weights = lively_levels(classes)
    expected, vectors = expected_detections(classes, canvases(2))
    size = graph.config.input_size
    found = engine.load_canvas_detector(graph, weights, size, device="cpu")(canvases(2))
    compare_detections(found, expected, vectors)
    best = np.unravel_index(expected.scores.argmax(), expected.scores.shape)
    expected.boxes_xyxy[best] += 0.05
    with pytest.raises(AssertionError):
        compare_detections(found, expected, vectors)


def test_heads_along_boxes_agree(engine):
    graph, weights = lively_levels()
    pixels, boxes = pixels_of(canvases(2)), some_boxes()
    expected = load_inference("torch").load_network(graph, weights, "cpu")(pixels, boxes)
    network = engine.load_network(graph, weights, "cpu")
    heads = network(pixels, boxes)

    def compare(scale):
        assert heads.keys() == expected.keys()
        for name, values in expected.items():
            assert heads[name].shape == values.shape
            spread = np.ptp(values)
            np.testing.assert_allclose(heads[name] * scale, values, rtol=0, atol=2e-4 * spread, err_msg=name)

    compare(np.float32(1))
    with pytest.raises(AssertionError):
        compare(np.float32(1.002))
    without = network(pixels)
    assert without.keys() == expected.keys() - {"embedding"}
    np.testing.assert_array_equal(without["scores_8"], heads["scores_8"])


@pytest.mark.parametrize("engine", SLOW_MINDSPORE, indirect=True)
def test_fewer_objects_are_the_best_ones(engine):
    graph, weights = lively_levels()
    size = graph.config.input_size
    few = engine.load_canvas_detector(graph, weights, size, max_objects=3, device="cpu")(canvases(1))
    expected, _ = expected_detections(1, canvases(1))
    np.testing.assert_allclose(few.scores, expected.scores[:, :3], rtol=0, atol=5e-5)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"], indirect=True)
def test_only_what_is_looked_at_is_described(engine):
    graph, weights = lively_levels()
    load = functools.partial(engine.load_canvas_detector, graph, weights, graph.config.input_size, device="cpu")
    images = canvases(2)
    all_described, limit = load()(images), 0.8
    found = load(described_above=limit)(images)
    counts = (found.scores > limit * (1 - 2**-6)).sum(1)  # a little more, whatever rounds
    assert 0 < counts.max() < (found.scores > 0).sum(1).max()
    for name in ("boxes_xyxy", "scores", "class_ids"):
        np.testing.assert_array_equal(getattr(found, name), getattr(all_described, name))
    rows = slice(0, counts.max())
    np.testing.assert_allclose(found.embeddings[:, rows], all_described.embeddings[:, rows], rtol=0, atol=1e-6)
    assert not found.embeddings[:, counts.max() :].any()
    with pytest.raises(AssertionError):  # the twin: a slot too many
        assert not found.embeddings[:, counts.max() - 1 :].any()
    nobody = load(described_above=1.0)(images)
    np.testing.assert_array_equal(nobody.scores, all_described.scores)
    assert not nobody.embeddings[:, 1:].any()
