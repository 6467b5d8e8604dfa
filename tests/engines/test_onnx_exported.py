"""Reading ``.onnx`` files: our own, foreign ones and damaged ones."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fairmot.config import NetworkConfig
from fairmot.engines.onnx.detector import load_canvas_detector, load_network
from fairmot.engines.onnx.export import export_detector, export_heads, save_model
from fairmot.engines.onnx.exported import load_exported_detector, load_exported_network
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights

CONFIG = NetworkConfig(architecture="yolo", embedding=8, head_width=16, input_width_px=64, input_height_px=32)


@pytest.fixture(scope="module")
def network():
    graph = build_graph(CONFIG)
    return graph, initial_weights(graph, seed=1)


@pytest.fixture
def detector_file(network, tmp_path):
    save_model(tmp_path / "detector.onnx", export_detector(*network, (64, 32)))
    return tmp_path / "detector.onnx"


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_detector_reads_back(network, detector_file):
    exported = load_exported_detector(detector_file)
    assert exported.network == CONFIG
    assert exported.detector.input_size == (64, 32)
    canvases = np.random.default_rng(0).integers(0, 256, (1, 32, 64, 3), dtype=np.uint8)
    expected = load_canvas_detector(*network, (64, 32))(canvases)
    for found, wanted in zip(exported.detector(canvases), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_network_reads_back(network, tmp_path):
    save_model(tmp_path / "heads.onnx", export_heads(*network))
    exported = load_exported_network(tmp_path / "heads.onnx")
    pixels = np.random.default_rng(0).random((1, 3, 32, 64), dtype=np.float32)
    expected = load_network(*network)(pixels)
    for name, values in exported.heads(pixels).items():
        np.testing.assert_array_equal(values, expected[name])


def test_kinds_are_not_mixed_up(detector_file):
    with pytest.raises(InputError) as error:
        load_exported_network(detector_file)
    assert "holds 'detector'" in one_line(error)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such ONNX file"):
        load_exported_detector(tmp_path / "absent.onnx")


@pytest.mark.parametrize("content", [b"", b"no model at all", bytes(range(256)) * 9])
def test_no_onnx_file(content, tmp_path):
    path = tmp_path / "weights.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        load_exported_detector(path)
    assert str(path) in one_line(error)


def test_foreign_model(tmp_path):
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("images", "boxes")]
    graph = helper.make_graph([helper.make_node("Relu", ["images"], ["boxes"])], "foreign", value[:1], value[1:])
    onnx.save(helper.make_model(graph), tmp_path / "foreign.onnx")
    with pytest.raises(InputError) as error:
        load_exported_detector(tmp_path / "foreign.onnx")
    assert "not exported by fairmot" in one_line(error)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.9999])
def test_truncated_file(share, detector_file):
    content = detector_file.read_bytes()
    detector_file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError) as error:
        load_exported_detector(detector_file)
    assert str(detector_file) in one_line(error)


def test_damaged_graph(detector_file):
    model = onnx.load(detector_file)
    del model.graph.node[len(model.graph.node) // 2]
    onnx.save(model, detector_file)
    with pytest.raises(InputError) as error:
        load_exported_detector(detector_file)
    assert "ONNX Runtime cannot run it" in one_line(error)


def test_configuration_of_another_version(detector_file):
    model = onnx.load(detector_file)
    for entry in model.metadata_props:
        if entry.key == "fairmot.network":
            entry.value = '{"architecture": "lite", "colour": 1}'
    onnx.save(model, detector_file)
    with pytest.raises(InputError) as error:
        load_exported_detector(detector_file)
    assert "export it again" in one_line(error)


@pytest.mark.parametrize("kind", ["detector", "heads"])
def test_a_foreign_model_with_our_metadata_is_refused(tmp_path, kind):
    import onnx
    from onnx import TensorProto, helper

    from fairmot.config import NetworkConfig
    from fairmot.engines.onnx.exported import load_exported_detector, load_exported_network

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "foreign", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    properties = {"fairmot.kind": kind, "fairmot.network": NetworkConfig(architecture="lite").model_dump_json()}
    helper.set_model_props(model, properties)
    onnx.save(model, tmp_path / "a.onnx")
    read = load_exported_detector if kind == "detector" else load_exported_network
    with pytest.raises(InputError, match=r"a\.onnx: not exported by fairmot"):
        read(tmp_path / "a.onnx", "cpu")


@pytest.mark.parametrize("kind", ["built", "exported", "exported for two images a call"])
def test_calls_side_by_side_give_the_same_numbers_to_the_bit(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    graph = build_graph(NetworkConfig(architecture="lite", input_width_px=96, input_height_px=64))
    weights = initial_weights(graph)
    if kind == "built":
        detector = load_canvas_detector(graph, weights, (96, 64))
    else:
        path = tmp_path / "lite.onnx"
        save_model(path, export_detector(graph, weights, (96, 64), batch=2 if "two" in kind else None))
        detector = load_exported_detector(path).detector
    assert detector.at_once == 2
    canvases = np.random.default_rng(3).integers(0, 256, (4, 1, 64, 96, 3), dtype=np.uint8)
    expected = [detector(canvas) for canvas in canvases]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(detector.beside_others, canvases))
    for own, other in zip(found, expected, strict=True):
        for first, second in zip(own, other, strict=True):
            np.testing.assert_array_equal(first, second)
    assert not np.array_equal(found[0].scores, expected[1].scores)  # the twin: another image


def test_one_thread_makes_no_second_session(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    graph = build_graph(NetworkConfig(architecture="lite", input_width_px=96, input_height_px=64))
    assert load_canvas_detector(graph, initial_weights(graph), (96, 64)).at_once == 1
