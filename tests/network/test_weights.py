import json
import struct
from functools import partial

import numpy as np
import pytest
from refusals import refusal
from safetensors.numpy import save_file

from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.lite import LITE
from fairmot.network.safetensors import check_weights, load_weights, save_weights


@pytest.fixture
def weights():
    return initial_weights(build_graph(LITE))


def test_a_round_trip_keeps_every_bit_and_the_notes(tmp_path, weights):
    save_weights(tmp_path / "w.safetensors", LITE, weights, {"licence": "free"})
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded.network == LITE
    assert loaded.notes == {"licence": "free"}
    assert loaded.arrays.keys() == weights.keys()
    for name, array in weights.items():
        assert (loaded.arrays[name].dtype, loaded.arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(loaded.arrays[name], array)
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_failed_write_leaves_the_old_file(tmp_path, weights):
    path = tmp_path / "w.safetensors"
    save_weights(path, LITE, weights, {})
    before = path.read_bytes()
    with pytest.raises(Exception, match="object"):
        save_weights(path, LITE, {"a": np.array([object()])}, {})
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_every_difference_is_listed(weights):
    graph = build_graph(LITE)
    del weights["id.2.bias"]
    weights["foreign"] = np.zeros(1)
    weights["bbox_head.rtm_reg.0.bias"] = np.zeros(7)
    with pytest.raises(InputError) as error:
        check_weights(graph, weights, "w.safetensors")
    text = str(error.value)
    assert "id.2.bias is missing" in text
    assert "foreign is unexpected" in text
    assert "bbox_head.rtm_reg.0.bias has shape [7], expected [4]" in text


complain = partial(refusal, load_weights)


def write_header(path, header, data=b""):
    """A safetensors file byte by byte: what its own writer refuses to make."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_files_that_are_no_weights(tmp_path):
    assert "no such weight file" in complain(tmp_path / "absent.safetensors")
    assert "no such weight file" in complain(tmp_path)
    path = tmp_path / "broken.safetensors"
    for content in (b"", b"hello", b"\xff" * 64, np.random.default_rng(0).bytes(500)):
        path.write_bytes(content)
        assert "not a safetensors file" in complain(path)
    assert "not a safetensors file" in complain(write_header(path, b"\xff" * 20))
    assert "not a safetensors file" in complain(write_header(path, b"{"))
    assert "expected a string" in complain(write_header(path, {"__metadata__": {"network": 1}}))


@pytest.mark.parametrize(
    "metadata", [None, {}, {"format": "pt"}, {"format_version": "1"}, {"modelspec.title": "an image generator"}]
)
def test_a_file_of_another_program_names_no_network(tmp_path, metadata):
    path = tmp_path / "foreign.safetensors"
    save_file({"unet.weight": np.zeros(1)}, path, metadata)
    line = complain(path)
    assert "names no network" in line
    assert "fairmot convert" in line


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3"])
def test_numbers_that_numpy_lacks_are_named(tmp_path, kind):
    header = {"a": {"dtype": kind, "shape": [4], "data_offsets": [0, 8 if kind == "BF16" else 4]}}
    line = complain(write_header(tmp_path / "half.safetensors", header, bytes(header["a"]["data_offsets"][1])))
    assert "float32" in line


def test_a_checkpoint_of_a_run_is_called_so(tmp_path, weights):
    path = tmp_path / "last.safetensors"
    save_file(weights, path, {"checkpoint_version": "1", "config": "{}"})
    assert "a training checkpoint" in complain(path)


FULL = LITE.model_dump()


@pytest.mark.parametrize(
    ("network", "problem"),
    [
        ("", "network: Invalid JSON"),
        ('{"architecture": "lite"', "network: Invalid JSON"),
        ("[" * 100_000, "network: Invalid JSON"),
        ("lite", "network: Invalid JSON"),
        ("null", "network: Input should be an object"),
        ('["lite"]', "network: Input should be an object"),
        (json.dumps(FULL | {"classes": "many", "embedding": -1}), "network.embedding: Input should be greater"),
        (json.dumps(FULL | {"classes": "many"}), "network.classes: Input should be a valid integer"),
        (json.dumps(FULL | {"classes": None}), "network.classes: Input should be a valid integer"),
        (json.dumps(FULL | {"architecture": 5}), "network.architecture: Input should be a valid string"),
        (json.dumps(FULL | {"input_width_px": 100}), "network.input_width_px: Input should be a multiple of 32"),
        (json.dumps(FULL | {"depth": 3}), "network.depth: Extra inputs are not permitted"),
        (json.dumps(FULL | {"architecture": "lit"}), "network.architecture 'lit' is unknown (did you mean 'lite'?)"),
        ("{}", "network.architecture, network.classes, network.embedding"),
        *((json.dumps({k: FULL[k] for k in FULL if k != key}), f"network.{key} missing") for key in FULL),
    ],
)
def test_damaged_metadata_are_one_line_that_names_the_key(tmp_path, weights, network, problem):
    path = tmp_path / "w.safetensors"
    save_file(weights, path, {"format_version": "1", "network": network})
    line = complain(path)
    assert problem in line
    assert "known: " in line or "fairmot convert" in line


def test_a_truncated_file_is_one_line(tmp_path, weights):
    path = tmp_path / "w.safetensors"
    save_weights(path, LITE, weights, {})
    content = path.read_bytes()
    for length in (5, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert "not a safetensors file" in complain(path)


@pytest.mark.parametrize("version", ["2", "one\ntwo", None])
def test_another_format_is_refused(tmp_path, weights, version):
    path = tmp_path / "w.safetensors"
    metadata = {"network": LITE.model_dump_json()} | ({"format_version": version} if version else {})
    save_file(weights, path, metadata)
    assert f"format version {version or 'missing'!r}" in complain(path)
