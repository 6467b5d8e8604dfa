import numpy as np
import pytest

from fairmot.config import NetworkConfig
from fairmot.network.architectures import build_graph
from fairmot.network.folding import fold
from fairmot.network.initial import initial_weights
from fairmot.network.layers import BatchNorm, Scale


def lively_weights(graph):
    """Start values with batch norms that do something."""
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


@pytest.mark.parametrize("name", ["lite", "dlaconv_34"])
def test_a_folded_network_gives_the_same_heads_with_fewer_layers(name):
    pytest.importorskip("torch")
    from fairmot.engines.torch import load_network

    graph = build_graph(NetworkConfig(architecture=name, embedding=8, head_width=16))
    weights = lively_weights(graph)
    folded_graph, folded_weights = fold(graph, weights)
    assert not any(isinstance(node.layer, BatchNorm | Scale) for node in folded_graph.nodes)
    assert {p.name: p.shape for p in folded_graph.parameters()} == {k: v.shape for k, v in folded_weights.items()}

    pixels = np.random.default_rng(1).random((1, 3, 64, 96), dtype=np.float32)
    heads = load_network(graph, weights, "cpu")(pixels)
    compare(load_network(folded_graph, folded_weights, "cpu")(pixels), heads)

    name = next(n for n in folded_weights if n.endswith(".bias"))
    folded_weights[name] = folded_weights[name] + np.float32(0.1)
    moved = load_network(folded_graph, folded_weights, "cpu")(pixels)
    with pytest.raises(AssertionError):
        compare(moved, heads)
