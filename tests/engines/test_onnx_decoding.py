"""Decoding inside the ONNX graph against a plain NumPy decoding and against the published one."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fairmot.config import NetworkConfig
from fairmot.engines.onnx.decoding import write_detections, write_patches, write_peaks
from fairmot.engines.onnx.detector import create_session, load_network
from fairmot.engines.onnx.export import IR_VERSION, OPSET
from fairmot.engines.onnx.layers import Writer
from fairmot.geometry import Letterbox
from fairmot.network.architectures import build_graph
from fairmot.network.official import drop_never_used

OUTPUTS = ("boxes", "scores", "class_ids", "embeddings", "cells")


def decoding_session(heads, max_objects, stride=4):
    """A model that holds nothing but the decoding of head maps."""
    writer = Writer()
    classes, height, width = heads["heatmap"].shape[1:]
    peaks = write_peaks(writer, "heatmap", classes, (width, height), max_objects)
    values = [
        write_patches(writer, name, heads[name].shape[1], peaks, (width, height), 1)
        for name in ("extents", "offsets", "embedding")
    ]
    write_detections(writer, peaks, *values, stride)
    writer.add("Identity", peaks.cells, name="cells")
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *array.shape[1:]])
        for name, array in heads.items()
    ]
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.INT64, TensorProto.FLOAT, TensorProto.INT64)
    outputs = [
        helper.make_tensor_value_info(name, kind, ["batch", "peaks", size] if size else ["batch", "peaks"])
        for name, kind, size in zip(OUTPUTS, kinds, (4, 0, 0, heads["embedding"].shape[1], 0), strict=True)
    ]
    graph = helper.make_graph(writer.nodes, "decoding", inputs, outputs, list(writer.constants.values()))
    model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])
    onnx.checker.check_model(model, full_check=True)
    return create_session(model)


def decode_in_onnx(heads, max_objects):
    found = decoding_session(heads, max_objects).run(OUTPUTS, heads)
    return dict(zip(OUTPUTS, found, strict=True))


def decode_in_numpy(heads, max_objects, stride=4):
    """The reference: every step written out for one image and one peak at a time."""
    results = {name: [] for name in OUTPUTS}
    for heatmap, extents, offsets, embedding in zip(
        heads["heatmap"], heads["extents"], heads["offsets"], heads["embedding"], strict=True
    ):
        classes, height, width = heatmap.shape
        places = []
        for c, y, x in np.ndindex(classes, height, width):
            surroundings = heatmap[c, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
            is_peak = heatmap[c, y, x] == surroundings.max()
            places.append((-heatmap[c, y, x] if is_peak else np.inf, c, y, x))
        best = sorted(places)[:max_objects]
        rows = {name: [] for name in OUTPUTS}
        for negative_logit, c, y, x in best:
            left, top, right, bottom = extents[:, y, x].astype(float)
            centre_x, centre_y = x + float(offsets[0, y, x]), y + float(offsets[1, y, x])
            box = (centre_x - left, centre_y - top, centre_x + right, centre_y + bottom)
            rows["boxes"].append([stride * side for side in box])
            rows["scores"].append(1 / (1 + np.exp(float(negative_logit))) if negative_logit < np.inf else 0.0)
            rows["class_ids"].append(c)
            rows["cells"].append(y * width + x)
            vector = embedding[:, y, x].astype(float)
            rows["embeddings"].append(vector / max(np.linalg.norm(vector), 1e-12))
        for name in OUTPUTS:
            results[name].append(rows[name])
    return {name: np.array(values) for name, values in results.items()}


def compare(found, expected):
    np.testing.assert_array_equal(found["cells"], expected["cells"])
    np.testing.assert_array_equal(found["class_ids"], expected["class_ids"])
    np.testing.assert_allclose(found["scores"], expected["scores"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found["boxes"], expected["boxes"], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found["embeddings"], expected["embeddings"], rtol=0, atol=1e-6)


def random_heads(seed, batch=2, classes=1, height=7, width=9, embedding=5):
    rng = np.random.default_rng(seed)
    return {
        "heatmap": rng.normal(-2, 2, (batch, classes, height, width)).astype(np.float32),
        "extents": rng.normal(3, 2, (batch, 4, height, width)).astype(np.float32),
        "offsets": rng.uniform(0, 1, (batch, 2, height, width)).astype(np.float32),
        "embedding": rng.normal(0, 1, (batch, embedding, height, width)).astype(np.float32),
    }


@pytest.mark.parametrize(("classes", "max_objects"), [(1, 4), (1, 500), (3, 20), (3, 500)])
def test_decoding_equals_the_reference(classes, max_objects):
    heads = random_heads(classes, classes=classes)
    found = decode_in_onnx(heads, max_objects)
    assert found["scores"].shape == (2, min(max_objects, classes * 7 * 9))
    compare(found, decode_in_numpy(heads, max_objects))
    for name in ("extents", "offsets", "embedding"):
        y, x = divmod(int(found["cells"][0, 0]), 9)
        perturbed = heads | {name: heads[name].copy()}
        perturbed[name][0, 0, y, x] += 0.01
        with pytest.raises(AssertionError):
            compare(found, decode_in_numpy(perturbed, max_objects))


def test_a_perturbed_peak_is_noticed():
    heads = random_heads(0)
    found = decode_in_onnx(heads, 10)
    y, x = divmod(int(found["cells"][1, 3]), 9)
    heads["heatmap"][1, 0, y, x] -= 0.01
    with pytest.raises(AssertionError):
        compare(found, decode_in_numpy(heads, 10))


def test_plateaus_and_ties_go_by_class_then_cell():
    heads = random_heads(5, classes=2)
    heads["heatmap"] = np.round(heads["heatmap"]) / 2  # many equal neighbours, within and across classes
    compare(decode_in_onnx(heads, 60), decode_in_numpy(heads, 60))


def test_a_flat_map_is_all_peaks():
    heads = random_heads(6)
    heads["heatmap"][...] = -1.5
    found = decode_in_onnx(heads, 500)
    np.testing.assert_array_equal(found["cells"][0], np.arange(63))
    compare(found, decode_in_numpy(heads, 500))


def test_places_without_a_peak_have_score_0():
    heads = random_heads(7)
    ramp = np.arange(63, dtype=np.float32).reshape(7, 9)
    heads["heatmap"][:, 0] = ramp - 65  # one peak in the last corner, its logit -3
    found = decode_in_onnx(heads, 500)
    assert found["cells"][0, 0] == 62
    np.testing.assert_allclose(found["scores"][:, 0], 1 / (1 + np.exp(3)), rtol=1e-5)
    assert not found["scores"][:, 1:].any()


def test_rows_are_whole_cells():
    heads = random_heads(8, height=5, width=11)
    heads["offsets"][...] = 0
    heads["extents"][...] = 0
    found = decode_in_onnx(heads, 30)
    np.testing.assert_array_equal(found["boxes"][..., 1] / 4, found["cells"] // 11)
    np.testing.assert_array_equal(found["boxes"][..., 0] / 4, found["cells"] % 11)


def test_an_embedding_of_zeros_stays_finite():
    heads = random_heads(9)
    heads["embedding"][...] = 0
    found = decode_in_onnx(heads, 3)
    assert not found["embeddings"].any()


@pytest.mark.parametrize("case", ["dla_34_s18_1x320x576", "dlaconv_34_s11_1x320x576"])
def test_published_head_maps_give_the_published_detections(case, oracle):
    arrays = oracle(f"forward_{case}.npz")
    height, width = arrays["hm"].shape[2:]
    embedding = np.ones((1, arrays["id_at_pos"].shape[1], height * width), np.float32)
    embedding[:, :, arrays["id_pos"]] = arrays["id_at_pos"]
    heads = {
        "heatmap": arrays["hm"],
        "extents": arrays["wh"],
        "offsets": arrays["reg"],
        "embedding": embedding.reshape(1, -1, height, width),
    }
    count = int(arrays["K"])
    found = decode_in_onnx(heads, count)

    def compare_with_oracle(found):
        np.testing.assert_array_equal(found["cells"], arrays["inds"])
        np.testing.assert_allclose(found["boxes"] / 4, arrays["dets"][..., :4], rtol=0, atol=1e-4)
        np.testing.assert_allclose(found["scores"], arrays["dets"][..., 4], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(found["class_ids"], arrays["dets"][..., 5])
        known = np.isin(arrays["inds"][0], arrays["id_pos"])
        assert known.any()
        np.testing.assert_allclose(found["embeddings"][0, known], arrays["id_feat"][0, known], rtol=0, atol=1e-6)
        images = [name for name in arrays if name.startswith("dets_img_")]
        assert images
        for name in images:
            size = tuple(int(side) for side in name.removeprefix("dets_img_").split("x"))
            boxes = Letterbox(size, (4 * width, 4 * height)).detections_to_image(found["boxes"][0])
            np.testing.assert_allclose(boxes, arrays[name][:, :4], rtol=0, atol=1e-3)

    compare_with_oracle(found)
    for name, change in (("boxes", 1e-3), ("scores", 1e-5), ("embeddings", 1e-4), ("cells", 1)):
        with pytest.raises(AssertionError):
            compare_with_oracle(found | {name: found[name] + np.asarray(change, found[name].dtype)})


@pytest.mark.parametrize("case", ["dla_34_s18_1x320x576", "dlaconv_34_s11_1x320x576"])
def test_published_weights_give_the_published_cells(case, oracle, recipe):
    """End to end: the same set of cells, save those so near the last place that float32 noise may swap them."""
    arrays = oracle(f"forward_{case}.npz")
    architecture, seed = str(arrays["arch"]), int(arrays["seed"])
    weights, _ = drop_never_used(recipe.make_official_checkpoint(architecture, seed))
    network = load_network(build_graph(NetworkConfig(architecture=architecture)), weights)
    heads = network(recipe.make_input(seed, tuple(arrays["input_shape"])))
    count = int(arrays["K"])
    logits = arrays["hm"].ravel()
    last_place = logits[arrays["inds"][0, -1]]

    def compare_cells(cells):
        differing = np.setxor1d(cells, arrays["inds"][0])
        assert (np.abs(logits[differing] - last_place) < 1e-3).all()

    found = decode_in_onnx(heads, count)
    compare_cells(found["cells"][0])
    same = found["cells"][0] == arrays["inds"][0]
    assert same.mean() > 0.9
    np.testing.assert_allclose(found["boxes"][0, same] / 4, arrays["dets"][0, same, :4], rtol=0, atol=1e-3)
    np.testing.assert_allclose(found["embeddings"][0, same], arrays["id_feat"][0, same], rtol=0, atol=1e-3)
    perturbed = heads["heatmap"].copy()
    perturbed.ravel()[arrays["inds"][0, 0]] = -9
    with pytest.raises(AssertionError):
        compare_cells(decode_in_onnx(heads | {"heatmap": perturbed}, count)["cells"][0])
