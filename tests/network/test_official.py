import numpy as np
import pytest

from fairmot.engines import load_inference
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.level_decoding import MAX_OBJECTS
from fairmot.network.lite import LITE
from fairmot.network.official import (
    architecture_of,
    drop_never_used,
    read_rtmdet_onnx,
    recognise,
)

PHOTOGRAPHS = (
    ("data", "coco_person", "images", "val2017"),
    ("data", "pennfudan", "images"),
    ("data", "mot", "TUD-Campus", "img1"),
)


def photographs(shared):
    """Canvases [6, 320, 576, 3]: two photographs of each folder, top-left on grey."""
    cv2 = pytest.importorskip("cv2")
    canvases = []
    for folder in PHOTOGRAPHS:
        for path in sorted(shared(*folder).glob("*"))[3:60:30]:
            image = cv2.imread(str(path))
            scale = min(576 / image.shape[1], 320 / image.shape[0])
            small = cv2.resize(image, None, fx=scale, fy=scale)
            canvas = np.full((320, 576, 3), 114, np.uint8)
            canvas[: small.shape[0], : small.shape[1]] = small
            canvases.append(canvas)
    return np.stack(canvases)


def test_people_are_found_as_the_public_file_finds_them(shared):
    pytest.importorskip("onnx")
    ort = pytest.importorskip("onnxruntime")
    path = shared("data", "teachers", "rtmdet_nano_person.onnx")
    canvases = photographs(shared)
    normalised = (canvases - np.float32([103.53, 116.28, 123.675])) / np.float32([57.375, 57.12, 58.395])
    public = ort.InferenceSession(str(path))
    graph = build_graph(LITE)
    weights = initial_weights(graph) | read_rtmdet_onnx(path, graph)
    detector = load_inference("onnxruntime").load_canvas_detector(graph, weights, (576, 320))

    def compare(nudge):
        compared = 0
        for canvas, planes in zip(canvases, normalised.transpose(0, 3, 1, 2), strict=True):
            rows = public.run(["dets"], {"input": np.ascontiguousarray(planes[None])})[0][0]
            rows = rows[rows[:, 4] > 0]
            found = detector(canvas[None])
            if len(rows) < MAX_OBJECTS:  # else it leaves out the faintest, and rounding decides which
                assert (rows[:, 4] > 0.1).sum() == (found.scores[0] > 0.1).sum()
            rows = rows[rows[:, 4] > 0.1]
            boxes, scores = found.boxes_xyxy[0, : len(rows)] + nudge, found.scores[0, : len(rows)]
            np.testing.assert_allclose(scores, rows[:, 4], rtol=0, atol=1e-4)
            np.testing.assert_allclose(boxes, rows[:, :4], rtol=0, atol=1e-2)
            compared += len(rows)
        assert compared > 30

    compare(0.0)
    with pytest.raises(AssertionError):
        compare(0.02)


def test_a_file_that_is_not_rtmdet_nano(shared, tmp_path):
    onnx = pytest.importorskip("onnx")
    graph = build_graph(LITE)
    (tmp_path / "noise.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match="not a readable ONNX file"):
        read_rtmdet_onnx(tmp_path / "noise.onnx", graph)
    with pytest.raises(InputError, match="convolution"):
        read_rtmdet_onnx(shared("data", "teachers", "yolox_nano.onnx"), graph)
    model = onnx.load(str(shared("data", "teachers", "rtmdet_nano_person.onnx")))
    weight = next(t for t in model.graph.initializer if list(t.dims) == [64, 64, 1, 1])
    weight.CopyFrom(onnx.numpy_helper.from_array(np.zeros((8, 64, 1, 1), np.float32), weight.name))
    onnx.save(model, str(tmp_path / "other.onnx"))
    with pytest.raises(InputError, match="needs"):
        read_rtmdet_onnx(tmp_path / "other.onnx", graph)


def test_what_no_output_depends_on_is_dropped_by_name():
    arrays = {
        "base.fc.weight": np.zeros(1),
        "base.level3.project.0.weight": np.zeros(1),
        "base.level3.tree1.project.0.weight": np.zeros(1),
        "hm.0.weight": np.zeros(1),
    }
    kept, dropped = drop_never_used(arrays)
    assert set(kept) == {"base.level3.tree1.project.0.weight", "hm.0.weight"}
    assert dropped == ["base.fc.weight", "base.level3.project.0.weight"]


@pytest.mark.parametrize("name", ["dla_34", "dlaconv_34"])
def test_a_public_state_is_recognised(name, recipe):
    config = recognise(recipe.make_official_checkpoint(name, 0), "x.pth")
    assert (config.architecture, config.classes, config.embedding, config.head_width) == (name, 1, 128, 256)


def test_foreign_states_are_refused():
    with pytest.raises(InputError, match="no known architecture"):
        recognise({"conv1.weight": np.zeros(1)}, "x.pth")
    with pytest.raises(InputError, match=r"dla_34 without FairMOT's heads: hm\.2\.weight"):
        recognise({"base.base_layer.0.weight": np.zeros(1)}, "x.pth", "dla_34")
    with pytest.raises(InputError, match=r"has arrays of resdcn_34 \(1\), .*resfpndcn_34 \(1\), .*name one of them"):
        architecture_of({"bn1.weight": np.zeros(64), "layer2.0.bn1.weight": np.zeros(1)}, "x.pth")
