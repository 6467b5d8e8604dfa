import numpy as np
import pytest

from fairmot.data.annotations import read_images
from fairmot.data.converters import convert_motchallenge
from fairmot.errors import InputError
from fairmot.formats.halves import half_range

MOT17 = """1,3,10,20,30,20,1,1,1.0
2,3,11,20,30,20,1,1,0.1
1,9,50,0,10,20,1,7,1.0
1,5,60,10,10,20,1,1,0.9
2,8,0,0,10,20,0,1,1.0
2,4,0,0,40,20,1,3,1.0
"""
MOT15 = "1,1,10,20,30,20,1,-1,-1,-1\n3,6,10,20,30,20,1,-1,-1,-1\n3,2,1,1,5,5,0,-1,-1,-1\n"


@pytest.fixture
def make_sequence(make_image):
    def make(folder, text, frames=3, info=True):
        for frame in range(1, frames + 1):
            make_image(folder / f"img1/{frame:06}.png")
        (folder / "gt").mkdir()
        (folder / "gt/gt.txt").write_text(text)
        if info:
            (folder / "seqinfo.ini").write_text("[Sequence]\nimWidth=100\nimHeight=50\n")
        return folder

    return make


def test_pedestrians_that_count_are_kept(tmp_path, make_sequence, boxes_of):
    source = make_sequence(tmp_path / "MOT17-90-SDP", MOT17)
    summary = convert_motchallenge(source, tmp_path / "out")
    assert (summary.name, summary.images, summary.boxes, summary.identities) == ("MOT17-90-SDP", 3, 3, 2)
    assert boxes_of(tmp_path / "out", "MOT17-90-SDP") == {
        "000001.png": [[0, 0, 10, 20, 40, 40], [0, 1, 60, 10, 70, 30]],
        "000002.png": [[0, 0, 11, 20, 41, 40]],
        "000003.png": [],
    }


@pytest.mark.parametrize("columns", ["1,-1", "-1,-1", "-1,1.0", "0,1.0", "-1", "0"])
def test_minus_one_states_no_class_and_no_visibility(tmp_path, make_sequence, columns):
    text = "".join(f"{frame},{person},10,20,30,20,1,{columns}\n" for frame in (1, 2, 3) for person in (4, 7))
    source = make_sequence(tmp_path / "seq", text)
    summary = convert_motchallenge(source, tmp_path / "out", min_visibility=0.3)
    assert (summary.boxes, summary.identities, summary.ignored) == (6, 2, 0)
    assert not summary.ledger.boxes_left_out


def test_boxes_that_do_not_count_are_listed_with_the_reason(tmp_path, make_sequence):
    summary = convert_motchallenge(make_sequence(tmp_path / "seq", MOT17 + "2,9,0,0,9,9,1,0,1.0\n"), tmp_path / "out")
    assert summary.ledger.boxes_left_out == {
        "of a confidence below 1, which do not count": 1,
        "of class 7": 1,
        "of class 3": 1,
        "of class 0": 1,
    }


@pytest.mark.parametrize(
    ("categories", "classes", "left_out"),
    [
        (None, {1: 0}, {"of class 3": 1, "of class 7": 1}),
        (["pedestrian", "static_person"], {1: 0, 7: 0}, {"of class 3": 1}),
        (["1", "7"], {1: 0, 7: 0}, {"of class 3": 1}),
        (["car"], {3: 0}, {"of class 1": 3, "of class 7": 1}),
        (["all"], {1: 0, 3: 2, 7: 6}, {}),
    ],
)
def test_categories_choose(tmp_path, make_sequence, boxes_of, categories, classes, left_out):
    """Cars count nowhere in ground truth (confidence 0), but whoever names them wants them; people must count."""
    source = make_sequence(tmp_path / "seq", MOT17.replace("2,4,0,0,40,20,1,3", "2,4,0,0,40,20,0,3"))
    summary = convert_motchallenge(source, tmp_path / "out", categories=categories, distractors=False)
    kept = [row for rows in boxes_of(tmp_path / "out", "seq").values() for row in rows]
    numbers = [1, 7, 1, 1, 3]  # of the rows that can be kept, frame by frame
    assert [row[0] for row in kept] == [classes[number] for number in numbers if number in classes]
    uncounted = "of a confidence below 1, which do not count"
    if 3 not in classes:
        left_out = {name: count for name, count in left_out.items() if name != "of class 3"} | {uncounted: 2}
    elif 1 in classes:
        left_out = {uncounted: 1}
    else:
        left_out |= {uncounted: 1}
    assert summary.ledger.boxes_left_out == left_out


def test_an_unknown_category_is_named(tmp_path, make_sequence):
    source = make_sequence(tmp_path / "seq", MOT17)
    for name in ("14", "0", "cars"):
        with pytest.raises(InputError, match=f"no category '{name}'.*there are pedestrian, person_on_vehicle, car"):
            convert_motchallenge(source, tmp_path / "out", categories=[name])


def test_images_lie_where_seqinfo_says(tmp_path, make_sequence):
    source = make_sequence(tmp_path / "seq", MOT15, info=False)
    (source / "img1").rename(source / "pictures")
    (source / "seqinfo.ini").write_text("[Sequence]\nimDir=pictures\n", encoding="utf-8-sig")
    assert convert_motchallenge(source, tmp_path / "out").images == 3


def test_separators_and_byte_order_marks(tmp_path, make_sequence):
    source = make_sequence(tmp_path / "seq", "")
    for separator in ("\t", " ", ", "):
        (source / "gt/gt.txt").write_text(MOT17.replace(",", separator), encoding="utf-8-sig")
        assert convert_motchallenge(source, tmp_path / "out").boxes == 3


def test_distractors_and_hidden_people_can_be_ignored(tmp_path, make_sequence, boxes_of):
    source = make_sequence(tmp_path / "seq", MOT17)
    summary = convert_motchallenge(source, tmp_path / "out", distractors=True, min_visibility=0.5)
    assert (summary.boxes, summary.identities, summary.ignored) == (2, 2, 3)
    assert boxes_of(tmp_path / "out", "seq")["000002.png"] == [[-1, -1, 11, 20, 41, 40], [-1, -1, 0, 0, 10, 20]]


def test_mot15_has_no_classes(tmp_path, make_sequence, boxes_of):
    source = make_sequence(tmp_path / "seq", MOT15, info=False)
    assert convert_motchallenge(source, tmp_path / "out").boxes == 2
    assert boxes_of(tmp_path / "out", "seq")["000003.png"] == [[0, 1, 10, 20, 40, 40]]


def test_hidden_folders_and_images_are_left_out(tmp_path, make_sequence, make_image):
    sequence = make_sequence(tmp_path / "train" / "A", MOT15)
    make_sequence(tmp_path / "train" / ".A.4046.part", MOT17)
    make_image(sequence / "img1" / "._000001.png")
    summary = convert_motchallenge(tmp_path / "train", tmp_path / "out")
    assert (summary.images, summary.identities) == (3, 2)
    # The twin: under a name of its own it counts.
    (tmp_path / "train" / ".A.4046.part").rename(tmp_path / "train" / "B")
    assert convert_motchallenge(tmp_path / "train", tmp_path / "out").images == 6


def test_identities_of_sequences_are_joined_and_copies_are_left_out(tmp_path, make_sequence):
    for name, text in (("A-DPM", MOT17), ("A-SDP", MOT17), ("B", MOT15)):
        make_sequence(tmp_path / "train" / name, text)
    summary = convert_motchallenge(tmp_path / "train", tmp_path / "out")
    assert (summary.images, summary.boxes, summary.identities) == (6, 5, 4)
    images = read_images(tmp_path / "out/data.json")
    assert images.rows[:, 1].tolist() == [0, 1, 0, 2, 3]
    assert {path.parent.name for path in images.paths} == {"A-DPM", "B"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TUD-Campus", (71, 359, 8)),
        ("MOT17-04-FRCNN-mini", (8, 336, 42)),
        ("MOT17-02-FRCNN-mini", (4, 88, 22)),
        ("", (83, 783, 72)),
    ],
)
def test_counts_of_real_sequences(tmp_path, shared, name, expected):
    summary = convert_motchallenge(shared("data", "mot") / name, tmp_path)
    assert (summary.images, summary.boxes, summary.identities) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,1,1,1,5,5\n", r"gt\.txt:1: 6 columns, expected at least 7"),
        ("1,1,1,1,5,5,1\n1,1,1,1,5,5,1,1\n", "gt.txt:2: 8 columns, the first line has 7"),
        ("\n1,1,1,1,5,x,1\n", "gt.txt:2: .*expected numbers"),
        ("4,1,1,1,5,5,1\n", "rows for frame 4, which has no image"),
    ],
)
def test_bad_lines_are_named(tmp_path, make_sequence, text, message):
    source = make_sequence(tmp_path / "seq", text)
    with pytest.raises(InputError, match=message):
        convert_motchallenge(source, tmp_path / "out")


def test_missing_parts_are_named(tmp_path, make_sequence):
    with pytest.raises(InputError, match="neither a sequence"):
        convert_motchallenge(tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="no such folder"):
        convert_motchallenge(tmp_path / "none", tmp_path / "out")
    source = make_sequence(tmp_path / "seq", MOT15)
    (source / "img1/000001.png").rename(source / "img1/first.png")
    with pytest.raises(InputError, match=r"first\.png: frames of a sequence are named by number"):
        convert_motchallenge(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("half", "frames", "boxes", "identities"), [("train", [1, 2, 3], 3, [0, 1, 0]), ("val", [4, 5], 2, [0, 1])]
)
def test_halves_of_each_sequence(tmp_path, make_sequence, half, frames, boxes, identities):
    # Person 5 is in the first half alone, 9 in the second.
    text = "".join(f"{frame},{who},1,1,5,5,1,1,1\n" for frame, who in ((1, 3), (2, 5), (3, 3), (4, 3), (5, 9)))
    source = make_sequence(tmp_path / "MOT17-90-SDP", text, frames=5)
    summary = convert_motchallenge(source, tmp_path / "out", half=half)
    assert (summary.name, summary.boxes, summary.identities) == (f"MOT17-90-SDP.half-{half}", boxes, 2)
    images = read_images(tmp_path / "out/data.json")
    assert [int(path.stem) for path in images.paths] == frames
    assert images.rows[:, 1].tolist() == identities


def test_halves_have_the_published_sizes():
    lengths = np.array([600, 1050, 837, 525, 654, 900, 750])  # MOT17's training sequences
    train = [half_range(length, "train") for length in lengths]
    val = [half_range(length, "val") for length in lengths]
    assert (sum(b - a for a, b in train), sum(b - a for a, b in val)) == (2664, 2652)
    assert [b for _, b in train] == [a for a, _ in val]


def test_an_unknown_half_is_named(tmp_path):
    with pytest.raises(InputError, match="half 'first': unknown; the halves are train and val"):
        convert_motchallenge(tmp_path, tmp_path / "out", half="first")


@pytest.mark.parametrize("benchmark", ["MOT16", "MOT17", "MOT20"])
def test_only_counted_pedestrians_of_each_benchmark(tmp_path, make_sequence, boxes_of, benchmark):
    # One row of every class, from 1 to 13, and a pedestrian that does not count.
    rows = [f"1,{number},{number},2,5,9,1,{number},0.8\n" for number in range(1, 14)]
    source = make_sequence(tmp_path / f"{benchmark}-90", "".join(rows) + "1,20,50,2,5,9,0,1,0.8\n", frames=1)
    convert_motchallenge(source, tmp_path / "out", "set")
    assert boxes_of(tmp_path / "out", "set") == {"000001.png": [[0, 0, 1, 2, 6, 11]]}
    summary = convert_motchallenge(source, tmp_path / "out", "set", distractors=True)
    # On a vehicle, static, distractor, reflection (2, 7, 8, 12), and the pedestrian that does not count.
    assert (summary.boxes, summary.ignored) == (1, 6 if benchmark == "MOT20" else 5)
