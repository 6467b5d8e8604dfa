import cv2
import numpy as np
import pytest

from fairmot.data.checks.findings import KINDS
from fairmot.data.checks.validation import validate
from fairmot.errors import InputError

GOOD = "0 3 0.5 0.5 0.2 0.4\n"


def found(report):
    """Kind, file's name and line of each finding."""
    return [(each.kind, each.file.name, each.line) for each in report.findings]


def test_nothing_is_found_where_nothing_is_wrong(tmp_path, make_set):
    make_set(tmp_path, "street", [GOOD + "0 -1 0.95 0.5 0.2 0.4\n", "", "-1 -1 0.5 0.5 0.1 0.1\n" + GOOD])
    report = validate(tmp_path / "data.json")
    assert found(report) == []
    assert (report.sets, report.images, report.boxes, report.errors, report.warnings) == (1, 3, 3, 0, 0)
    assert validate(tmp_path).as_dict() == report.as_dict()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("0 1 0.5 0.5 0.2", "wrong columns"),
        ("0 1 0.5 0.5 0.2 0.4 1", "wrong columns"),
        ("0 one 0.5 0.5 0.2 0.4", "not a number"),
        ("0 1 nan 0.5 0.2 0.4", "not finite"),
        ("0 inf 0.5 0.5 0.2 0.4", "not finite"),
        ("0 1.5 0.5 0.5 0.2 0.4", "not whole"),
        ("0 -2 0.5 0.5 0.2 0.4", "negative"),
        ("0 1 320 240 20 40", "not normalised"),
        ("0 1 0.5 0.5 0 0.4", "empty box"),
        ("0 1 0.5 0.5 0.2 -0.4", "empty box"),
        ("0 1 1.2 0.5 0.2 0.4", "box outside"),
        ("0 1 0.5 -0.3 0.2 0.4", "box outside"),
        ("0 3 0.2 0.5 0.2 0.4", "identity twice"),
    ],
)
def test_each_bad_line_is_found(tmp_path, make_set, line, kind):
    make_set(tmp_path, "street", [GOOD, GOOD + line + "\n"])
    report = validate(tmp_path)
    assert found(report) == [(kind, "0001.txt", 2)]
    assert report.errors == 1
    assert str(report.findings[0]).startswith(f"{tmp_path}/labels_with_ids/street/0001.txt:2: error: {kind}: ")


def test_everything_is_found_in_one_pass(tmp_path, make_set):
    make_set(tmp_path, "street", [GOOD + "0 1 0.5 0.5 0 0.4\n", "0 3 0.5 0.5 0.2\n\n0 4 nan 0.5 0.1 0.1\n", GOOD, GOOD])
    make_set(tmp_path, "park", [GOOD])
    (tmp_path / "images/street/0002.png").unlink()
    (tmp_path / "labels_with_ids/street/0003.txt").unlink()
    (tmp_path / "labels_with_ids/street/0009.txt").write_text(GOOD)
    with (tmp_path / "street.txt").open("a") as file:
        file.write("images/street/0000.png\n")
    with (tmp_path / "park.txt").open("a") as file:
        file.write("images/street/0001.png\n")
    report = validate(tmp_path)
    assert found(report) == [
        ("listed twice", "street.txt", 5),
        ("image in two sets", "park.txt", 2),
        ("empty box", "0000.txt", 2),
        ("wrong columns", "0001.txt", 1),
        ("not finite", "0001.txt", 3),
        ("missing image", "street.txt", 3),
        ("missing labels", "street.txt", 4),
        ("wrong columns", "0001.txt", 1),
        ("not finite", "0001.txt", 3),
        ("labels without image", "0009.txt", None),
    ]
    assert report.counts["wrong columns"] == 2
    assert (report.errors, report.warnings) == (8, 2)
    assert {each["kind"] for each in report.as_dict()["findings"]} < set(KINDS)


def test_a_missing_list_does_not_end_the_search(tmp_path, make_set):
    make_set(tmp_path, "street", [GOOD])
    make_set(tmp_path, "park", ["0 1 0.5 0.5 0 0.4\n"])
    (tmp_path / "street.txt").unlink()
    assert found(validate(tmp_path)) == [("missing list", "street.txt", None), ("empty box", "0000.txt", 1)]
    assert found(validate(tmp_path, ("park",))) == [("empty box", "0000.txt", 1)]
    with pytest.raises(InputError, match=r"no set 'prak' under 'train' \(did you mean 'park'\?\)"):
        validate(tmp_path, ("prak",))


def test_broken_images_are_found(tmp_path):
    folder = tmp_path / "images/shots"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    # Cut in the header, by a half and near the end, where decoders that only warn show almost all of it.
    contents = {"a": jpeg, "b": jpeg[:100], "c": jpeg[: len(jpeg) // 2], "d": jpeg[:-200], "e": b"text", "f": b""}
    for name, content in contents.items():
        (folder / f"{name}.jpg").write_bytes(content)
        label = tmp_path / f"labels_with_ids/shots/{name}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(GOOD)
    assert found(validate(tmp_path)) == [("unreadable image", f"{name}.jpg", None) for name in "bcdef"]
    assert found(validate(tmp_path, decode=False)) == [("unreadable image", f"{name}.jpg", None) for name in "bef"]


def test_the_order_does_not_depend_on_threads(tmp_path, make_set):
    make_set(tmp_path, "street", ["0 1 0.5 0.5 0 0.4\n"] * 20)
    reports = [validate(tmp_path, threads=threads).as_dict() for threads in (1, 8)]
    assert reports[0] == reports[1]
    assert reports[0]["counts"] == {"empty box": 20}


def test_identities_that_leap_between_frames(tmp_path, make_set):
    # Images of 64 x 48 px: a box of 13 x 24 px may move 36 px.
    make_set(tmp_path, "walk", ["0 3 0.1 0.5 0.2 0.5\n", "0 3 0.6 0.5 0.2 0.5\n0 4 0.1 0.5 0.2 0.5\n", "", GOOD])
    assert found(validate(tmp_path)) == []
    (tmp_path / "labels_with_ids/walk/0001.txt").write_text("0 3 0.9 0.5 0.2 0.5\n")
    report = validate(tmp_path)
    assert found(report) == [("identity jumps", "0001.txt", 1)]
    assert "identity 3 moved 51 px from the frame before, 2.1 times its size" in report.findings[0].message
    assert (report.errors, report.warnings) == (0, 1)


def test_numbers_that_two_videos_use(tmp_path, make_set):
    (tmp_path / "walk").mkdir()
    make_set(tmp_path, "walk/one", [GOOD, "0 5 0.5 0.5 0.1 0.1\n"])
    make_set(tmp_path, "walk/two", ["0 4 0.5 0.5 0.1 0.1\n" + "0 3 0.2 0.5 0.1 0.1\n"])
    lists = (tmp_path / "walk/one.txt").read_text() + (tmp_path / "walk/two.txt").read_text()
    (tmp_path / "both.txt").write_text(lists)
    (tmp_path / "data.json").write_text('{"train": {"both": "both.txt"}}')
    report = validate(tmp_path)
    assert found(report) == [("identity in two videos", "two", None)]
    assert "1 identities (3) are also in images/walk/one" in report.findings[0].message


def test_nothing_to_look_at_is_said(tmp_path):
    with pytest.raises(InputError, match=r"neither data\.json nor images below images/"):
        validate(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        validate(tmp_path / "data.json")
