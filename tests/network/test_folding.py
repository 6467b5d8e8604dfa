import numpy as np
import pytest

from fairmot.config import NetworkConfig
from fairmot.network.architectures import build_graph
from fairmot.network.folding import fold
from fairmot.network.initial import initial_weights
from fairmot.network.layers import BatchNorm, SpaceToDepth


def lively_weights(graph):
    """Initial weights with batch norms that are not the identity."""
    rng = np.random.default_rng(0)
    weights = initial_weights(graph)
    for parameter in graph.parameters():
        if parameter.role.startswith("bn_") and parameter.role != "bn_count":
            weights[parameter.name] = rng.uniform(0.5, 1.5, parameter.shape).astype(np.float32)
        elif parameter.name.endswith(".2.weight"):
            weights[parameter.name] = rng.normal(0, 0.1, parameter.shape).astype(np.float32)
    return weights


def compare(folded, heads):
    for head, expected in heads.items():
        np.testing.assert_allclose(folded[head], expected, rtol=0, atol=1e-4 * np.abs(expected).max(), err_msg=head)


@pytest.mark.parametrize("name", ["lite", "dlaconv_34", "resdcn_34", "hrnet_18", "yolo"])
def test_a_folded_network_gives_the_same_heads_with_fewer_layers(name):
    pytest.importorskip("torch")
    from fairmot.engines.torch.inference import load_network

    graph = build_graph(NetworkConfig(architecture=name, embedding=8, head_width=16))
    weights = lively_weights(graph)
    folded_graph, folded_weights = fold(graph, weights)
    assert not any(isinstance(node.layer, BatchNorm | SpaceToDepth) for node in folded_graph.nodes)
    assert {p.name: p.shape for p in folded_graph.parameters()} == {k: v.shape for k, v in folded_weights.items()}

    pixels = np.random.default_rng(1).random((1, 3, 64, 96), dtype=np.float32)
    heads = load_network(graph, weights, "cpu")(pixels)
    compare(load_network(folded_graph, folded_weights, "cpu")(pixels), heads)

    name = next(n for n in folded_weights if n.endswith(".bias"))
    folded_weights[name] = folded_weights[name] + np.float32(0.1)
    moved = load_network(folded_graph, folded_weights, "cpu")(pixels)
    with pytest.raises(AssertionError):
        compare(moved, heads)


def test_a_batch_norm_folds_into_grouped_enlargements():
    pytest.importorskip("torch")
    from fairmot.engines.torch.inference import load_network
    from fairmot.network.graph import GraphBuilder
    from fairmot.network.layers import TransposedConvolution

    for groups in (1, 2, 4):
        builder = GraphBuilder()
        x = builder.convolution(builder.input(), "in", 4, 3)
        enlarged = builder._enlarge(TransposedConvolution(8, 4, 2, 1, groups), x, "up")
        graph = builder.finish(NetworkConfig(), {"x": builder.batch_norm(enlarged, "bn")})
        weights = lively_weights(graph)
        rng = np.random.default_rng(2)
        weights["up.weight"] = rng.normal(size=weights["up.weight"].shape).astype(np.float32)
        weights["bn.weight"] = rng.normal(size=8).astype(np.float32)
        pixels = rng.random((1, 3, 8, 12), dtype=np.float32)
        heads = load_network(graph, weights, "cpu")(pixels)
        folded_graph, folded_weights = fold(graph, weights)
        assert [node.name for node in folded_graph.nodes] == ["", "in", "up"]
        compare(load_network(folded_graph, folded_weights, "cpu")(pixels), heads)
        folded_weights["up.weight"][1] *= 1.01
        with pytest.raises(AssertionError):
            compare(load_network(folded_graph, folded_weights, "cpu")(pixels), heads)


def test_stacked_pixels_that_a_head_shows_are_not_folded():
    from fairmot.network.graph import GraphBuilder

    builder = GraphBuilder()
    stacked = builder.space_to_depth(builder.input())
    convolved = builder.convolution(stacked, "c", 4, 3)
    for outputs, kinds in (
        ({"x": convolved}, ["Input", "Convolution"]),
        ({"x": convolved, "y": stacked}, ["Input", "SpaceToDepth", "Convolution"]),
    ):
        graph = builder.finish(NetworkConfig(), outputs)
        folded, weights = fold(graph, initial_weights(graph))
        assert [type(node.layer).__name__ for node in folded.nodes] == kinds
        assert {p.name: p.shape for p in folded.parameters()} == {k: v.shape for k, v in weights.items()}
