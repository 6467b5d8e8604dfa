"""Detectors as users load and call them."""

import cv2
import numpy as np
import pytest

import fairmot.detector.loading
from fairmot import load_detector, load_network
from fairmot.config import NetworkConfig
from fairmot.detector import Detector
from fairmot.engines.interface import RawDetections
from fairmot.engines.onnx.export import export_detector, export_heads, save_model
from fairmot.errors import InputError
from fairmot.geometry import Letterbox
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.safetensors import save_weights

CONFIG = NetworkConfig(
    architecture="yolo", classes=2, embedding=8, head_width=16, input_width_px=96, input_height_px=64
)


class FixedNetwork:
    """Answers with the same raw detections for every canvas, and keeps the canvases."""

    input_size = (96, 64)

    def __call__(self, canvases):
        self.canvases = canvases
        boxes = np.array([[10, 20, 30, 60], [40, 0, 50, 40], [-5, -5, 101, 70], [0, 0, 0, 0]], np.float32)
        scores = np.array([0.9, 0.5, 0.25, 0.0], np.float32)
        classes = np.array([0, 1, 0, 0])
        vectors = np.eye(4, 3, dtype=np.float32)
        return RawDetections(*(np.stack([a] * len(canvases)) for a in (boxes, scores, classes, vectors)))


@pytest.fixture
def network():
    graph = build_graph(CONFIG)
    weights = initial_weights(graph, seed=2)
    for name in weights:  # else every score is 0.1 and nothing stands out
        if name.endswith(".2.weight"):
            weights[name] = weights[name] * 300
    weights["wh.2.bias"] = weights["wh.2.bias"] + 3  # boxes, not boxes turned inside out
    return graph, weights


@pytest.fixture
def weight_file(network, tmp_path):
    save_weights(tmp_path / "lite.safetensors", CONFIG, network[1], {})
    return tmp_path / "lite.safetensors"


def make_image(width=120, height=50, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_scores_must_exceed_the_threshold():
    detector = Detector(FixedNetwork(), "fixed", "none", 2, confidence=0.25)
    found = detector(make_image())
    np.testing.assert_array_equal(found.scores, np.float32([0.9, 0.5]))
    np.testing.assert_array_equal(found.class_ids, [0, 1])
    np.testing.assert_array_equal(found.embeddings, np.eye(2, 3))
    assert len(Detector(FixedNetwork(), "fixed", "none", 2, confidence=0.24)(make_image())) == 3


def test_a_box_turned_inside_out_is_nothing():
    class Inverted(FixedNetwork):
        def __call__(self, canvases):
            found = super().__call__(canvases)
            found.boxes_xyxy[:, 0] = [30, 20, 10, 60]
            return found

    np.testing.assert_array_equal(
        Detector(Inverted(), "fixed", "none", 2)(make_image()).scores, np.float32([0.5, 0.25])
    )


def test_only_the_wanted_classes_are_handed_over():
    found = Detector(FixedNetwork(), "fixed", "none", 2, classes=[1])(make_image())
    np.testing.assert_array_equal(found.class_ids, [1])


def test_a_class_that_the_network_lacks_is_refused_and_not_silently_empty():
    with pytest.raises(InputError, match="class 5: this network has classes 0 to 1"):
        Detector(FixedNetwork(), "fixed", "none", 2, classes=[1, 5])
    with pytest.raises(InputError, match="class 5: this network has class 0 alone"):
        Detector(FixedNetwork(), "fixed", "none", 1, classes=[5])
    with pytest.raises(InputError, match="class -1"):
        Detector(FixedNetwork(), "fixed", "none", 2, classes=[-1])
    with pytest.raises(InputError, match=r"no class is selected.* has classes 0 to 1"):
        Detector(FixedNetwork(), "fixed", "none", 2, classes=[])


def test_boxes_return_to_the_image():
    network = FixedNetwork()
    found = Detector(network, "fixed", "none", 2)(make_image(192, 96))  # ratio 1/2, 8 canvas pixels above and below
    np.testing.assert_allclose(found.boxes_xyxy[0], [20, 24, 60, 104])
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found.boxes_xyxy[0], [20, 24, 60, 104.01])
    np.testing.assert_array_equal(network.canvases[0], Letterbox((192, 96), (96, 64)).apply(make_image(192, 96)))


def test_each_image_of_a_batch_has_its_own_letterbox():
    detector = Detector(FixedNetwork(), "fixed", "none", 2)
    images = [make_image(192, 96), make_image(48, 32), make_image(30, 70)]
    together = detector.batch(images)
    for found, image in zip(together, images, strict=True):
        np.testing.assert_array_equal(found.boxes_xyxy, detector(image).boxes_xyxy)
    assert not np.allclose(together[0].boxes_xyxy, together[1].boxes_xyxy)
    assert detector.batch([]) == []


def test_prepared_images_give_the_same(weight_file):
    detector = load_detector(weight_file, "onnxruntime", "cpu", confidence=0.05)
    images = [make_image(192, 96), make_image(48, 32, seed=1), make_image(30, 70, seed=2)]
    prepared = [detector.prepare(image) for image in images]
    mixed = detector.batch([prepared[0], images[1], prepared[2]])
    plain = detector.batch(images)
    for image, ready, found, expected in zip(images, prepared, mixed, plain, strict=True):
        assert len(expected)
        for name in ("boxes_xyxy", "scores", "class_ids", "embeddings"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
            np.testing.assert_array_equal(getattr(detector(ready), name), getattr(detector(image), name))
    prepared[0].canvas[30:34, 40:44] ^= 128
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(detector(prepared[0]).scores, detector(images[0]).scores)


def test_an_image_that_scales_itself_comes_to_the_same_canvas(weight_file):
    detector = load_detector(weight_file, "onnxruntime", "cpu")
    image = make_image(192, 96)
    prepared = detector.prepare_decoded((192, 96), lambda size: cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    np.testing.assert_array_equal(prepared.canvas, detector.prepare(image).canvas)
    assert prepared.letterbox == detector.prepare(image).letterbox
    assert detector.prepare_decoded((40, 30), pytest.fail) is None  # it would have to grow


def test_the_canvas_fits_each_image(weight_file):
    fitting = load_detector(weight_file, "onnxruntime", "cpu", input_size="auto")
    assert fitting.fits_images
    images = [make_image(120, 80), make_image(80, 120), make_image(120, 80, seed=1)]
    assert [fitting.prepare(image).letterbox.canvas_size for image in images] == [(96, 64), (64, 96), (96, 64)]
    found = fitting.batch(images)
    fixed = [load_detector(weight_file, "onnxruntime", "cpu", input_size=size) for size in ((96, 64), (64, 96))]
    for one, image, detector in zip(found, images, (fixed[0], fixed[1], fixed[0]), strict=True):
        expected = detector(image)
        np.testing.assert_allclose(one.scores, expected.scores, rtol=0, atol=1e-6)
        np.testing.assert_allclose(one.boxes_xyxy, expected.boxes_xyxy, rtol=0, atol=1e-3)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found[0].scores, found[2].scores, rtol=0, atol=1e-6)


def test_published_networks_keep_their_size_and_lite_fits_images(weight_file):
    assert not load_detector(weight_file).fits_images
    assert load_detector(engine="onnxruntime").fits_images
    assert not load_detector(engine="onnxruntime", input_size=(576, 320)).fits_images


def test_an_exported_file_has_one_size(network, tmp_path):
    save_model(tmp_path / "fixed.onnx", export_detector(*network, (96, 64)))
    assert not load_detector(tmp_path / "fixed.onnx").fits_images
    with pytest.raises(InputError, match="one size of canvas"):
        load_detector(tmp_path / "fixed.onnx", input_size="auto")


def test_an_image_prepared_for_another_canvas_is_refused(weight_file):
    small = load_detector(weight_file, "onnxruntime", "cpu", input_size=(64, 32))
    with pytest.raises(ValueError, match="prepared for 64 x 32: this detector's canvas is 96 x 64"):
        Detector(FixedNetwork(), "fixed", "none", 2)(small.prepare(make_image()))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        None,
        "street.jpg",
    ],
)
def test_bad_images(image):
    with pytest.raises(ValueError, match=r"expected uint8 \[H, W, 3\], BGR, not empty"):
        Detector(FixedNetwork(), "fixed", "none", 2)(image)


def test_a_weight_file_is_enough(weight_file):
    detector = load_detector(weight_file, "onnxruntime", "cpu", confidence=0.05)
    assert (detector.engine, detector.architecture, detector.input_size) == ("onnxruntime", "yolo", (96, 64))
    assert detector.class_count == CONFIG.classes
    found = detector(make_image())
    assert len(found) > 5
    assert (np.diff(found.scores) <= 0).all()
    assert found.scores.min() > 0.05
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-5)
    views = make_image(240, 100)[::2, ::-2]  # not contiguous
    np.testing.assert_array_equal(detector(views).scores, detector(np.ascontiguousarray(views)).scores)


def test_detections_equal_the_raw_heads(weight_file):
    """One peak followed by hand from the head maps to the image."""
    image = make_image(192, 96)
    found = load_detector(weight_file, "onnxruntime", confidence=0.0)(image)
    letterbox = Letterbox((192, 96), (96, 64))
    pixels = letterbox.apply(image)[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
    heads = load_network(weight_file, "onnxruntime")(pixels)
    class_id, y, x = np.unravel_index(heads["heatmap"][0].argmax(), heads["heatmap"][0].shape)
    centre = np.array([x, y]) + heads["offsets"][0, :, y, x]
    extents = heads["extents"][0, :, y, x]
    canvas_box = 4 * np.concatenate([centre - extents[:2], centre + extents[2:]])
    box = (canvas_box - [0, 8, 0, 8]) * 2
    np.testing.assert_allclose(found.boxes_xyxy[0], box, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(found.scores[0], 1 / (1 + np.exp(-heads["heatmap"].max())), atol=1e-5)
    assert found.class_ids[0] == class_id
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found.boxes_xyxy[0], box + 0.1, rtol=1e-4, atol=1e-2)


def test_another_input_size(weight_file):
    assert load_detector(weight_file, input_size=(128, 32)).input_size == (128, 32)


@pytest.mark.parametrize("size", [(100, 64), (96, 0), (96, -32), (96,)])
def test_input_sizes_are_multiples_of_32(size, weight_file):
    with pytest.raises(InputError, match="multiples of 32"):
        load_detector(weight_file, input_size=size)


def test_exported_detectors_and_networks_load(network, weight_file, tmp_path):
    save_model(tmp_path / "detector.onnx", export_detector(*network, (96, 64)))
    save_model(tmp_path / "heads.onnx", export_heads(*network))
    exported = load_detector(tmp_path / "detector.onnx", confidence=0.05)
    assert (exported.engine, exported.architecture, exported.input_size) == ("onnxruntime", "yolo", (96, 64))
    expected = load_detector(weight_file, "onnxruntime", confidence=0.05)(make_image())
    np.testing.assert_array_equal(exported(make_image()).boxes_xyxy, expected.boxes_xyxy)
    pixels = np.zeros((1, 3, 32, 32), np.float32)
    heads = load_network(tmp_path / "heads.onnx")(pixels)
    for name, values in load_network(weight_file, "onnxruntime")(pixels).items():
        np.testing.assert_array_equal(heads[name], values)
    with pytest.raises(InputError, match="device cuda: this ONNX Runtime has no CUDAExecutionProvider"):
        load_detector(tmp_path / "detector.onnx", device="cuda")  # not: PyTorch runs no exported models
    with pytest.raises(InputError, match="was exported for 96 x 64, not for 64 x 64"):
        load_detector(tmp_path / "detector.onnx", input_size=(64, 64))


def test_exported_models_need_their_engine(network, tmp_path):
    pytest.importorskip("torch")
    save_model(tmp_path / "detector.onnx", export_detector(*network, (96, 64)))
    with pytest.raises(InputError, match="engine torch runs no exported models"):
        load_detector(tmp_path / "detector.onnx", engine="torch")


def test_weights_of_another_architecture(network, tmp_path):
    config = CONFIG.model_copy(update={"architecture": "dlaconv_34"})
    save_weights(tmp_path / "wrong.safetensors", config, network[1], {})
    with pytest.raises(InputError, match=r"does not fit dlaconv_34: base\.base_layer\.0\.weight is missing"):
        load_detector(tmp_path / "wrong.safetensors")


def test_absent_files(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="no such weight file"):
        load_detector(tmp_path / "absent.safetensors")
    with pytest.raises(InputError, match="no such ONNX file"):
        load_detector(tmp_path / "absent.onnx")
    monkeypatch.setattr(fairmot.detector.loading, "SHIPPED_WEIGHTS", tmp_path / "lite.safetensors")
    with pytest.raises(InputError, match="holds no weights; name a file, or train one"):
        load_detector()


def test_the_device_chooses_the_engine(weight_file, monkeypatch):
    asked = []

    def load_inference(name):
        asked.append(name)
        raise InputError("enough")

    monkeypatch.setattr(fairmot.detector.loading, "load_inference", load_inference)
    monkeypatch.setattr(fairmot.detector.loading, "check_device", lambda engine, device: None)  # every device is here
    for device in ("cuda", "ascend", "cpu"):
        for load in (load_detector, load_network):
            with pytest.raises(InputError, match="enough"):
                load(weight_file, device=device)
    assert asked == ["torch", "torch", "mindspore", "mindspore", "onnxruntime", "onnxruntime"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": 1.5}, "confidence 1.5"),
        ({"classes": [0, 2]}, "class 2: this network has classes 0 to 1"),
        ({"engine": "onnxruntim"}, "did you mean 'onnxruntime'"),
        ({"device": "tpu", "engine": "onnxruntime"}, "device 'tpu'"),
    ],
)
def test_unusable_options(options, message, weight_file):
    with pytest.raises(InputError, match=message) as error:
        load_detector(weight_file, **options)
    assert "\n" not in str(error.value)
