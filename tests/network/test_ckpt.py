"""MindSpore's checkpoints, against MindSpore itself where it is installed."""

import os
from functools import partial

import numpy as np
import pytest
from refusals import refusal

from fairmot.network.ckpt import KINDS, read_ckpt, write_ckpt

ARRAYS = {
    "a.weight": np.random.default_rng(0).normal(size=(3, 4, 1, 2)).astype(np.float32),
    "a.count": np.array(7, np.int64),
    "a.half": np.array([1.5, -0.0, np.inf], np.float16),
    "a.flag": np.array([True, False]),
    "a.turned": np.arange(6, dtype=np.float64).reshape(2, 3).T,
}


def assert_same_bits(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert found[name].tobytes() == array.tobytes(), name


complain = partial(refusal, read_ckpt)


def test_what_is_written_is_read_bit_for_bit(tmp_path):
    write_ckpt(tmp_path / "a.ckpt", ARRAYS)
    found = read_ckpt(tmp_path / "a.ckpt")
    assert found.other == ()
    assert_same_bits(found.arrays, ARRAYS)
    with pytest.raises(AssertionError, match=r"a\.weight"):
        assert_same_bits(found.arrays, ARRAYS | {"a.weight": np.nextafter(ARRAYS["a.weight"], np.float32(9))})


def test_mindspore_reads_what_is_written_here_and_the_other_way_round(tmp_path, monkeypatch):
    ms = pytest.importorskip("mindspore")
    from mindspore.train import serialization

    write_ckpt(tmp_path / "ours.ckpt", ARRAYS)
    loaded = ms.load_checkpoint(str(tmp_path / "ours.ckpt"))
    assert_same_bits({name: parameter.asnumpy() for name, parameter in loaded.items()}, ARRAYS)

    listed = [{"name": name, "data": ms.Tensor(np.array(array, order="C"))} for name, array in ARRAYS.items()]
    ms.save_checkpoint(listed, str(tmp_path / "theirs.ckpt"), append_dict={"epoch_num": 3, "note": "text"})
    found = read_ckpt(tmp_path / "theirs.ckpt")
    assert found.other == ("note",)
    assert found.arrays.pop("epoch_num") == 3
    assert_same_bits(found.arrays, ARRAYS)
    # Large arrays come in slices, and a checksum may end the file.
    monkeypatch.setattr(serialization, "SLICE_SIZE", 1)  # KiB
    large = np.arange(1000, dtype=np.float32).reshape(10, 100)
    ms.save_checkpoint([{"name": "large", "data": ms.Tensor(large)}], str(tmp_path / "cut.ckpt"), crc_check=True)
    content = (tmp_path / "cut.ckpt").read_bytes()
    assert content.count(b"large") == 4
    assert b"crc_num" in content
    assert_same_bits(read_ckpt(tmp_path / "cut.ckpt").arrays, {"large": large})


def test_bfloat16_becomes_float32_exactly(tmp_path):
    write_ckpt(tmp_path / "a.ckpt", {"a": np.array([0x3F80, 0xC020], np.uint16)})
    content = (tmp_path / "a.ckpt").read_bytes()
    swapped = content.replace(b"UInt16", b"BFloat16")
    swapped = swapped.replace(content[:2], bytes([10, content[1] + 2]), 1)
    place = swapped.index(b"BFloat16")
    swapped = swapped[: place - 1] + bytes([8]) + swapped[place:]
    inner = swapped.index(b"\x12", 4)  # the tensor's own length grows too
    swapped = swapped[: inner + 1] + bytes([swapped[inner + 1] + 2]) + swapped[inner + 2 :]
    (tmp_path / "b.ckpt").write_bytes(swapped)
    found = read_ckpt(tmp_path / "b.ckpt").arrays["a"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [1.0, -2.5])


def test_truncated_files(tmp_path):
    path = tmp_path / "cut.ckpt"
    write_ckpt(path, ARRAYS)
    content = path.read_bytes()
    for length in (0, 1, 5, 20, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert "not a MindSpore checkpoint" in complain(path)


def test_foreign_files(tmp_path):
    path = tmp_path / "foreign.ckpt"
    for content in (
        b"hello",
        bytes(500),
        b"\xff" * 500,
        b"<!DOCTYPE html>\n<html>\n",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"PK\x03\x04" + np.random.default_rng(0).bytes(500),
    ):
        path.write_bytes(content)
        assert "not a MindSpore checkpoint" in complain(path)


def test_shapes_and_types_that_cannot_be(tmp_path):
    path = tmp_path / "a.ckpt"
    write_ckpt(path, {"a": np.zeros(3, np.float32)})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\x08\x03", b"\x08\x05", 1))
    assert "a has 12 bytes, not those of Float32 [5]" in complain(path)
    path.write_bytes(content.replace(b"Float32", b"Flood32"))
    assert "type 'Flood32', which NumPy lacks" in complain(path)


def test_absent_and_unreadable_files(tmp_path):
    assert "no such file" in complain(tmp_path / "absent.ckpt")
    assert "cannot be read" in complain(tmp_path)
    if os.geteuid() != 0:  # root reads everything
        (tmp_path / "a.ckpt").write_bytes(b"")
        (tmp_path / "a.ckpt").chmod(0)
        assert "cannot be read" in complain(tmp_path / "a.ckpt")


def test_every_kind_of_number_has_a_name_of_its_own():
    assert len(set(KINDS.values())) == len(KINDS) == 12
