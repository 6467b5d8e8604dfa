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
    layers = {layer.name: layer for layer in summarize(build_graph(LITE)).layers if layer.name}
    assert layers["appearance.2.depthwise.conv"].multiply_adds == 9 * 32 * 80 * 144
    assert layers["backbone.stage3.1.attention.fc"].multiply_adds == 128 * 128
    along = layers["id.2"]
    assert (along.shape, along.multiply_adds) == ((64, 1, 100), 192 * 64 * 100)


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
