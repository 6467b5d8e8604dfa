import struct

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from fairmot.data.converters import convert_caltech
from fairmot.data.converters.norpix import read_seq
from fairmot.errors import InputError

# Object -> label; frame -> its objects: number (from 1), left, top, width, height.
LABELS = ("person", "people", "person", "person?")
FRAMES = (
    [(3, [10.5, 5, 20, 40]), (2, [60, 0, 30, 20])],
    [],
    [(1, [-5, 8, 15, 30]), (3, [12, 5, 20, 40]), (4, [80, 10, 0, 20])],
    [(4, [70, 10, 8, 20])],
)
EXPECTED = {
    "I00000.jpg": [[0, 0, 10.5, 5, 30.5, 45], [-1, -1, 60, 0, 90, 20]],
    "I00002.jpg": [[0, 1, -5, 8, 10, 38], [0, 0, 12, 5, 32, 45]],
}


def write_vbb(path, frames=FRAMES, labels=LABELS):
    """A .vbb is a MATLAB file with the struct A; objLists is a cell 1 x nFrame of struct arrays."""
    lists = np.empty((1, len(frames)), dtype=object)
    for index, some in enumerate(frames):
        kinds = [(key, object) for key in ("id", "pos", "occl", "lock", "posv")]
        lists[0, index] = np.array([(i, np.array(pos, float), 0, 0, np.zeros(4)) for i, pos in some], dtype=kinds)
    cell = np.empty((1, len(labels)), dtype=object)
    cell[0] = labels
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        savemat(file, {"A": {"nFrame": len(frames), "objLists": lists, "maxObj": len(labels), "objLbl": cell}})


def write_seq(path, images, *, kind=102, gap=8, count=None):
    """A .seq has a header of 1024 bytes; a frame is its length and itself in bytes, then a time stamp."""
    header = bytearray(1024)
    struct.pack_into("<I24sii", header, 0, 0xFEED, "Norpix seq".encode("utf-16-le"), 3, 1024)
    number = len(images) if count is None else count
    struct.pack_into("<7I", header, 548, 100, 50, 24, 8, 15000, kind, number)
    struct.pack_into("<Id", header, 580, 0, 30.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(header) + b"".join(struct.pack("<I", len(p) + 4) + p + bytes(gap) for p in images))


def jpegs(count):
    frames = [np.full((50, 100, 3), 20 * index, np.uint8) for index in range(count)]
    return [cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames]


@pytest.fixture
def source(tmp_path):
    write_vbb(tmp_path / "src/annotations/set00/V000.vbb")
    write_seq(tmp_path / "src/set00/V000.seq", jpegs(4))
    return tmp_path / "src"


@pytest.mark.parametrize("gap", [6, 8, 16])
@pytest.mark.parametrize("count", [None, 0])
def test_frames_of_a_film_are_found(tmp_path, gap, count):
    write_seq(tmp_path / "V000.seq", jpegs(3), gap=gap, count=count)
    suffix, frames = read_seq(tmp_path / "V000.seq")
    assert suffix == ".jpg"
    assert [frame.read() for frame in frames] == jpegs(3)


def test_png_films(tmp_path):
    images = [cv2.imencode(".png", np.full((5, 7, 3), level, np.uint8))[1].tobytes() for level in (1, 2)]
    write_seq(tmp_path / "V000.seq", images, kind=1)
    suffix, frames = read_seq(tmp_path / "V000.seq")
    assert (suffix, [frame.read() for frame in frames]) == (".png", images)


def test_broken_films_are_named(tmp_path):
    path = tmp_path / "V000.seq"
    with pytest.raises(InputError, match=r"V000\.seq: cannot be read"):
        read_seq(path)
    path.write_bytes(bytes(2000))
    with pytest.raises(InputError, match=r"not a \.seq film"):
        read_seq(path)
    write_seq(path, jpegs(2), kind=100)
    with pytest.raises(InputError, match="frames of format 100"):
        read_seq(path)
    write_seq(path, jpegs(2), count=3)
    with pytest.raises(InputError, match="2 frames, but its header states 3"):
        read_seq(path)
    write_seq(path, jpegs(2))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match="ends in the middle of frame 1"):
        read_seq(path)


def test_categories_choose(tmp_path, source):
    whole = convert_caltech(source, tmp_path / "all", categories=["all"])
    people = convert_caltech(source, tmp_path / "people", categories=["person"])
    default = convert_caltech(source, tmp_path / "out")
    assert (people.boxes, people.ignored) == (default.boxes, default.ignored) == (3, default.ignored)
    assert whole.boxes >= people.boxes + default.ignored > people.boxes
    with pytest.raises(InputError, match="no category 'rider'"):
        convert_caltech(source, tmp_path / "none", categories=["rider"])


def test_people_of_a_film(tmp_path, source, boxes_of):
    summary = convert_caltech(source, tmp_path / "out")
    assert (summary.name, summary.images, summary.boxes, summary.identities) == ("caltech.all", 2, 3, 2)
    assert boxes_of(tmp_path / "out", "caltech.all") == EXPECTED
    copied = tmp_path / "out/images/caltech.all/set00/V000/I00002.jpg"
    assert copied.read_bytes() == jpegs(4)[2]


def test_one_changed_number_is_seen(tmp_path, source, boxes_of):
    changed = ([(3, [10.5, 5, 21, 40]), FRAMES[0][1]], *FRAMES[1:])
    write_vbb(source / "annotations/set00/V000.vbb", changed)
    convert_caltech(source, tmp_path / "out")
    with pytest.raises(AssertionError):
        assert boxes_of(tmp_path / "out", "caltech.all") == EXPECTED


def test_frames_can_be_chosen(tmp_path, source, boxes_of):
    convert_caltech(source, tmp_path / "out", empty=True)
    assert len(boxes_of(tmp_path / "out", "caltech.all")) == 4
    convert_caltech(source, tmp_path / "out", every=3)
    assert list(boxes_of(tmp_path / "out", "caltech.all")) == ["I00002.jpg"]
    with pytest.raises(InputError, match=r"no annotations .* of the split 'test'"):
        convert_caltech(source, tmp_path / "out", split="test")
    with pytest.raises(InputError, match="every 0: expected"):
        convert_caltech(source, tmp_path / "out", every=0)


@pytest.mark.parametrize("pattern", ["images/set00/V000/I{:05}.jpg", "frames/set00_V000_{}.jpg"])
def test_extracted_frames(tmp_path, make_image, boxes_of, pattern):
    write_vbb(tmp_path / "src/annotations/set00/V000.vbb")
    for index in range(4):
        make_image(tmp_path / "src" / pattern.format(index))
    convert_caltech(tmp_path / "src", tmp_path / "out")
    assert boxes_of(tmp_path / "out", "caltech.all") == EXPECTED


def test_videos_have_identities_of_their_own(tmp_path, source, make_image, boxes_of):
    write_vbb(source / "annotations/set01/V003.vbb", [[(1, [1, 2, 3, 4])]], ["person"])
    with pytest.raises(InputError, match=r"V003\.vbb: no set01/V003\.seq and no images"):
        convert_caltech(source, tmp_path / "out")
    make_image(source / "set01/V003/I00000.jpg")
    assert convert_caltech(source, tmp_path / "out").identities == 3
    write_vbb(source / "annotations/set01/V003.vbb", [[(2, [1, 2, 3, 4])]], ["person"])
    with pytest.raises(InputError, match="frame 0 has an object without a label"):
        convert_caltech(source, tmp_path / "out")
