import numpy as np
import pytest
from safetensors.numpy import save_file

from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.lite import LITE
from fairmot.network.weights import check_weights, load_weights, save_weights


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
    del weights["hm.2.bias"]
    weights["foreign"] = np.zeros(1)
    weights["wh.2.bias"] = np.zeros(7)
    with pytest.raises(InputError) as error:
        check_weights(graph, weights, "w.safetensors")
    text = str(error.value)
    assert "hm.2.bias is missing" in text
    assert "foreign is unexpected" in text
    assert "wh.2.bias has shape [7], expected [4]" in text


def test_files_that_are_no_weights(tmp_path):
    with pytest.raises(InputError, match="no such weight file"):
        load_weights(tmp_path / "absent.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(InputError, match="not a safetensors file"):
        load_weights(tmp_path / "text.safetensors")
    save_file({"a": np.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(InputError, match="names no network"):
        load_weights(tmp_path / "foreign.safetensors")


def test_a_truncated_file_is_one_line(tmp_path, weights):
    path = tmp_path / "w.safetensors"
    save_weights(path, LITE, weights, {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not a safetensors file"):
        load_weights(path)


def test_a_newer_format_is_refused(tmp_path, weights):
    path = tmp_path / "w.safetensors"
    metadata = {"format_version": "2", "network": LITE.model_dump_json()}
    save_file(weights, path, metadata)
    with pytest.raises(InputError, match="format version 2"):
        load_weights(path)
