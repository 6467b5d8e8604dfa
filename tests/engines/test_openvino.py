"""OpenVINO: against the published outputs, against ONNX Runtime, and its own files read back."""

import functools

import numpy as np
import onnx
import pytest

from fairmot import load_detector, load_network
from fairmot.config import NetworkConfig
from fairmot.engines import load_inference
from fairmot.engines.onnx.export import export_detector, export_heads, save_model
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights

pytest.importorskip("openvino")
engine = load_inference("openvino")

from fairmot.engines.onnx.openvino_model import write_model  # noqa: E402

SIZE = (96, 64)


@functools.cache
def living_network(architecture, classes=1):
    """A small network whose offsets, masks and heads differ from place to place, with heads of usual sizes."""
    graph = build_graph(
        NetworkConfig(
            architecture=architecture,
            classes=classes,
            embedding=16,
            head_width=24,
            input_width_px=96,
            input_height_px=64,
        )
    )
    weights = initial_weights(graph, seed=3)
    rng = np.random.default_rng(4)
    for parameter in graph.parameters():
        name, shape = parameter.name, parameter.shape
        if parameter.role == "bn_var":
            weights[name] = rng.uniform(0.5, 1.5, shape).astype(np.float32)
        elif parameter.role in ("bias", "bn_bias", "bn_mean"):
            weights[name] = rng.normal(0, 0.3, shape).astype(np.float32)
        elif "conv_offset_mask" in name:
            weights[name] = rng.normal(0, 0.05, shape).astype(np.float32)
    pixels = canvases(1)[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
    heads = load_inference("onnxruntime").load_network(graph, weights)(pixels)
    for name, head in {"hm": "heatmap", "wh": "extents", "reg": "offsets", "id": "embedding"}.items():
        weights[f"{name}.2.weight"] /= np.std(heads[head], axis=(0, 2, 3)).mean()
    return graph, weights


def canvases(count, size=SIZE):
    return np.random.default_rng(0).integers(0, 256, (count, size[1], size[0], 3), dtype=np.uint8)


def compare_detections(found, expected):
    np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=1e-5)
    real = expected.scores > 0
    assert real.sum() > 10
    np.testing.assert_array_equal(found.class_ids[real], expected.class_ids[real])
    np.testing.assert_allclose(found.boxes_xyxy[real], expected.boxes_xyxy[real], rtol=1e-4, atol=5e-3)
    np.testing.assert_allclose(found.embeddings[real], expected.embeddings[real], rtol=0, atol=1e-4)


@pytest.mark.parametrize(("architecture", "classes"), [("yolo", 1), ("dla_34", 1), ("dlaconv_34", 3)])
def test_detections_agree_with_onnx_runtime(architecture, classes):
    graph, weights = living_network(architecture, classes=classes)
    images = canvases(2)
    expected = load_inference("onnxruntime").load_canvas_detector(graph, weights, SIZE, 60)(images)
    compare_detections(engine.load_canvas_detector(graph, weights, SIZE, 60)(images), expected)
    shifted = weights | {name: weights[name] * np.float32(1.01) for name in ("wh.2.weight", "wh.2.bias")}
    with pytest.raises(AssertionError):
        compare_detections(engine.load_canvas_detector(graph, shifted, SIZE, 60)(images), expected)


def test_any_number_of_images_and_of_threads(monkeypatch):
    graph, weights = living_network("yolo")
    detector = engine.load_canvas_detector(graph, weights, SIZE, 30)
    assert detector.batch is None
    together = detector(canvases(3))
    alone = detector(canvases(3)[2:])
    np.testing.assert_allclose(together.boxes_xyxy[2:], alone.boxes_xyxy, rtol=1e-5, atol=1e-4)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    detector = engine.load_canvas_detector(graph, weights, SIZE, 30)
    assert detector._compiled.get_property("INFERENCE_NUM_THREADS") == 1
    assert str(detector._compiled.get_property("INFERENCE_PRECISION_HINT")) == "<Type: 'float32'>"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openvino")
    graph, weights = living_network("dla_34")
    detector, heads = export_detector(graph, weights, SIZE, 60), export_heads(graph, weights)
    write_model(folder / "detector.xml", detector)
    write_model(folder / "heads.xml", heads)
    save_model(folder / "detector.onnx", detector)
    return folder


def test_its_file_needs_no_extension_and_gives_the_same(files):
    from openvino import Core

    Core().read_model(files / "detector.xml")
    expected = load_detector(files / "detector.onnx", confidence=0)
    for name in ("detector.xml", "detector.onnx"):
        detector = load_detector(files / name, "openvino", confidence=0)
        assert (detector.engine, detector.architecture, detector.input_size) == ("openvino", "dla_34", SIZE)
        found, wanted = detector(canvases(1)[0]), expected(canvases(1)[0])
        np.testing.assert_allclose(found.boxes_xyxy, wanted.boxes_xyxy, rtol=1e-4, atol=5e-3)
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-5)
        with pytest.raises(AssertionError):
            np.testing.assert_allclose(found.scores, wanted.scores * np.float32(1.001), atol=1e-5)
    assert load_detector(files / "detector.xml").engine == "openvino"


def test_raw_heads_read_back(files):
    graph, weights = living_network("dla_34")
    pixels = np.random.default_rng(1).random((1, 3, 64, 96), dtype=np.float32)
    expected = engine.load_network(graph, weights)(pixels)
    for name, values in load_network(files / "heads.xml")(pixels).items():
        np.testing.assert_allclose(values, expected[name], atol=1e-5)


def refusal(call, *arguments, **options):
    with pytest.raises(InputError) as error:
        call(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_files_of_another_kind_are_one_line_each(files, tmp_path):
    assert "holds 'heads'" in refusal(load_detector, files / "heads.xml")
    assert "engine torch runs no exported models of this kind" in refusal(load_detector, files / "heads.xml", "torch")
    assert "absent.xml: no such file" in refusal(load_detector, tmp_path / "absent.xml")
    (tmp_path / "lonely.xml").write_bytes((files / "detector.xml").read_bytes())
    assert "lonely.bin: no such file" in refusal(load_detector, tmp_path / "lonely.xml")


@pytest.mark.parametrize("part", [".xml", ".bin"])
@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_truncated_files(files, tmp_path, part, share):
    for suffix in (".xml", ".bin"):
        content = (files / f"detector{suffix}").read_bytes()
        length = int(len(content) * share) if suffix == part else len(content)
        (tmp_path / f"cut{suffix}").write_bytes(content[:length])
    assert "cut.xml: " in refusal(load_detector, tmp_path / "cut.xml")


def test_models_of_another_program(tmp_path):
    import openvino
    from openvino import opset13

    value = opset13.parameter([1, 3], np.float32, name="images")
    openvino.save_model(openvino.Model([opset13.relu(value)], [value]), tmp_path / "foreign.xml")
    assert "not exported by fairmot" in refusal(load_detector, tmp_path / "foreign.xml")
    node = onnx.helper.make_node("Relu", ["images"], ["boxes"])
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("images", "boxes")]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "x", values[:1], values[1:])), tmp_path / "x.onnx")
    assert "not exported by fairmot" in refusal(load_detector, tmp_path / "x.onnx", "openvino")


def test_devices_and_precisions_that_are_absent(files):
    assert "device 'cuda': OpenVINO finds only" in refusal(load_detector, files / "detector.xml", device="cuda")
    graph, weights = living_network("yolo")
    assert "precision f8: engine openvino does not compute in it" in refusal(
        engine.load_network, graph, weights, precision="f8"
    )


def test_short_precision_where_the_processor_has_it():
    from openvino import Core

    graph, weights = living_network("yolo")
    pixels = np.random.default_rng(1).random((1, 3, 64, 96), dtype=np.float32)
    if "BF16" not in Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        assert "precision bf16" in refusal(engine.load_network, graph, weights, precision="bf16")
        return
    exact, short = (engine.load_network(graph, weights, precision=kind)(pixels) for kind in ("f32", "bf16"))
    # Extents are exponentials: what is short is their logarithm.
    exact["extents"], short["extents"] = np.log(exact["extents"]), np.log(short["extents"])
    for name, values in exact.items():
        assert 0 < np.abs(short[name] - values).max() < 0.1 * np.abs(values).max()
