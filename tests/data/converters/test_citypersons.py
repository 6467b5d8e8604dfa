import json

import numpy as np
import pytest
from scipy.io import savemat

from fairmot.data.converters import convert_citypersons
from fairmot.errors import InputError

NAME = "aachen_000000_000019"
LABELS = ("ignore", "pedestrian", "rider", "sitting person", "person (other)", "person group")
# Class, left, top, width, height, instance, then the visible box, as annotations/README.txt says.
BOXES = [
    [1, -3, 10, 20, 40, 24000, 0, 10, 17, 35],
    [2, 30, 5, 10, 30, 25001, 30, 5, 10, 30],
    [0, 60, 0, 5, 5, 0, 60, 0, 5, 5],
    [5, 70, 10, 25, 20, 24000, 70, 10, 25, 20],
    [3, 50, 10, 6, 20, 24003, 50, 10, 6, 20],
]
EXPECTED = [
    [0, -1, -3, 10, 17, 50],
    [0, -1, 30, 5, 40, 35],
    [-1, -1, 60, 0, 65, 5],
    [-1, -1, 70, 10, 95, 30],
    [-1, -1, 50, 10, 56, 30],
]


def write_lists(source, boxes):
    cells = np.empty((1, 2), dtype=object)
    cells[0, 0] = {"cityname": "aachen", "im_name": f"{NAME}_leftImg8bit.png", "bbs": np.array(boxes, dtype=np.int32)}
    cells[0, 1] = {"cityname": "aachen", "im_name": "aachen_000001_000019_leftImg8bit.png", "bbs": np.zeros((0, 10))}
    (source / "annotations").mkdir()
    savemat(source / "annotations/anno_train.mat", {"anno_train_aligned": cells})


def write_json(source, boxes):
    folder = source / "gtBboxCityPersons/train/aachen"
    folder.mkdir(parents=True)
    objects = [{"instanceId": row[5], "bbox": row[1:5], "bboxVis": row[6:], "label": LABELS[row[0]]} for row in boxes]
    for name, some in ((NAME, objects), ("aachen_000001_000019", [])):
        values = {"imgHeight": 50, "imgWidth": 100, "objects": some}
        (folder / f"{name}_gtBboxCityPersons.json").write_text(json.dumps(values))


@pytest.fixture(params=[write_lists, write_json])
def make_source(request, tmp_path, make_image):
    def make(boxes):
        for name in (NAME, "aachen_000001_000019"):
            make_image(tmp_path / f"src/leftImg8bit/train/aachen/{name}_leftImg8bit.png")
        request.param(tmp_path / "src", boxes)
        return tmp_path / "src"

    return make


def test_whole_bodies_are_kept(tmp_path, make_source, boxes_of):
    source = make_source(BOXES)
    summary = convert_citypersons(source, tmp_path / "out")
    assert (summary.name, summary.boxes, summary.identities, summary.ignored) == ("citypersons.train", 2, 0, 3)
    assert boxes_of(tmp_path / "out", "citypersons.train") == {f"{NAME}_leftImg8bit.png": EXPECTED}
    assert convert_citypersons(source, tmp_path / "out", empty=True).images == 2


def test_categories_choose(tmp_path, make_source, boxes_of):
    source = make_source(BOXES)
    summary = convert_citypersons(source, tmp_path / "out", categories=["pedestrian", "sitting person"])
    assert (summary.boxes, summary.ignored) == (2, 3)
    (rows,) = boxes_of(tmp_path / "out", "citypersons.train").values()
    assert [row[0] for row in rows] == [0, -1, -1, -1, 0]
    convert_citypersons(source, tmp_path / "all", categories=["all"])
    (rows,) = boxes_of(tmp_path / "all", "citypersons.train").values()
    assert [row[0] for row in rows] == [0, 1, -1, 4, 2]
    with pytest.raises(InputError, match="no category 'riders' \\(did you mean 'rider'\\?\\)"):
        convert_citypersons(source, tmp_path / "none", categories=["riders"])


def test_one_changed_number_is_seen(tmp_path, make_source, boxes_of):
    boxes = [list(row) for row in BOXES]
    boxes[0][4] += 1
    convert_citypersons(make_source(boxes), tmp_path / "out")
    with pytest.raises(AssertionError):
        assert boxes_of(tmp_path / "out", "citypersons.train") == {f"{NAME}_leftImg8bit.png": EXPECTED}


def test_one_image_in_a_list(tmp_path, make_image, boxes_of):
    make_image(tmp_path / f"src/leftImg8bit/val/aachen/{NAME}_leftImg8bit.png")
    cell = np.empty((1, 1), dtype=object)
    cell[0, 0] = {"cityname": "aachen", "im_name": f"{NAME}_leftImg8bit.png", "bbs": np.array(BOXES[:1])}
    savemat(tmp_path / "src/anno_val.mat", {"anno_val_aligned": cell})
    convert_citypersons(tmp_path / "src", tmp_path / "out", split="val")
    assert boxes_of(tmp_path / "out", "citypersons.val") == {f"{NAME}_leftImg8bit.png": EXPECTED[:1]}


def test_bad_sources_are_named(tmp_path, make_image):
    source = tmp_path / "src"
    with pytest.raises(InputError, match="leftImg8bit/train: no such folder"):
        convert_citypersons(source, tmp_path / "out")
    make_image(source / "leftImg8bit/train/aachen/other.png")
    with pytest.raises(InputError, match="neither gtBboxCityPersons/train nor anno_train"):
        convert_citypersons(source, tmp_path / "out")
    write_json(source, BOXES)
    with pytest.raises(InputError, match="no such image, though it is annotated"):
        convert_citypersons(source, tmp_path / "out")
    next(source.rglob("*0_000019*.json")).write_text('{"objects": [{"label": "dog", "bbox": [1, 2, 3, 4]}]}')
    with pytest.raises(InputError, match=r"not an annotation as in CityPersons: .*dog"):
        convert_citypersons(source, tmp_path / "out")
    (source / "anno_train.mat").write_bytes(b"nothing of this kind" * 20)
    with pytest.raises(InputError, match=r"anno_train\.mat: not a MATLAB file"):
        convert_citypersons(source, tmp_path / "out")
    savemat(source / "anno_train.mat", {"other": 1})
    with pytest.raises(InputError, match="no anno_train_aligned in it"):
        convert_citypersons(source, tmp_path / "out")
