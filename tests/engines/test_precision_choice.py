"""Precisions of detection: names, refusals in one line, and a short one on trial beside float32."""

import numpy as np
import pytest

from fairmot import load_detector
from fairmot.config import NetworkConfig
from fairmot.engines import load_inference
from fairmot.engines.precision import TRIAL_IMAGES, OnTrial
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.decoding import FOUND_LIMITS, fraction_found
from fairmot.network.initial import initial_weights
from fairmot.network.safetensors import save_weights

SIZE = (96, 64)
GRAPH = build_graph(NetworkConfig(architecture="lite", input_width_px=96, input_height_px=64))
WEIGHTS = initial_weights(GRAPH)


class Fixed:
    """Random detections, the same for the same seed; ``moved`` pixels further right."""

    input_size = SIZE

    def __init__(self, seed=0, moved=0.0, scores=0.9):
        self.exact = load_inference("onnxruntime").load_canvas_detector(GRAPH, WEIGHTS, SIZE)
        self.moved, self.scores, self.calls = moved, scores, 0

    def __call__(self, canvases):
        self.calls += 1
        found = self.exact(canvases)
        scores = np.where(found.scores > 0, self.scores, 0).astype(np.float32)
        return found._replace(boxes_xyxy=found.boxes_xyxy + np.float32(self.moved), scores=scores)


def canvases(count):
    return np.random.default_rng(1).integers(0, 256, (count, 1, 64, 96, 3), dtype=np.uint8)


def test_a_short_precision_that_finds_the_same_goes_on_alone():
    exact, short = Fixed(), Fixed(moved=0.5)
    both = OnTrial(exact, short, "bf16")
    for canvas in canvases(TRIAL_IMAGES):
        assert both.precision == "f32"
        np.testing.assert_array_equal(both(canvas).boxes_xyxy, exact(canvas).boxes_xyxy)
    calls = exact.calls
    assert both.precision == "bf16"
    assert both.precision_note == "bf16: bf16 found at least 100% of what f32 found in each of 8 images; 90% are needed"
    np.testing.assert_array_equal(both(canvases(1)[0]).boxes_xyxy, short(canvases(1)[0]).boxes_xyxy)
    assert exact.calls == calls


def test_one_that_finds_something_else_is_left_after_one_image():
    exact, short = Fixed(), Fixed(moved=40)
    both = OnTrial(exact, short, "bf16")
    for canvas in canvases(TRIAL_IMAGES + 2):
        np.testing.assert_array_equal(both(canvas).boxes_xyxy, exact(canvas).boxes_xyxy)
    assert (both.precision, short.calls) == ("f32", 1)
    assert "bf16 found at least 0% of what f32 found" in both.precision_note


def test_images_without_anybody_decide_nothing():
    exact, short = Fixed(scores=0.1), Fixed(scores=0.1)
    both = OnTrial(exact, short, "bf16")
    for canvas in canvases(TRIAL_IMAGES + 2):
        both(canvas)
    assert (both.precision, short.calls) == ("f32", 0)
    assert both.precision_note == "f32, and bf16 once it has found the same in 8 images (0 so far)"


@pytest.mark.parametrize("half", ["bf16", "f16"])
def test_torch_finds_in_half_precision_what_it_finds_in_float32(half):
    pytest.importorskip("torch")
    engine = load_inference("torch")
    exact = engine.load_canvas_detector(GRAPH, WEIGHTS, SIZE, device="cpu")
    short = engine.load_canvas_detector(GRAPH, WEIGHTS, SIZE, device="cpu", precision=half)
    canvas = canvases(1)[0]
    found, expected = short(canvas), exact(canvas)
    assert fraction_found(found, expected, half) >= FOUND_LIMITS[half]
    assert not np.array_equal(found.boxes_xyxy, expected.boxes_xyxy)  # it did compute in another precision
    moved = found._replace(boxes_xyxy=found.boxes_xyxy + np.float32(40))
    assert fraction_found(moved, expected, half) < FOUND_LIMITS[half]  # the twin


def test_auto_takes_a_short_precision_only_where_the_engine_has_units_for_it(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    path = tmp_path / "lite.safetensors"
    save_weights(path, GRAPH.config, WEIGHTS, {})
    plain = load_detector(path, engine="torch", device="cpu", input_size=SIZE)
    assert (plain.precision, plain.precision_note) == ("f32", "f32")
    assert load_detector(path, engine="torch", device="cpu", input_size=SIZE, precision="bf16").precision == "bf16"
    monkeypatch.setattr(load_inference("torch"), "fast_precisions", lambda device: ("bf16",))
    tried = load_detector(path, engine="torch", device="cpu", input_size=SIZE)
    assert tried.precision_note.startswith("f32, and bf16 once")


@pytest.mark.parametrize(
    ("engine", "precision", "message"),
    [
        (
            "onnxruntime",
            "bf17",
            "precision 'bf17' is unknown (did you mean 'bf16'?); known: auto, f32, bf16, f16, int8",
        ),
        ("onnxruntime", "bf16", "precision bf16: engine onnxruntime does not compute in it; it has f32"),
        (
            "onnxruntime",
            "int8",
            "precision int8: engine onnxruntime does not compute in it; it has f32; int8 comes from a file: fairmot "
            "export WEIGHTS OUT.onnx --precision int8",
        ),
    ],
)
def test_what_an_engine_lacks_is_one_line(tmp_path, engine, precision, message):
    path = tmp_path / "lite.safetensors"
    save_weights(path, GRAPH.config, WEIGHTS, {})
    with pytest.raises(InputError) as error:
        load_detector(path, engine=engine, precision=precision)
    assert str(error.value) == message


def test_openvino_says_what_this_processor_lacks(tmp_path):
    openvino = pytest.importorskip("openvino")
    has = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert load_inference("openvino").fast_precisions() == (("bf16",) if "BF16" in has else ())
    path = tmp_path / "lite.safetensors"
    save_weights(path, GRAPH.config, WEIGHTS, {})
    if "BF16" in has:
        detector = load_detector(path, engine="openvino", input_size=SIZE, precision="bf16")
        assert detector.precision == "bf16"
    else:
        with pytest.raises(InputError, match="precision bf16: OpenVINO cannot compute in it on cpu; f32 always works"):
            load_detector(path, engine="openvino", precision="bf16")
