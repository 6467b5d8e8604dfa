"""The shipped model: its two files are one, and it does what a model is for."""

import numpy as np
import pytest

from fairmot import load_detector
from fairmot.config import TrackerConfig, load_config
from fairmot.detector import SHIPPED_WEIGHTS, weights_tracker
from fairmot.engines.onnx.exporter import build_model
from fairmot.media.sources.frames import read_frames
from fairmot.network.architectures import build_graph
from fairmot.network.safetensors import TRACKER_NOTE, load_weights
from fairmot.street.sequence import write_street

EXPORT = SHIPPED_WEIGHTS.with_suffix(".onnx")


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    folder = write_street(tmp_path_factory.mktemp("street"), people=10, frames=2, seed=5)
    return next(iter(read_frames(folder))).image


def test_the_onnx_file_is_the_export_of_the_weights():
    import onnx

    file = load_weights(SHIPPED_WEIGHTS)
    graph = build_graph(file.network)
    arguments = {"input_size": file.network.input_size, "tracker": file.notes[TRACKER_NOTE]}
    shipped = onnx.load(EXPORT)

    def arrays(model):
        return {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}

    def compare(expected):
        assert [node.op_type for node in shipped.graph.node] == [node.op_type for node in expected.graph.node]
        assert {e.key: e.value for e in shipped.metadata_props} == {e.key: e.value for e in expected.metadata_props}
        assert arrays(shipped).keys() == arrays(expected).keys()
        for name, array in arrays(expected).items():
            np.testing.assert_allclose(arrays(shipped)[name], array, rtol=0, atol=1e-6, err_msg=name)

    compare(build_model(graph, file.arrays, **arguments))
    moved = file.arrays | {"id.2.bias": file.arrays["id.2.bias"] + np.float32(1e-3)}
    with pytest.raises(AssertionError):
        compare(build_model(graph, moved, **arguments))


def test_both_files_find_the_same(street):
    found, exported = load_detector(confidence=0.3)(street), load_detector(EXPORT, confidence=0.3)(street)
    assert len(found) == len(exported) >= 5
    np.testing.assert_allclose(exported.boxes_xyxy, found.boxes_xyxy, atol=0.05)
    np.testing.assert_allclose(exported.scores, found.scores, atol=1e-4)


def test_it_is_tracked_as_its_configuration_says():
    assert weights_tracker() == weights_tracker(EXPORT) == load_config("lite").tracker != TrackerConfig()
