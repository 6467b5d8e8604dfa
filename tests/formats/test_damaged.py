"""Damaged files of every kind end as one line, seeded mutations of whole ones included."""

import io
import json
import random
import zipfile

import numpy as np
import pytest
from mutations import mutated

from fairmot.config import load_config, load_tracker_config
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.formats.recordings import Recorder, load_recording
from fairmot.formats.run_file import load_run, write_run
from fairmot.formats.scores import load_scores
from fairmot.formats.seqinfo import load_info
from fairmot.media.outputs.places import read_zones
from fairmot.network.safetensors import read_arrays, write_arrays
from fairmot.report.run_folder import read_run
from fairmot.tracking.record import load_record


def recording(path):
    made = Recorder()
    for index in range(5):
        made.add(index, index / 25, Detections(np.full((2, 4), index, np.float32), np.full(2, 0.5, np.float32)))
    made.recording("a", path, 25.0).save(path)
    return path


def line_of(read, path):
    """The line with which a file is refused; None where it is read."""
    try:
        read(path)
    except InputError as error:
        line = str(error)
    else:
        return None
    assert "\n" not in line
    assert len(line) < 1000
    return line


def repacked(path, change):
    """Write the members of an archive again, each changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, change(name, content))


def patched(path, offset, content):
    """Overwrite bytes of each entry in the list of an archive's members (PKZIP, central directory)."""
    data = bytearray(path.read_bytes())
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        data[place + offset : place + offset + len(content)] = content
        place = data.find(b"PK\x01\x02", place + 4)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("offset", "content"),
    [(8, b"\x01\x00"), (10, b"\x63\x00"), (10, b"\x0e\x00"), (16, b"bad!"), (24, b"\xff\xff\xff\x7f")],
    ids=["encrypted", "unknown method", "lzma", "checksum", "huge"],
)
@pytest.mark.parametrize("read", [load_recording, load_record])
def test_archives_that_cannot_be_unpacked(tmp_path, read, offset, content):
    path = recording(tmp_path / "a.npz")
    assert line_of(load_recording, path) is None
    patched(path, offset, content)
    assert line_of(read, path).startswith(f"{path}: not a ")


def header(shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [header((2**60, 4)), header((10**12,)), b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 1000, b"", b"no array"],
    ids=["more than all memory", "a terabyte", "deep", "empty", "no array"],
)
def test_arrays_whose_header_lies(tmp_path, content):
    path = recording(tmp_path / "a.npz")
    repacked(path, lambda name, whole: content if name == "scores.npy" else whole)
    assert "not a recording" in line_of(load_recording, path)


@pytest.mark.parametrize("rate", [1e308, 1e-300, 0, -1, float("inf"), "fast", None])
def test_recordings_with_a_rate_that_no_camera_has(tmp_path, rate):
    path = recording(tmp_path / "a.npz")
    with np.load(path) as arrays:
        parts = dict(arrays)
    parts["about"] = np.array(json.dumps(json.loads(str(parts["about"])) | {"frame_rate": rate}))
    np.savez(path, **parts)
    assert "not a recording" in line_of(load_recording, path)


DEEP = "[" * 100_000
LONG = "[" + "9" * 5000 + "]"


@pytest.mark.parametrize(
    "text", [DEEP, LONG, '{"a": ' * 50_000, "\ud800", ""], ids=["deep", "long", "deep 2", "?", "0"]
)
@pytest.mark.parametrize("read", [read_zones, load_scores])
def test_json_that_no_program_can_hold(tmp_path, read, text):
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert line_of(read, path).startswith(f"{path}: ")


WRONG = ({"start": "x"}, {"start": -1}, {"every": 1e9}, {"every": [2]}, {"frames": {}}, {"frames": 2**80})


@pytest.mark.parametrize("about", [*WRONG, {"blur": 3}])
def test_run_files_of_wrong_types(tmp_path, about):
    (tmp_path / "a.txt").write_text("1,1,5,5,20,30,0.5,-1,-1,-1\n")
    write_run(tmp_path, {"sources": {"a": about}})
    line = line_of(read_run, tmp_path)
    assert line is None if "blur" in about else "run.json: " in line
    for sources in ([], {"a": 3}, {"a": None}, "a", None):
        (tmp_path / "run.json").write_text(json.dumps({"format": 1, "sources": sources}))
        assert load_run(tmp_path) is None
    (tmp_path / "run.json").write_text(DEEP)
    assert load_run(tmp_path) is None


def test_names_that_are_not_utf8_are_noted(tmp_path):
    name = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    write_run(tmp_path, {"sources": {name: {"source": f"/é/{name}"}}})
    assert load_run(tmp_path)["sources"] == {name: {"source": f"/é/{name}"}}


@pytest.mark.parametrize(
    "scores",
    [
        {"benchmark": "none", "sequences": [], "combined": {}},
        {"benchmark": "none", "sequences": {"a": 3}, "combined": {}},
        {"benchmark": "none", "sequences": {}, "combined": None},
        {"benchmark": 3, "sequences": {}, "combined": {}},
        {"benchmark": "none", "sequences": {"a": {"HOTA": "x"}}, "combined": {}},
        {"benchmark": "none", "sequences": {}, "combined": {}, "classic": 3},
    ],
)
def test_scores_of_wrong_types(tmp_path, scores):
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    assert "not scores" in line_of(load_scores, tmp_path / "scores.json")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [BOMB, "a: &a [*a]\n", "{a: " * 5000, "a: " + "9" * 5000, "a: 2001-99-99", "network: " + "x" * 10**6],
    ids=["aliases", "itself", "deep", "long", "date", "text"],
)
@pytest.mark.parametrize("read", [load_config, load_tracker_config])
def test_yaml_that_stands_for_more_than_there_is(tmp_path, read, text):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    assert line_of(read, path).startswith(str(path))


def test_aliases_are_welcome(tmp_path):
    (tmp_path / "a.yaml").write_text("network: &n {architecture: lite}\ntrain: {epochs: 3}\n")
    assert load_config(tmp_path / "a.yaml").train.epochs == 3


def test_flipped_bits_of_weights_are_found(tmp_path):
    path, rng = tmp_path / "a.safetensors", random.Random(0)
    write_arrays(path, {"a": np.arange(1000, dtype=np.float32), "b": np.zeros((3, 3), np.int64)}, {"note": "text"})
    whole = path.read_bytes()
    assert read_arrays(path)[0] == {"note": "text"}
    for _ in range(50):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        assert line_of(read_arrays, path) is not None


def test_mutations_of_whole_files_are_read_or_refused_in_one_line(tmp_path):
    rng = random.Random(0)
    (tmp_path / "seq").mkdir()
    info = tmp_path / "seq" / "seqinfo.ini"
    info.write_text("[Sequence]\nname=a\nimDir=img1\nframeRate=25\nseqLength=30\nimWidth=64\nimHeight=48\n")
    (tmp_path / "zones.json").write_text('{"door": [[0, 120], [320, 120], [320, 240], [0, 240]]}')
    (tmp_path / "a.yaml").write_text("confidence: 0.5\ntrack_buffer_frames: 20\nsecond_pass: true\n")
    scores = {"benchmark": "none", "sequences": {"a": {"HOTA": 0.5}}, "combined": {"HOTA": 0.5}}
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    readers = {
        recording(tmp_path / "a.npz"): load_recording,
        info: lambda path: load_info(path.parent),
        tmp_path / "zones.json": read_zones,
        tmp_path / "a.yaml": load_tracker_config,
        tmp_path / "scores.json": load_scores,
    }
    refused = 0
    for path, read in readers.items():
        whole = path.read_bytes()
        assert line_of(read, path) is None
        for _ in range(60):
            path.write_bytes(mutated(whole, rng))
            refused += line_of(read, path) is not None
        path.write_bytes(whole)
    assert 100 < refused < 300
