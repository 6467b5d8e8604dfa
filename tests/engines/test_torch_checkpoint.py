"""Public ``.pth`` files: what is read, and the one line that refuses everything else."""

import io
import os
import pathlib
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from refusals import refusal

from fairmot.errors import InputError

torch = pytest.importorskip("torch")

from fairmot.engines.torch.checkpoint import read_checkpoint, write_checkpoint  # noqa: E402


def complain(path):
    """The line, which stays short whatever the file holds."""
    line = refusal(read_checkpoint, path)
    assert len(line) < 400 + len(str(path))
    return line


def save(path, content, **options):
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_tensors_are_read_bit_for_bit(tmp_path, wrapped, zipped):
    values = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    state = OrderedDict(
        [
            ("module.a.weight", torch.nn.Parameter(torch.from_numpy(values.copy()))),
            ("module.a.turned", torch.from_numpy(values.copy()).T),
            ("module.bn.num_batches_tracked", torch.tensor(7)),
            ("module.a.half", torch.from_numpy(values).half()),
        ]
    )
    content = {"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}} if wrapped else state
    path = save(tmp_path / "good.pth", content, _use_new_zipfile_serialization=zipped)
    arrays = read_checkpoint(path)
    assert list(arrays) == ["a.weight", "a.turned", "bn.num_batches_tracked", "a.half"]
    np.testing.assert_array_equal(arrays["a.weight"], values)
    np.testing.assert_array_equal(arrays["a.turned"], values.T)
    assert arrays["bn.num_batches_tracked"] == 7
    assert [array.dtype for array in arrays.values()] == [np.float32, np.float32, np.int64, np.float16]
    values[0, 0] = np.nextafter(values[0, 0], np.float32(9))
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(arrays["a.weight"], values)


def test_bfloat16_becomes_float32_exactly(tmp_path):
    values = torch.tensor([1.0, -2.5, 3.0e38, 1e-40]).bfloat16()
    array = read_checkpoint(save(tmp_path / "half.pth", {"a": torch.nn.Parameter(values)}))["a"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, values.float().numpy())
    assert array[1] == -2.5


@pytest.mark.parametrize(
    "content",
    [
        {"epoch": 3, "model": {"a": torch.ones(1)}},
        {"a": torch.ones(1), "lr": 1e-4, "epoch": 3},
        {"state_dict": {"a": torch.ones(1), "lr": np.float64(1e-4)}, "best": np.float32(0.7), "epoch": np.int64(3)},
    ],
    ids=["model", "appended numbers", "numbers of NumPy"],
)
def test_what_training_programs_keep_beside_the_tensors_is_left_out(tmp_path, content):
    arrays = read_checkpoint(save(tmp_path / "kept.pth", content))
    assert list(arrays) == ["a"]
    np.testing.assert_array_equal(arrays["a"], [1])


def test_the_arrays_are_no_windows_of_one_storage(tmp_path):
    whole = torch.arange(6.0)
    arrays = read_checkpoint(save(tmp_path / "shared.pth", {"a": whole, "b": whole[:3]}))
    arrays["a"][0] = 9
    assert arrays["b"][0] == 0


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"state_dict": {"a": torch.ones(1), "rates": [3]}}, "'rates' is a list, no tensor"),
        ({"state_dict": {"a": None}}, "'a' is a NoneType"),
        ({"state_dict": {"a": {"b": torch.ones(1)}}}, "'a' is a dict"),
        ({"state_dict": {5: torch.ones(1)}}, "5 is a Tensor"),
        ({"state_dict": [torch.ones(1)]}, "holds a list"),
        ({"epoch": 3, "network": {"a": torch.ones(1)}}, "'network' is a dict"),
        ({}, "holds no tensors"),
        ({"state_dict": {}}, "holds no tensors"),
        (torch.ones(3), "holds a Tensor"),
        ("hello", "holds a str"),
        ({"a": torch.ones(2).to_sparse()}, "a is float32 sparse_coo"),
        ({"a": torch.ones(2).to(torch.float8_e4m3fn)}, "a is float8_e4m3fn"),
        ({"a": torch.ones(1), "module.a": torch.ones(1)}, "both with and without 'module.'"),
    ],
)
def test_what_is_no_state_is_named(tmp_path, content, problem):
    line = complain(save(tmp_path / "odd.pth", content))
    assert problem in line
    assert "; " in line


@pytest.mark.parametrize("where", ["state", "entry", "beside"])
def test_code_in_a_file_is_not_run(tmp_path, where):
    class Trap:
        def __reduce__(self):
            return pathlib.Path.touch, (tmp_path / "touched",)

    contents = {
        "state": {"state_dict": Trap()},
        "entry": {"state_dict": {"a": torch.ones(1), "b": Trap()}},
        "beside": {"state_dict": {"a": torch.ones(1)}, "args": Trap()},
    }
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(contents[where]))
    save(tmp_path / "zip.pth", contents[where])
    save(tmp_path / "old.pth", contents[where], _use_new_zipfile_serialization=False)
    for name in ("plain.pth", "zip.pth", "old.pth"):
        line = complain(tmp_path / name)
        assert "can run code" in line
        assert "weights_only" not in line
        assert not (tmp_path / "touched").exists()
    # The trap works: whoever loads the file without care runs it.
    torch.load(tmp_path / "zip.pth", weights_only=False)
    assert (tmp_path / "touched").exists()


def test_a_whole_pickled_network_is_not_loaded(tmp_path):
    assert "can run code" in complain(save(tmp_path / "network.pth", torch.nn.Linear(2, 2)))


@pytest.mark.parametrize("zipped", [False, True])
def test_truncated_files(tmp_path, zipped):
    state = {"state_dict": {"a": torch.ones(1000), "b": torch.ones(10)}}
    path = save(tmp_path / "cut.pth", state, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    for length in (0, 1, 10, 100, 700, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert "cut off" in (line := complain(path)) or "damaged" in line


def archive(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        bytes(500),
        b"\xff" * 500,
        np.random.default_rng(0).bytes(500),
        archive(readme="text"),
        pickle.dumps(pathlib.PurePosixPath("a")),
        b"version https://git-lfs.github.com/spec/v1\n",
        b"<!DOCTYPE html>\n<html>\n",
    ],
)
def test_foreign_files(tmp_path, content):
    path = tmp_path / "foreign.pth"
    path.write_bytes(content)
    assert "no PyTorch checkpoint" in complain(path)


def test_absent_and_unreadable_files(tmp_path):
    assert "no such file" in complain(tmp_path / "absent.pth")
    assert "cannot be read" in complain(tmp_path)
    if os.geteuid() != 0:  # root reads everything
        path = save(tmp_path / "locked.pth", {"a": torch.ones(1)})
        path.chmod(0)
        assert "cannot be read" in complain(path)


def test_what_is_written_has_the_published_layout_and_every_bit(tmp_path):
    arrays = {
        "a.weight": np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32).T,
        "bn.num_batches_tracked": np.array(7),
        "a.half": np.ones(2, np.float16),
    }
    write_checkpoint(tmp_path / "a.pth", arrays)
    content = torch.load(tmp_path / "a.pth", weights_only=True)
    assert list(content) == ["epoch", "state_dict"]
    found = read_checkpoint(tmp_path / "a.pth")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises(InputError, match=r"folder\.pth: cannot be written"):
        write_checkpoint(tmp_path / "folder.pth", arrays)
    arrays["a.half"][0] = 2
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(found["a.half"], arrays["a.half"])
