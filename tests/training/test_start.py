"""The weights that a run starts from."""

import re

import numpy as np
import pytest
from small_run import ARCHITECTURE, configuration

from fairmot.errors import InputError
from fairmot.network.architectures import build_graph, published_config
from fairmot.network.initial import initial_weights
from fairmot.network.safetensors import load_weights, save_weights
from fairmot.training.start import start_weights


def test_start_weights_must_fit_unless_a_part_is_asked_for(images, tmp_path):
    larger = published_config(ARCHITECTURE)
    other = build_graph(larger)
    save_weights(tmp_path / "start.safetensors", larger, initial_weights(other, seed=9), {})
    config = configuration(images, tmp_path / "run", start_weights=str(tmp_path / "start.safetensors"))
    graph = build_graph(config.network)
    with pytest.raises(InputError, match=r"id\.2\.weight has shape \[64, 192, 1, 1\], expected \[8, 16, 1, 1\]"):
        start_weights(graph, config)
    partial = configuration(
        images, tmp_path / "run", start_weights=str(tmp_path / "start.safetensors"), partial_start=True
    )
    notes = []
    taken = start_weights(graph, partial, notes.append)
    assert len(notes) == 1
    assert re.search(r"start\.safetensors: (\d+) of (\d+) arrays taken, .*drawn or left out: ", notes[0])
    assert "id.2.weight has shape [64, 192, 1, 1], expected [8, 16, 1, 1]" in notes[0]
    assert "stem" not in notes[0]
    given = load_weights(tmp_path / "start.safetensors").arrays
    np.testing.assert_array_equal(taken["backbone.stem.0.conv.weight"], given["backbone.stem.0.conv.weight"])
    assert taken["id.2.weight"].shape == (8, 16, 1, 1)
