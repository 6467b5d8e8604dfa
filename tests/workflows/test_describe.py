import json

import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.network.architectures import ARCHITECTURES, build_graph, published_config
from fairmot.network.ckpt import write_ckpt
from fairmot.network.initial import initial_weights
from fairmot.network.lite import LITE
from fairmot.network.naming import from_public
from fairmot.workflows.describe import compare_architectures, describe, markdown_table


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "lite"])
def test_every_architecture_is_described_as_published(name):
    title, summary = describe(name)
    assert title == f"{name} at 1088 x 608"
    assert summary.outputs["heatmap"] == (1, 152, 272)
    assert summary.outputs["embedding"] == (64 if name == "yolo" else 128, 152, 272)


def test_the_table_counts_what_the_manifests_hold(shared):
    rows = {row.architecture: row for row in compare_architectures((1088, 608))}
    assert list(rows) == list(ARCHITECTURES)
    for path in shared("oracles", "manifests").glob("*.json"):
        manifest = json.loads(path.read_text())
        unused = set(manifest["never_used_in_forward"])
        trainable = sum(
            int(np.prod(entry["shape"]))
            for entry in manifest["state_dict"]
            if entry["name"] not in unused and entry["role"] not in ("bn_mean", "bn_var", "bn_count")
        )
        assert rows[manifest["arch"]].parameters == trainable
    lines = markdown_table(list(rows.values())).splitlines()
    assert len(lines) == 2 + len(ARCHITECTURES)
    assert {line.count("|") for line in lines} == {6}
    assert "| `yolo` | 1088 x 608 | 5.01 |" in lines[-2]


def test_multiply_adds_grow_with_the_image():
    small, large = (compare_architectures(size) for size in ((576, 320), (1152, 640)))
    boxes = {"lite": 100 * (1920 * 192 + 192 * 64)}  # what lies along boxes does not grow
    attention = {"lite": 32**2 + 64**2 + 128**2 + 256**2}
    for one, four in zip(small, large, strict=True):
        fixed = boxes.get(one.architecture, 0) + attention.get(one.architecture, 0)
        assert 4 * (one.multiply_adds - fixed) == four.multiply_adds - fixed


def test_a_dense_enlargement_counted_by_hand():
    _, summary = describe("resdcn_34", (64, 32))
    layer = next(layer for layer in summary.layers if layer.name == "deconv_layers.9")
    # 128 channels in and out at stride 8; each output cell is reached by 2 x 2 of the kernel's 4 x 4 taps.
    assert (layer.shape, layer.parameters) == ((128, 4, 8), 128 * 128 * 16)
    assert layer.multiply_adds == 4 * 8 * 128 * 128 * 4


def test_files_of_other_frameworks_are_described(tmp_path):
    write_ckpt(tmp_path / "a.ckpt", from_public(initial_weights(build_graph(LITE)), "mindspore"))
    assert describe(str(tmp_path / "a.ckpt"))[1] == describe("lite", (576, 320))[1]
    with pytest.raises(InputError, match="no such file"):
        describe("absent.ckpt")


def test_published_sizes():
    assert published_config("lite") == LITE
    yolo = published_config("yolo")
    assert (yolo.embedding, yolo.head_width, yolo.input_size) == (64, 64, (1088, 608))
