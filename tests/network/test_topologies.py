"""The graphs against a second writing of the published networks, loaded by name."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from fairmot.network.architectures import build_graph, published_config

torch = pytest.importorskip("torch")


def load_modules():
    spec = importlib.util.spec_from_file_location("public_modules", Path(__file__).with_name("public_modules.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MODULES


MODULES = load_modules()
TOLERANCE = {"heatmap": 1e-3, "extents": 1e-3, "embedding": 1e-3, "offsets": 2e-4}


def compare(heads, expected):
    assert heads.keys() == expected.keys()
    for head, reference in expected.items():
        np.testing.assert_allclose(heads[head], reference, rtol=0, atol=TOLERANCE[head], err_msg=head)


@pytest.mark.parametrize("architecture", MODULES)
def test_a_graph_computes_what_the_published_modules_compute(architecture, recipe):
    from fairmot.engines.torch.inference import load_network

    weights = recipe.make_official_checkpoint(architecture, 5)
    pixels = recipe.make_input(5, (1, 3, 96, 64))
    modules = MODULES[architecture]().eval()
    modules.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()}, strict=True)
    with torch.inference_mode():
        expected = {head: x.numpy() for head, x in modules(torch.from_numpy(pixels)).items()}
    assert all(np.abs(reference).max() > 0.5 for reference in expected.values())
    network = load_network(build_graph(published_config(architecture)), weights, "cpu")
    compare(network(pixels), expected)
    # One weight of a deep layer less and it is another network.
    deep = {"yolo": "backbone.model.9.cv1.conv.weight", "hrnet": "stage4.0.branches.3.0.conv1.weight"}
    name = deep.get(architecture.split("_")[0], "layer4.2.conv1.weight")
    weights[name] = weights[name] * np.float32(0.9)
    changed = load_network(build_graph(published_config(architecture)), weights, "cpu")
    with pytest.raises(AssertionError):
        compare(changed(pixels), expected)
