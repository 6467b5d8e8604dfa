"""The workflow export: every format and precision is compared with the network before it appears."""

import numpy as np
import pytest
from typer.testing import CliRunner

from fairmot import load_detector, load_network
from fairmot.cli import app
from fairmot.config import NetworkConfig
from fairmot.engines import load_detector_exporter, load_inference, load_network_exporter
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.decoding import Decoded, decode_heads, fraction_found
from fairmot.network.initial import initial_weights
from fairmot.network.layers import Convolution
from fairmot.network.safetensors import load_weights, save_weights
from fairmot.workflows import export as workflow
from fairmot.workflows.export import export, trial_canvases

SIZE = (96, 64)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A small network whose heads differ from place to place."""
    config = NetworkConfig(architecture="yolo", embedding=8, head_width=16, input_width_px=96, input_height_px=64)
    graph = build_graph(config)
    arrays = initial_weights(graph, seed=1)
    rng = np.random.default_rng(2)
    for name in ("hm", "wh", "id", "reg"):
        shape = arrays[f"{name}.2.weight"].shape
        arrays[f"{name}.2.weight"] = rng.normal(0, 0.3, shape).astype(np.float32)
    arrays["wh.2.bias"] = arrays["wh.2.bias"] + 3  # boxes, not boxes turned inside out
    pixels = trial_canvases(SIZE)[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
    heatmap = load_inference("onnxruntime").load_network(graph, arrays)(pixels)["heatmap"]
    arrays["hm.2.weight"] /= heatmap.std()  # a flat map has its peaks anywhere
    path = tmp_path_factory.mktemp("weights") / "lite.safetensors"
    save_weights(path, config, arrays, {})
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    import cv2

    folder = tmp_path_factory.mktemp("images")
    for index, size in enumerate([(96, 64), (128, 96), (64, 64)]):
        cv2.imwrite(str(folder / f"{index}.png"), trial_canvases(size)[1])
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
@pytest.mark.parametrize("precision", ["f32", "f16", "int8"])
def test_detectors_find_what_the_weights_find(weights, images, tmp_path, suffix, precision):
    if suffix == ".xml":
        pytest.importorskip("openvino")
    output = tmp_path / f"lite{suffix}"
    result = export(weights, output, precision=precision, calibration=images)
    assert (result.precision, result.input_size, result.raw) == (precision, SIZE, False)
    assert names(tmp_path) == (["lite.bin", "lite.xml"] if suffix == ".xml" else ["lite.onnx"])
    detector = load_detector(output, confidence=0)
    canvas = trial_canvases(SIZE)[1]
    found, expected = detector(canvas), load_detector(weights, "onnxruntime", confidence=0)(canvas)
    limit = {"f32": 1e-4, "f16": 0.02, "int8": 0.3}[precision]
    difference = np.abs(found.scores[:20] - expected.scores[:20]).max()
    assert difference <= limit
    if precision != "f32":
        assert difference > 0  # short numbers were used


def test_short_files_are_shorter(weights, images, tmp_path):
    sizes = []
    for precision in ("f32", "f16", "int8"):
        export(weights, tmp_path / "x.onnx", precision=precision, calibration=images, overwrite=True)
        sizes.append((tmp_path / "x.onnx").stat().st_size)
    assert sizes[0] > 1.6 * sizes[1] > 1.6 * sizes[2]


@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".mindir"])
def test_raw_heads(weights, tmp_path, suffix):
    pytest.importorskip({".onnx": "onnxruntime", ".xml": "openvino", ".mindir": "mindspore"}[suffix])
    result = export(weights, tmp_path / f"raw{suffix}", raw=True)
    assert result.raw
    assert result.agreement > 0.9999
    pixels = np.random.default_rng(3).random((2, 3, 64, 96), dtype=np.float32)
    found, expected = load_network(tmp_path / f"raw{suffix}")(pixels), load_network(weights, "onnxruntime")(pixels)
    for name, values in expected.items():
        tolerance = 1e-3 * np.std(values)
        np.testing.assert_allclose(found[name], values, rtol=0, atol=tolerance, err_msg=name)
        with pytest.raises(AssertionError):
            np.testing.assert_allclose(found[name] * 1.01 + 0.01 * np.std(values), values, rtol=0, atol=tolerance)
    if suffix == ".mindir":
        with pytest.raises(InputError, match="for images of 96 x 64"):
            load_network(tmp_path / "raw.mindir")(np.zeros((1, 3, 32, 32), np.float32))
        with pytest.raises(InputError, match="raw heads without decoding"):
            load_detector(tmp_path / "raw.mindir")


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("head", ["hm", "wh", "id", "reg"])
def test_a_file_that_gives_something_else_does_not_appear(weights, tmp_path, monkeypatch, raw, head):
    """The twin of every check: one head of the exported network is moved by a little."""
    module, function = (
        (load_network_exporter("onnxruntime"), "export_network_file")
        if raw
        else (load_detector_exporter("onnxruntime"), "export_detector_file")
    )
    real = getattr(module, function)

    def perturbed(path, graph, arrays, size, **options):
        bias = arrays[f"{head}.2.bias"]
        real(
            path,
            graph,
            arrays | {f"{head}.2.bias": bias + np.linspace(0.3, 0.6, len(bias), dtype=np.float32)},
            size,
            **options,
        )

    monkeypatch.setattr(module, function, perturbed)
    with pytest.raises(InputError, match="nothing was written") as error:
        export(weights, tmp_path / "lite.onnx", raw=raw)
    assert "\n" not in str(error.value)
    assert names(tmp_path) == []


def test_an_existing_file_stays_unless_it_may_go(weights, tmp_path, monkeypatch):
    output = tmp_path / "lite.onnx"
    output.write_text("mine")
    with pytest.raises(InputError, match=r"exists already; overwrite replaces it"):
        export(weights, output)
    monkeypatch.setattr(workflow, "FOUND_LIMITS", {"f32": 2})
    with pytest.raises(InputError, match="nothing was written"):
        export(weights, output, overwrite=True)
    assert output.read_text() == "mine"
    monkeypatch.undo()
    export(weights, output, overwrite=True)
    assert load_detector(output).input_size == SIZE
    assert names(tmp_path) == ["lite.onnx"]


def test_scores_before_and_after(weights, images, tmp_path, monkeypatch):
    """Each score comes from its own file; tracking itself is tested elsewhere."""
    (tmp_path / "seq" / "gt").mkdir(parents=True)
    (tmp_path / "seq" / "gt" / "gt.txt").write_text("")
    (tmp_path / "seq" / "seqinfo.ini").write_text("")
    engines = []

    def score(dataset, detector, run):
        engines.append(detector.engine)
        combined = {"HOTA": len(engines), "MOTA": 0.2, "IDF1": 0.3}
        return {"combined": combined, "detection": {"combined": {"AP50": 0.4}}}

    monkeypatch.setattr(workflow, "evaluate", score)
    result = export(weights, tmp_path / "out" / "lite.onnx", evaluation=tmp_path / "seq")
    assert result.scores["before"] == {"HOTA": 1, "MOTA": 0.2, "IDF1": 0.3, "AP50": 0.4}
    assert result.scores["after"]["HOTA"] == 2
    assert names(tmp_path / "out") == ["lite.onnx"]
    with pytest.raises(InputError, match="leave out raw or evaluation"):
        export(weights, tmp_path / "raw.onnx", raw=True, evaluation=tmp_path / "seq")


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("x.bin", {}, "the suffix '.bin' does not fit; expected one of .onnx, .xml, .mindir"),
        ("x", {"format": "onnx"}, "onnx files end in .onnx"),
        ("x.onnx", {"format": "openvino"}, "openvino files end in .xml"),
        ("x.onnx", {"format": "onx"}, "format 'onx' is unknown"),
        ("x.onnx", {"precision": "f8"}, "precision 'f8' is unknown"),
        ("x.onnx", {"precision": "bf16"}, "precision bf16: onnx is written in f32, f16, int8"),
        ("x.onnx", {"precision": "int8"}, "int8 needs images"),
        ("x.onnx", {"input_size": (100, 64)}, "input size 100 x 64: width and height must be multiples of 32"),
        ("x.onnx", {"calibration": "absent", "precision": "int8"}, "absent: no such file or folder"),
        ("x.onnx", {"evaluation": "absent"}, "absent: no such folder"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(weights, tmp_path, output, options, message):
    with pytest.raises(InputError) as error:
        export(weights, tmp_path / output, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert names(tmp_path) == []


def test_exported_files_are_not_exported_again(weights, tmp_path):
    export(weights, tmp_path / "lite.onnx")
    with pytest.raises(InputError, match=r"is exported already; export the \.safetensors"):
        export(tmp_path / "lite.onnx", tmp_path / "lite.xml")
    content = weights.read_bytes()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cut off"):
        export(cut, tmp_path / "other.onnx")


def test_the_command_says_what_was_checked(weights, tmp_path):
    result = CliRunner().invoke(app, ["export", str(weights), str(tmp_path / "lite.onnx")])
    assert result.exit_code == 0, result.output
    assert "lite.onnx: onnx f32, a detector for 96x64" in result.stdout
    assert "agreement with the unexported network" in result.stdout


def test_mindir_of_another_program_or_cut_off(tmp_path):
    pytest.importorskip("mindspore")
    (tmp_path / "cut.mindir").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"cut\.mindir: not"):
        load_network(tmp_path / "cut.mindir")
    with pytest.raises(InputError, match="no such MindIR file"):
        load_network(tmp_path / "absent.mindir")


def decoded(**changes):
    heads = {
        "heatmap": np.full((1, 1, 8, 8), -4, np.float32),
        "extents": np.full((1, 4, 8, 8), 2, np.float32),
        "offsets": np.full((1, 2, 8, 8), 0.5, np.float32),
        "embedding": np.ones((1, 4, 8, 8), np.float32),
    }
    heads["heatmap"][0, 0, 2, 3], heads["heatmap"][0, 0, 6, 6] = 2, 1
    for name, (place, value) in changes.items():
        heads[name][place] = value
    return decode_heads(heads, stride=4, max_objects=2)


def test_decoding_by_hand():
    found = decoded()
    np.testing.assert_allclose(found.boxes_xyxy[0, 0], [4 * (3.5 - 2), 4 * (2.5 - 2), 4 * (3.5 + 2), 4 * (2.5 + 2)])
    np.testing.assert_allclose(found.scores[0], 1 / (1 + np.exp([-2.0, -1.0])))
    np.testing.assert_allclose(found.embeddings[0, 0], [0.5] * 4)


def test_the_share_notices_each_part():
    expected = decoded()
    assert fraction_found(expected, expected) == 1
    cell = (0, slice(None), 2, 3)
    for name, value in {"heatmap": 1.9, "extents": 2.1, "offsets": 0.6, "embedding": [1, 1, 1, 0.5]}.items():
        assert fraction_found(decoded(**{name: (cell, value)}), expected) == 0.5, name
    other = Decoded(expected.boxes_xyxy, expected.scores, expected.class_ids + 1, expected.embeddings)
    assert fraction_found(other, expected) == 0


def test_int8_leaves_the_layers_near_the_image_in_float32(weights, images, tmp_path, capsys):
    onnx = pytest.importorskip("onnx")
    export(weights, tmp_path / "x.onnx", precision="int8", calibration=images)
    assert capsys.readouterr().out == ""  # ONNX Runtime's calibration prints, beside what --json prints
    nodes = onnx.load(tmp_path / "x.onnx").graph.node
    makers = {value: node.op_type for node in nodes for value in node.output}
    short = {node.name for node in nodes if node.op_type == "Conv" and makers.get(node.input[1]) == "DequantizeLinear"}
    graph = build_graph(load_weights(weights).network)
    strides = {node.name: node.stride for node in graph.nodes if node.name in short}
    assert len(strides) == len(short) > 20
    assert min(strides.values()) == 8
    assert {node.stride for node in graph.nodes if isinstance(node.layer, Convolution)} >= {2, 4, 8}
