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
    convert_yolo(source, tmp_path / "out", "both", categories=("0", "2", "3"))
    found = boxes_of(tmp_path / "out", "both")
    assert [row[0] for rows in found.values() for row in rows] == [0, 0, 0]


def test_all_classes_can_be_kept_and_images_may_lack_labels(tmp_path, source, boxes_of):
    summary = convert_yolo(source, tmp_path / "out", "all", categories=("all",))
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
    summary = convert_yolo(source / "images/val", tmp_path / "out", categories=("3",))
    assert (summary.name, summary.images, summary.boxes) == ("val", 2, 1)


def write_names(folder, text, name="data.yaml", encoding="utf-8"):
    (folder / name).write_text(text, encoding=encoding)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("names: [bicycle, car, person, dog]", "data.yaml"),
        ("names:\n  0: bicycle\n  1: car\n  2: Person\n  3: dog\n", "set.yml"),
        ("bicycle\ncar\npedestrian\ndog\n", "classes.txt"),
    ],
)
def test_names_decide_who_is_a_person(tmp_path, source, boxes_of, text, name):
    write_names(source, text, name, "utf-8-sig")
    summary = convert_yolo(source, tmp_path / "out", split="train")
    assert boxes_of(tmp_path / "out", "set_train")["train.png"] == [[0, -1, 20, 20, 30, 30]]
    assert summary.ledger.boxes_left_out == {"of class 0 (bicycle)": 1}
    summary = convert_yolo(source, tmp_path / "out", categories=("bicycle", "dog"))
    assert summary.boxes == 2
    with pytest.raises(InputError, match=r"no category 'dgo' \(did you mean 'dog'\?\)"):
        convert_yolo(source, tmp_path / "out", categories=("dgo",))


def test_nobody_is_a_person_by_name(tmp_path, source):
    write_names(source, "names: [bicycle, car, cat, dog]")
    with pytest.raises(InputError, match="no category person or pedestrian; choose categories among bicycle, car"):
        convert_yolo(source, tmp_path / "out")


def test_what_other_classes_hold_is_counted(tmp_path, source):
    summary = convert_yolo(source, tmp_path / "out")
    assert summary.ledger.boxes_left_out == {"of class 2": 1, "of class 3": 1}


@pytest.mark.parametrize("separator", ["\t", ",", ", ", "  "])
def test_separators_and_byte_order_marks(tmp_path, source, separator):
    label = source / "labels/train/train.txt"
    label.write_text(label.read_text().replace(" ", separator), encoding="utf-8-sig")
    assert convert_yolo(source, tmp_path / "out", split="train").boxes == 1


def test_polygons_become_their_boxes(tmp_path, source, boxes_of):
    (source / "labels/train/train.txt").write_text("0 0.4 0.3 0.6 0.3 0.6 0.7 0.4 0.7\n")
    convert_yolo(source, tmp_path / "out", split="train")
    assert boxes_of(tmp_path / "out", "set_train")["train.png"] == [[0, -1, 40, 15, 60, 35]]


def test_boxes_of_keypoints_are_kept(tmp_path, source, boxes_of):
    write_names(source, "names: [person]\nkpt_shape: [2, 3]\n")
    (source / "labels/train/train.txt").write_text("0 .5 .5 .2 .4 .1 .1 2 .9 .9 2\n")
    summary = convert_yolo(source, tmp_path / "out", split="train")
    assert boxes_of(tmp_path / "out", "set_train")["train.png"] == [[0, -1, 40, 15, 60, 35]]
    assert summary.ledger.shapes_left_out.total() == 1


def test_splits_beside_each_other_are_found(tmp_path, source):
    for old, new in (("train", "train"), ("val", "valid")):
        for kind in ("images", "labels"):
            (tmp_path / "flow" / new).mkdir(parents=True, exist_ok=True)
            (source / kind / old).rename(tmp_path / "flow" / new / kind)
    assert convert_yolo(tmp_path / "flow", tmp_path / "out").images == 3
    for split in ("val", "valid"):
        assert convert_yolo(tmp_path / "flow", tmp_path / "out", split=split).images == 2
    with pytest.raises(InputError, match="no such folder; there are train, valid"):
        convert_yolo(tmp_path / "flow", tmp_path / "out", split="test")


@pytest.mark.parametrize(
    ("parts", "options", "expected"),
    [
        (("coco_person",), {"split": "train2017"}, (61, 254)),
        (("coco_person",), {"split": "val2017"}, (73, 350)),
        (("coco_person",), {"categories": ("all",)}, (134, 1214)),
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
        ("0 .5 .5 .1 x\n", "line 1: not numbers"),
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
