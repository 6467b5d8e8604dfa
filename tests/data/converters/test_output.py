import json
from pathlib import PurePosixPath

import numpy as np
import pytest

from fairmot.data.annotations import read_images
from fairmot.data.converters import convert_dataset, output
from fairmot.data.converters.ledger import Ledger
from fairmot.data.converters.output import LabelledImage, PartOfFile, label_rows, numbered_from_zero
from fairmot.errors import InputError

ROWS = label_rows(np.array([[10, 20, 30, 40.0], [0, 0, 5, 5]]), (100, 50), np.array([0, -1]), np.array([3, -1]))


def write_set(out, name, images):
    return output.write_set(out, name, images, Ledger(len(images), sum(len(image.rows) for image in images)))


def test_a_table_says_what_came_in_went_out_and_was_left_out(tmp_path, image):
    ledger = Ledger(images=2, boxes=5)
    ledger.images_left_out["without annotations"] = 1
    ledger.boxes_left_out["of class car"] = 3
    ledger.boxes_left_out["without area"] = 0
    ledger.shapes_left_out["polygons"] = 4
    summary = output.write_set(tmp_path / "out", "street", [image], ledger)
    assert summary.table.splitlines() == [
        "           came in  went out  left out",
        "images           2         1         1",
        "boxes            5         2         3",
        "of the boxes that went out, 1 are ignore regions",
        "left out: 1 images without annotations",
        "left out: 3 boxes of class car",
        "left out: 4 polygons",
    ]


def test_a_box_that_is_not_accounted_for_is_found(tmp_path, image):
    with pytest.raises(RuntimeError, match="2 boxes to write"):
        output.write_set(tmp_path / "out", "street", [image], Ledger(images=1, boxes=3))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("size", "is_told"), [((480, 640), True), ((320, 240), False), ((1280, 959), False)])
def test_stated_sizes_of_another_shape_are_told(tmp_path, make_image, size, is_told):
    make_image(tmp_path / "a.png", (640, 480))
    if is_told:
        with pytest.raises(InputError, match=r"a\.png: stated as 480 x 640, but it is read as 640 x 480 pixels"):
            output.check_stated_sizes("set.json", [(tmp_path / "a.png", size)])
    else:  # the same image, scaled
        output.check_stated_sizes("set.json", [(tmp_path / "a.png", size)])


@pytest.fixture
def image(tmp_path, make_image):
    make_image(tmp_path / "src/a.png")
    return LabelledImage(tmp_path / "src/a.png", PurePosixPath("deep/a.png"), ROWS)


def test_a_set_is_written_in_the_label_layout(tmp_path, image):
    summary = write_set(tmp_path / "out", "street", [image])
    assert (tmp_path / "out/street.txt").read_text() == "images/street/deep/a.png\n"
    assert (tmp_path / "out/labels_with_ids/street/deep/a.txt").read_text() == (
        "0 3 0.20000000 0.60000000 0.20000000 0.40000000\n-1 -1 0.02500000 0.05000000 0.05000000 0.10000000\n"
    )
    assert json.loads((tmp_path / "out/data.json").read_text()) == {"root": ".", "train": {"street": "street.txt"}}
    assert (summary.images, summary.boxes, summary.identities, summary.ignored) == (1, 1, 1, 1)
    assert not summary.replaced
    np.testing.assert_allclose(read_images(tmp_path / "out/data.json").labels(0), ROWS, atol=1e-8)


def test_images_become_links_or_copies(tmp_path, image, monkeypatch):
    write_set(tmp_path / "out", "linked", [image])
    assert (tmp_path / "out/images/linked/deep/a.png").samefile(image.source)

    def refuse(*_):
        raise OSError("other file system")

    monkeypatch.setattr("os.link", refuse)
    write_set(tmp_path / "out", "copied", [image])
    copy = tmp_path / "out/images/copied/deep/a.png"
    assert not copy.samefile(image.source)
    assert copy.read_bytes() == image.source.read_bytes()


def test_sets_share_a_description_and_a_second_run_replaces_its_own(tmp_path, image):
    out = tmp_path / "out"
    out.mkdir()
    (out / "data.json").write_text('{"comment": "mine", "root": ".", "train": {"old": "old.txt"}}')
    write_set(out, "street", [image])
    write_set(out, "other", [image])
    empty = LabelledImage(image.source, PurePosixPath("b.png"), np.zeros((0, 6)))
    summary = write_set(out, "street", [empty])
    assert summary.replaced
    first = f"street: 1 images, 0 boxes, 0 identities, 0 ignore regions; replaced in {out / 'data.json'}"
    assert str(summary).splitlines() == [first, *summary.table.splitlines()]
    values = json.loads((out / "data.json").read_text())
    assert values["comment"] == "mine"
    assert list(values["train"]) == ["old", "street", "other"]
    assert [path.name for path in read_images(out / "data.json", ("street",)).paths] == ["b.png"]
    assert not list(out.rglob("*.part*"))


def test_converting_into_the_source_keeps_its_images(tmp_path, image):
    out = tmp_path / "out"
    write_set(out, "street", [image])
    inside = LabelledImage(out / "images/street/deep/a.png", PurePosixPath("deep/a.png"), ROWS)
    write_set(out, "street", [inside])
    assert (out / "images/street/deep/a.png").read_bytes() == image.source.read_bytes()


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b"])
def test_a_name_must_be_good_for_a_folder(tmp_path, image, name):
    with pytest.raises(InputError, match="cannot name a set"):
        write_set(tmp_path / "out", name, [image])


def test_bad_sets_are_refused_before_anything_is_written(tmp_path, image):
    out = tmp_path / "out"
    twin = LabelledImage(image.source, PurePosixPath("deep/a.jpg"), ROWS)
    lost = LabelledImage(tmp_path / "src/lost.png", PurePosixPath("lost.png"), ROWS)
    outside = LabelledImage(image.source, PurePosixPath("../a.png"), ROWS)
    pixels = LabelledImage(image.source, PurePosixPath("b.png"), ROWS * 100)
    broken = LabelledImage(image.source, PurePosixPath("b.png"), ROWS * np.nan)
    for images, message in (
        ([], "no images"),
        ([image, twin], "two images have the name deep/a"),
        ([image, lost], r"lost\.png: no such image"),
        ([image, outside], "outside"),
        ([image, pixels], "image sizes away"),
        ([image, broken], "image sizes away"),
    ):
        with pytest.raises(InputError, match=message):
            write_set(out, "street", images)
    assert not out.exists()


def test_a_description_with_another_root_or_broken_is_left_alone(tmp_path, image):
    out = tmp_path / "out"
    out.mkdir()
    for text, message in (('{"root": "/elsewhere", "train": {}}', "its root is /elsewhere"), ("{", "JSON")):
        (out / "data.json").write_text(text)
        with pytest.raises(InputError, match=message):
            write_set(out, "street", [image])
        assert (out / "data.json").read_text() == text
        assert [path.name for path in out.iterdir()] == ["data.json"]


def test_formats_are_chosen_by_name(tmp_path, shared):
    with pytest.raises(InputError, match=r"no such format \(did you mean 'yolo'\?\); give one of"):
        convert_dataset("yolov5", tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="ignore: an option of voc, not of yolo"):
        convert_dataset("yolo", tmp_path, tmp_path / "out", ignore=tmp_path / "x.csv")
    with pytest.raises(InputError, match="head_classes: an option of voc, not of coco"):
        convert_dataset("coco", tmp_path, tmp_path / "out", head_classes=("head",))
    summary = convert_dataset("motchallenge", shared("data", "mot", "MOT17-02-FRCNN-mini"), tmp_path, name="two")
    assert (summary.name, summary.images, summary.boxes, summary.identities) == ("two", 4, 88, 22)


def test_identities_are_numbered_without_gaps():
    assert numbered_from_zero(np.array([7, -1, 3, 7, -2, 9])).tolist() == [1, -1, 0, 1, -1, 2]


def test_a_part_of_a_file_becomes_an_image(tmp_path, make_image):
    make_image(tmp_path / "one.png")
    content = (tmp_path / "one.png").read_bytes()
    (tmp_path / "film").write_bytes(b"before" + content + b"behind")
    part = PartOfFile(tmp_path / "film", 6, len(content))
    write_set(tmp_path / "out", "set", [LabelledImage(part, PurePosixPath("two.png"), np.zeros((0, 6)))])
    assert (tmp_path / "out/images/set/two.png").read_bytes() == content
