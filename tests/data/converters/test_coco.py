import json

import pytest

from fairmot.data.converters import convert_coco
from fairmot.errors import InputError

DATA = {
    "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}, {"id": 3, "name": "car"}],
    "images": [
        {"id": 7, "file_name": "seven.png", "width": 100, "height": 50},
        {"id": 9, "file_name": "nine.png", "width": 100, "height": 50},
        {"id": 11, "file_name": "eleven.png", "width": 100, "height": 50},
    ],
    "annotations": [
        {"image_id": 7, "category_id": 1, "bbox": [10, 20, 30, 10], "iscrowd": 0},
        {"image_id": 7, "category_id": 1, "bbox": [0, 0, 50, 20], "iscrowd": 1},
        {"image_id": 9, "category_id": 18, "bbox": [5, 5, 10.5, 20]},
        {"image_id": 9, "category_id": 18, "bbox": [5, 5, 90, 20], "iscrowd": 1},
    ],
}


@pytest.fixture
def source(tmp_path, make_image):
    for image in DATA["images"]:
        make_image(tmp_path / "coco/images/val2017" / image["file_name"])
    path = tmp_path / "coco/annotations/instances_val2017.json"
    path.parent.mkdir()
    path.write_text(json.dumps(DATA))
    return path


def test_people_are_kept_and_crowds_are_ignored(tmp_path, source, boxes_of):
    summary = convert_coco(source, tmp_path / "out")
    assert (summary.name, summary.images, summary.boxes, summary.ignored) == ("instances_val2017", 1, 1, 1)
    assert boxes_of(tmp_path / "out", "instances_val2017") == {
        "seven.png": [[0, -1, 10, 20, 40, 30], [-1, -1, 0, 0, 50, 20]]
    }


def test_all_categories_in_the_order_of_their_ids(tmp_path, source, boxes_of):
    summary = convert_coco(source, tmp_path / "out", "all", categories=None, empty=True)
    assert (summary.images, summary.boxes, summary.ignored) == (3, 2, 2)
    found = boxes_of(tmp_path / "out", "all")
    assert found["nine.png"][0] == [2, -1, 5, 5, 15.5, 25]
    assert found["eleven.png"] == []


def test_chosen_categories_become_class_0(tmp_path, source, boxes_of):
    convert_coco(source, tmp_path / "out", "pets", categories=("dog", "car"))
    assert list(boxes_of(tmp_path / "out", "pets")) == ["nine.png"]
    assert boxes_of(tmp_path / "out", "pets")["nine.png"][0][0] == 0


def test_the_folder_of_images_can_be_given(tmp_path, source):
    moved = source.parent.parent / "images/val2017"
    moved.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"seven\.png is not in "):
        convert_coco(source, tmp_path / "out")
    assert convert_coco(source, tmp_path / "out", images=tmp_path / "elsewhere").images == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as a COCO"),
        ("[]", "expected an object"),
        ("{}", "'categories' is missing"),
        (json.dumps(DATA | {"images": [{"id": 7, "file_name": "seven.png"}]}), "'width' is missing"),
        (
            json.dumps(DATA | {"annotations": [{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3]}]}),
            "not COCO annotations",
        ),
        (json.dumps(DATA | {"annotations": []}), "no images to convert"),
    ],
)
def test_bad_files_are_explained(tmp_path, source, text, message):
    source.write_text(text)
    with pytest.raises(InputError, match=message):
        convert_coco(source, tmp_path / "out")


def test_an_unknown_category_is_named(tmp_path, source):
    with pytest.raises(InputError, match=r"no category 'persn' \(did you mean 'person'\?\)"):
        convert_coco(source, tmp_path / "out", categories=("persn",))
    with pytest.raises(InputError, match=r"none\.json: cannot be read"):
        convert_coco(source.with_name("none.json"), tmp_path / "out")
