"""MindSpore's decoding against plain NumPy, its device names, and what a canvas becomes."""

from pathlib import Path

import numpy as np
import pytest
from training import graph_of, small_batch, small_config, small_weights

from fairmot.engines.interface import RawDetections
from fairmot.errors import InputError

ms = pytest.importorskip("mindspore")

from fairmot.engines.mindspore.detector import Decoder, MindSporeDetector  # noqa: E402
from fairmot.engines.mindspore.device import use_device  # noqa: E402
from fairmot.engines.mindspore.inference import load_canvas_detector, load_network  # noqa: E402
from fairmot.engines.mindspore.launcher import check_devices  # noqa: E402
from fairmot.engines.mindspore.network import (  # noqa: E402
    MindSporeNetwork,
    canvases_to_pixels,
    canvases_to_pixels_by_index,
)

STRIDE = 4
MODES = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])


def maps_of(classes=2, height=6, width=9):
    rng = np.random.default_rng(7)
    return {
        "heatmap": rng.permutation(np.linspace(-4, 4, 2 * classes * height * width))
        .reshape(2, classes, height, width)
        .astype(np.float32),
        "extents": rng.uniform(0, 5, (2, 4, height, width)).astype(np.float32),
        "offsets": rng.uniform(0, 1, (2, 2, height, width)).astype(np.float32),
        "embedding": rng.normal(size=(2, 8, height, width)).astype(np.float32),
    }


def decode(maps, max_objects, compiled):
    cell = Decoder(max_objects, STRIDE)
    found = (ms.jit(cell) if compiled else cell)(*(ms.Tensor(array) for array in maps.values()))
    return RawDetections(*(np.array(array.asnumpy()) for array in found))


def reference(maps, max_objects):
    """The same image by image, peak by peak."""
    batch = len(maps["heatmap"])
    boxes, scores, class_ids, embeddings = [], [], [], []
    for b in range(batch):
        logits = maps["heatmap"][b].astype(np.float64)
        padded = np.pad(logits, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2)).max((-1, -2))
        flat = np.where(windows == logits, 1 / (1 + np.exp(-logits)), 0).ravel()
        order = np.argsort(-flat, kind="stable")[:max_objects]
        class_id, row, column = np.unravel_index(order, logits.shape)
        left, top, right, bottom = maps["extents"][b][:, row, column]
        dx, dy = maps["offsets"][b][:, row, column]
        x, y = column + dx, row + dy
        vectors = maps["embedding"][b][:, row, column].T
        boxes.append(STRIDE * np.stack([x - left, y - top, x + right, y + bottom], axis=1))
        scores.append(flat[order])
        class_ids.append(class_id)
        embeddings.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return RawDetections(*(np.stack(arrays) for arrays in (boxes, scores, class_ids, embeddings)))


@MODES
def test_decoding_equals_numpy(compiled):
    maps = maps_of()
    peaks = int((reference(maps, 10**6).scores > 0).sum(1).min())
    found, expected = decode(maps, peaks, compiled), reference(maps, peaks)
    for name, array in found._asdict().items():
        np.testing.assert_allclose(array, getattr(expected, name), rtol=0, atol=2e-5, err_msg=name)
    assert set(np.unique(found.class_ids)) == {0, 1}
    maps["offsets"] += np.float32(1e-4)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(decode(maps, peaks, compiled).boxes_xyxy, expected.boxes_xyxy, rtol=0, atol=2e-5)


def test_rows_are_whole_cells():
    maps = maps_of(classes=1)
    for name in ("extents", "offsets"):
        maps[name][...] = 0
    cells = decode(maps, 10, False).boxes_xyxy / STRIDE
    np.testing.assert_array_equal(cells, np.round(cells))
    assert cells[..., 1].max() <= 5
    assert cells[..., 0].max() <= 8


def test_more_objects_than_cells_are_not_asked_for():
    maps = maps_of()
    assert decode(maps, 500, False).scores.shape == (2, 2 * 6 * 9)


def test_canvases_become_rgb_planes():
    canvases = small_batch().images
    planes = canvases_to_pixels(ms.Tensor(canvases)).asnumpy()
    np.testing.assert_allclose(planes, canvases[..., ::-1].transpose(0, 3, 1, 2) / 255, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(planes, canvases_to_pixels_by_index(ms.Tensor(canvases)).asnumpy())
    with pytest.raises(AssertionError):  # BGR
        np.testing.assert_array_equal(planes[:, ::-1], canvases_to_pixels_by_index(ms.Tensor(canvases)).asnumpy())


def test_a_detector_is_the_folded_network_and_its_decoding():
    config = small_config()
    graph, weights, canvases = graph_of(config), small_weights(config), small_batch().images
    found = MindSporeDetector(graph, weights, (96, 64), 20, compiled=False)(canvases)
    pixels = np.ascontiguousarray(canvases[..., ::-1].transpose(0, 3, 1, 2) / np.float32(255))
    heads = MindSporeNetwork(graph, weights, compiled=False)(pixels)
    order = ("heatmap", "extents", "offsets", "embedding")
    expected = reference({name: heads[name] for name in order}, 20)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=1e-4)
    assert found.boxes_xyxy.dtype == found.scores.dtype == found.embeddings.dtype == np.float32
    assert found.class_ids.dtype == np.int64
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=2), 1, rtol=0, atol=1e-5)


def test_weights_of_another_network_are_refused():
    config = small_config()
    weights = small_weights(config)
    weights["extra"] = weights.pop("hm.2.bias")
    with pytest.raises(InputError, match=r"hm\.2\.bias is missing; extra is unexpected"):
        load_canvas_detector(graph_of(config), weights, (96, 64), 20, "cpu")


@pytest.mark.skipif(bool(list(Path("/dev").glob("davinci[0-9]*"))), reason="there is an Ascend device")
def test_an_absent_ascend_device_is_refused_before_mindspore_warns_of_its_installation(monkeypatch, capfd):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="there is no Ascend device here"):
        use_device("ascend")
    assert "WARNING" not in "".join(capfd.readouterr())
    # Its dry run needs no device: MindSpore itself answers, here that it was built for processors.
    monkeypatch.setenv("MS_SIMULATION_LEVEL", "0")
    check_devices("ascend", 8)


def test_an_unknown_device_is_refused():
    config = small_config()
    with pytest.raises(InputError, match="'tpu' is unknown to MindSpore; known: auto, cpu, ascend"):
        load_network(graph_of(config), small_weights(config), "tpu")
