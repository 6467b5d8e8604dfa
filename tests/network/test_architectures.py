import json
import math

import numpy as np
import pytest

from fairmot.config import NetworkConfig
from fairmot.errors import InputError
from fairmot.network.architectures import ARCHITECTURES, build_graph, published_config
from fairmot.network.heads import HEAD_NAMES
from fairmot.network.layers import BatchNorm
from fairmot.network.lite import LITE
from fairmot.network.summary import summarize

MANIFESTS = (
    "dla_34",
    "dlaconv_34",
    "resdcn_34",
    "resdcn_50",
    "resfpndcn_34",
    "hrnet_18",
    "hrnet_32",
    "yolo",
)


@pytest.fixture(params=MANIFESTS)
def manifest(request, shared):
    return json.loads(shared("oracles", "manifests", f"{request.param}.json").read_text())


def manifest_shapes(manifest):
    unused = set(manifest["never_used_in_forward"])
    return {e["name"]: tuple(e["shape"]) for e in manifest["state_dict"] if e["name"] not in unused}


def test_names_and_shapes_equal_the_published_ones(manifest):
    graph = build_graph(published_config(manifest["arch"]))
    ours = {parameter.name: parameter.shape for parameter in graph.parameters()}
    assert ours == manifest_shapes(manifest)
    assert {public: ours[f"{public}.2.weight"][0] for public in HEAD_NAMES} == manifest["heads"]
    name = next(iter(ours))
    ours[name] = (*ours[name], 1)
    assert ours != manifest_shapes(manifest)


def test_batch_norms_follow_the_manifest(manifest):
    graph = build_graph(NetworkConfig(architecture=manifest["arch"]))
    layers = [node.layer for node in graph.nodes if isinstance(node.layer, BatchNorm)]
    assert {layer.epsilon for layer in layers} == set(manifest["bn_eps"])
    assert {layer.momentum for layer in layers} == set(manifest["bn_momentum_pytorch"])


def test_hrnet_forgets_faster_in_transitions_and_exchanges():
    graph = build_graph(published_config("hrnet_18"))
    norms = {node.name: node.layer.momentum for node in graph.nodes if isinstance(node.layer, BatchNorm)}
    fast = {name for name, momentum in norms.items() if momentum == 0.1}
    assert fast == {name for name in norms if name.startswith("transition") or ".fuse_layers." in name}


def test_only_the_architecture_itself_knows_its_public_names(manifest):
    shapes = {e["name"]: tuple(e["shape"]) for e in manifest["state_dict"]}
    assert [name for name, architecture in ARCHITECTURES.items() if architecture.fits(shapes)] == [manifest["arch"]]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_knows_its_own_names(name):
    graph = build_graph(published_config(name))
    shapes = {parameter.name: parameter.shape for parameter in graph.parameters()}
    assert [other for other, architecture in ARCHITECTURES.items() if architecture.fits(shapes)] == [name]


@pytest.mark.parametrize(("layers", "numbers"), [(101, 44_549_160), (152, 60_192_808)])
def test_deeper_resnets_have_the_backbone_of_their_depth(layers, numbers):
    # Parameters of the ImageNet networks (He et al.), without their classifier of 2048 x 1000 + 1000.
    graph = build_graph(published_config(f"resdcn_{layers}"))
    backbone = [p for p in graph.parameters() if p.trainable and p.name.startswith(("conv1", "bn1", "layer"))]
    assert sum(math.prod(p.shape) for p in backbone) == numbers - 2_049_000


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "lite"])
def test_heads_have_stride_4_and_the_configured_sizes(name):
    graph = build_graph(NetworkConfig(architecture=name, classes=3, embedding=32, head_width=48))
    assert graph.stride == 4
    channels = {head: graph.nodes[index].channels for head, index in graph.outputs.items()}
    assert channels == {"heatmap": 3, "extents": 4, "offsets": 2, "embedding": 32}
    shapes = {parameter.name: parameter.shape for parameter in graph.parameters()}
    assert shapes["hm.2.weight"] == (3, 48, 1, 1)


def test_lite_has_heads_on_three_levels_and_embeddings_along_boxes():
    graph = build_graph(NetworkConfig(architecture="lite", classes=3, embedding=32, head_width=48))
    heads = {head: (graph.nodes[i].channels, graph.nodes[i].stride) for head, i in graph.outputs.items()}
    assert list(heads.items()) == [
        ("scores_8", (3, 8)),
        ("distances_8", (4, 8)),
        ("scores_16", (3, 16)),
        ("distances_16", (4, 16)),
        ("scores_32", (3, 32)),
        ("distances_32", (4, 32)),
        ("embedding", (32, 0)),
    ]
    assert graph.level_strides == graph.config.level_strides == (8, 16, 32)
    shapes = {parameter.name: parameter.shape for parameter in graph.parameters()}
    assert shapes["id.2.weight"] == (32, 48, 1, 1)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_map_is_freed_after_its_last_reader_and_no_head_is(name):
    graph = build_graph(NetworkConfig(architecture=name))
    freed = [source for sources in graph.last_uses().values() for source in sources]
    assert len(freed) == len(set(freed)) == len(graph.nodes) - len(graph.outputs)
    assert not set(freed) & set(graph.outputs.values())


def test_lite_is_light():
    def costs(name):
        graph = build_graph(published_config(name))
        weights = sum(math.prod(p.shape) for p in graph.parameters() if p.trainable)
        return np.array([weights, summarize(graph, LITE.input_size).multiply_adds])

    # The next larger network that was published.
    assert (3 * costs("lite") < costs("yolo")).all()


def test_an_unknown_architecture_is_named_with_the_closest_one():
    with pytest.raises(InputError, match="did you mean 'dla_34'"):
        build_graph(NetworkConfig(architecture="dla34"))


def test_two_parameters_of_one_name_are_refused():
    from fairmot.network.graph import GraphBuilder

    builder = GraphBuilder()
    x = builder.convolution(builder.input(), "same", 4, 3)
    y = builder.convolution(x, "same", 4, 3)
    with pytest.raises(ValueError, match=r"same\.weight"):
        builder.finish(NetworkConfig(), {"heatmap": y})


def test_adding_maps_of_different_strides_is_refused():
    from fairmot.network.graph import GraphBuilder

    builder = GraphBuilder()
    x = builder.convolution(builder.input(), "a", 4, 3)
    y = builder.convolution(x, "b", 4, 3, stride=2)
    with pytest.raises(ValueError, match="cannot add"):
        builder.add(x, y)
