import json

import pytest

from fairmot.data.converters import convert_crowdhuman
from fairmot.errors import InputError

# As on https://www.crowdhuman.org/download.html; keys of extra are optional.
FIRST = {
    "ID": "273271,c9db000d5146c15",
    "gtboxes": [
        {
            "tag": "person",
            "fbox": [-5, 10, 30, 45],
            "vbox": [0, 10, 25, 40],
            "hbox": [5, 10, 8, 8],
            "extra": {"occ": 1},
        },
        {"tag": "mask", "fbox": [60, 0, 20, 10], "vbox": [60, 0, 20, 10], "hbox": [0, 0, 0, 0], "extra": {"ignore": 1}},
        {
            "tag": "person",
            "fbox": [40, 5, 10, 30],
            "vbox": [40, 5, 10, 30],
            "hbox": [42, 5, 5, 5],
            "extra": {"ignore": 1},
        },
        {"tag": "person", "fbox": [70, 20, 12, 30], "vbox": [70, 20, 12, 30], "hbox": [70, 20, 5, 5]},
    ],
}
SECOND = {"ID": "284193,faa9000f2678b5e", "gtboxes": [{"tag": "person", "fbox": [1, 2, 3, 4]}]}
EXPECTED = {
    "273271,c9db000d5146c15.png": [
        [0, 0, -5, 10, 25, 55],
        [-1, -1, 60, 0, 80, 10],
        [-1, -1, 40, 5, 50, 35],
        [0, 1, 70, 20, 82, 50],
    ],
    "284193,faa9000f2678b5e.png": [[0, 2, 1, 2, 4, 6]],
}


@pytest.fixture
def make_source(tmp_path, make_image):
    def make(first=FIRST, second=SECOND):
        for each in (first, second):
            make_image(tmp_path / f"src/CrowdHuman_train01/Images/{each['ID']}.png")
        (tmp_path / "src/annotation_train.odgt").write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n")
        return tmp_path / "src"

    return make


def test_full_boxes_are_kept_and_each_is_somebody(tmp_path, make_source, boxes_of):
    summary = convert_crowdhuman(make_source(), tmp_path / "out")
    assert (summary.name, summary.boxes, summary.identities, summary.ignored) == ("crowdhuman.train", 3, 3, 2)
    assert boxes_of(tmp_path / "out", "crowdhuman.train") == EXPECTED


def test_one_changed_number_is_seen(tmp_path, make_source, boxes_of):
    changed = json.loads(json.dumps(FIRST))
    changed["gtboxes"][0]["fbox"][2] += 1
    convert_crowdhuman(make_source(changed), tmp_path / "out")
    with pytest.raises(AssertionError):
        assert boxes_of(tmp_path / "out", "crowdhuman.train") == EXPECTED


def test_annotations_may_lie_beside_the_images_folder(tmp_path, make_source, boxes_of):
    source = make_source()
    (source / "annotations").mkdir()
    (source / "annotation_train.odgt").rename(source / "annotations/annotation_train.odgt")
    convert_crowdhuman(source, tmp_path / "out", split="train")
    assert boxes_of(tmp_path / "out", "crowdhuman.train") == EXPECTED


def test_identities_can_be_left_out(tmp_path, make_source, boxes_of):
    summary = convert_crowdhuman(make_source(), tmp_path / "out", identities=False)
    assert (summary.boxes, summary.identities) == (3, 0)
    assert {row[1] for rows in boxes_of(tmp_path / "out", summary.name).values() for row in rows} == {-1}


def test_bad_sources_are_named(tmp_path, make_source):
    source = make_source()
    with pytest.raises(InputError, match=r"no file annotation_val\.odgt"):
        convert_crowdhuman(source, tmp_path / "out", split="val")
    file = source / "annotation_train.odgt"
    (source / "annotation_val.odgt").write_text("")
    with pytest.raises(InputError, match=r"several annotation files .*choose a split"):
        convert_crowdhuman(source, tmp_path / "out")
    for text, message in (
        ('{"ID": "x"}', "line 2: not an image's annotation as in CrowdHuman: no 'gtboxes'"),
        ('{"ID": "x", "gtboxes": [{"tag": "person", "fbox": [1, 2]}]}', "line 2: not an image"),
        ("[", "line 2: not an image"),
        ('{"ID": "x", "gtboxes": []}', r"line 2: no image x\.jpg"),
    ):
        file.write_text(f"\n{text}\n")
        with pytest.raises(InputError, match=message):
            convert_crowdhuman(file, tmp_path / "out")
