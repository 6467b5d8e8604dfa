import pytest

from fairmot.data.converters import convert_yolo
from fairmot.errors import InputError


@pytest.fixture
def source(tmp_path, make_image):
    for split, text in (("train", "0 0.5 0.5 0.2 0.4\n2 0.25 0.5 0.1 0.2\n"), ("val", "3 0.5 0.5 0.2 0.4\n\n")):
        make_image(tmp_path / f"set/images/{split}/{split}.png")
        label = tmp_path / f"set/labels/{split}/{split}.txt"
        label.parent.mkdir(parents=True)
        label.write_text(text)
    make_image(tmp_path / "set/images/val/background.png")
    return tmp_path / "set"


def test_chosen_classes_become_class_0(tmp_path, source, boxes_of):
    summary = convert_yolo(source, tmp_path / "out", split="train")
    assert (summary.name, summary.images, summary.boxes) == ("set_train", 1, 1)
    assert boxes_of(tmp_path / "out", "set_train")["train.png"] == [[0, -1, 40, 15, 60, 35]]
    convert_yolo(source, tmp_path / "out", "both", classes=(0, 2, 3))
    found = boxes_of(tmp_path / "out", "both")
    assert [row[0] for rows in found.values() for row in rows] == [0, 0, 0]


def test_all_classes_can_be_kept_and_images_may_lack_labels(tmp_path, source, boxes_of):
    summary = convert_yolo(source, tmp_path / "out", "all", classes=None)
    assert (summary.images, summary.boxes) == (3, 3)
    found = boxes_of(tmp_path / "out", "all")
    assert [row[0] for row in found["train.png"]] == [0, 2]
    assert found["train.png"][1] == [2, -1, 20, 20, 30, 30]
    assert found["val.png"] == [[3, -1, 40, 15, 60, 35]]
    assert found["background.png"] == []


def test_splits_may_lie_above_and_the_folder_of_a_split_may_be_given(tmp_path, source):
    (tmp_path / "roboflow").mkdir()
    (source / "images/train").rename(tmp_path / "images")
    (tmp_path / "images").rename(tmp_path / "roboflow/images")
    (source / "labels/train").rename(tmp_path / "roboflow/labels")
    assert convert_yolo(tmp_path, tmp_path / "out", "above", split="roboflow").boxes == 1
    summary = convert_yolo(source / "images/val", tmp_path / "out", classes=(3,))
    assert (summary.name, summary.images, summary.boxes) == ("val", 2, 1)


@pytest.mark.parametrize(
    ("parts", "options", "expected"),
    [
        (("coco_person",), {"split": "train2017"}, (61, 254)),
        (("coco_person",), {"split": "val2017"}, (73, 350)),
        (("coco_person",), {"classes": None}, (134, 1214)),
        (("extra", "capston2_person"), {}, (300, 1125)),
    ],
)
def test_counts_of_real_sets(tmp_path, shared, parts, options, expected):
    summary = convert_yolo(shared("data", *parts), tmp_path, **options)
    assert (summary.images, summary.boxes) == expected
    assert summary.identities == summary.ignored == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 .5 .5 .1 .1\n0 .5 .5 .1\n", "line 2: 4 columns, expected 5"),
        ("0 .5 .5 .1 x\n", "line 1: not five numbers"),
        ("0.5 .5 .5 .1 .1\n", r"line 1: class 0\.5 is not"),
        ("nan .5 .5 .1 .1\n", r"line 1: class nan is not"),
        ("0 .5 inf .1 .1\n", "image sizes away"),
    ],
)
def test_bad_lines_are_named(tmp_path, source, text, message):
    (source / "labels/train/train.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        convert_yolo(source, tmp_path / "out")


def test_missing_folders_are_named(tmp_path, source):
    with pytest.raises(InputError, match="no such folder; there are train, val"):
        convert_yolo(source, tmp_path / "out", split="test")
    with pytest.raises(InputError, match="nowhere: no such folder"):
        convert_yolo(tmp_path / "nowhere", tmp_path / "out")
    (source / "labels").rename(source / "annotations")
    with pytest.raises(InputError, match="labels: no such folder"):
        convert_yolo(source, tmp_path / "out")
    for image in source.rglob("*.png"):
        image.unlink()
    (source / "labels").mkdir()
    with pytest.raises(InputError, match="no images in it"):
        convert_yolo(source, tmp_path / "out")
