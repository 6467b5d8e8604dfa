import json
import math

from fairmot.config import NetworkConfig
from fairmot.network.architectures import build_graph
from fairmot.network.lite import LITE
from fairmot.network.summary import summarize


def test_a_layer_counted_by_hand():
    summary = summarize(build_graph(NetworkConfig(architecture="dla_34")), (1088, 608))
    first = next(layer for layer in summary.layers if layer.name == "base.base_layer.0")
    assert first.shape == (16, 608, 1088)
    assert first.parameters == 16 * 3 * 49
    assert first.multiply_adds == 16 * 3 * 49 * 608 * 1088
    grouped = next(
        layer for layer in summarize(build_graph(LITE)).layers if layer.name == "neck.refine1.depthwise.conv"
    )
    assert grouped.multiply_adds == 9 * 64 * 80 * 144


def test_totals_equal_the_manifest(shared):
    manifest = json.loads(shared("oracles", "manifests", "dla_34.json").read_text())
    unused = set(manifest["never_used_in_forward"])
    counted = sum(
        math.prod(entry["shape"])
        for entry in manifest["state_dict"]
        if entry["name"] not in unused and entry["role"] not in ("bn_mean", "bn_var", "bn_count")
    )
    summary = summarize(build_graph(NetworkConfig(architecture="dla_34")))
    assert summary.parameters == counted
    assert summary.outputs["heatmap"] == (1, 152, 272)
