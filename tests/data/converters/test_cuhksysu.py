import numpy as np
import pytest
from scipy.io import savemat

from fairmot.data.converters import convert_cuhksysu
from fairmot.errors import InputError

# Image -> boxes (left, top, width, height); identity -> its boxes.
BOXES = {
    "s1.jpg": [[10, 5, 20, 40], [50, 5, 10, 30], [70, 0, 12, 36]],
    "s2.jpg": [[11, 6, 20, 40]],
    "s3.jpg": [[1, 1, 9, 27]],
}
PEOPLE = {
    "p2": [("s3.jpg", [1, 1, 9, 27])],
    "p7": [("s1.jpg", [10, 5, 20, 40]), ("s2.jpg", [11, 6, 20, 40])],
    "p5": [("s1.jpg", [70, 0, 12, 36])],
}
EXPECTED = {
    "s1.jpg": [[0, 1, 10, 5, 30, 45], [0, -1, 50, 5, 60, 35], [0, 0, 70, 0, 82, 36]],
    "s2.jpg": [[0, 1, 11, 6, 31, 46]],
}


def structs(rows):
    """A struct array 1 x n, as MATLAB writes it."""
    array = np.empty((1, len(rows)), dtype=[(key, object) for key in rows[0]])
    for index, row in enumerate(rows):
        array[0, index] = tuple(row.values())
    return array


def scenes(found):
    return structs([{"imname": name, "idlocate": np.array(box), "ishard": 0} for name, box in found])


def write_source(source, make_image, boxes=BOXES, train=False):
    folder = source / "annotation"
    (folder / "test/train_test").mkdir(parents=True)
    for name in boxes:
        make_image(source / f"Image/SSM/{name}")
    images = [
        {
            "imname": name,
            "nAppear": len(some),
            "box": structs([{"idlocate": np.array(box), "ishard": 0} for box in some]),
        }
        for name, some in boxes.items()
    ]
    savemat(folder / "Images.mat", {"Img": structs(images)})
    people = [{"idname": name, "nAppear": len(some), "scene": scenes(some)} for name, some in PEOPLE.items()]
    if train:
        cells = np.empty((len(people), 1), dtype=object)
        for index, person in enumerate(people):
            cells[index, 0] = person
        savemat(folder / "test/train_test/Train.mat", {"Train": cells})
    else:
        savemat(folder / "Person.mat", {"Person": structs(people)})
    savemat(folder / "pool.mat", {"pool": np.array([["s3.jpg"]], dtype=object)})
    return source


@pytest.mark.parametrize("train", [False, True])
def test_training_images_with_identities(tmp_path, make_image, boxes_of, train):
    summary = convert_cuhksysu(write_source(tmp_path / "src", make_image, train=train), tmp_path / "out")
    assert (summary.name, summary.images, summary.boxes, summary.identities) == ("cuhksysu.train", 2, 4, 2)
    assert boxes_of(tmp_path / "out", "cuhksysu.train") == EXPECTED


def test_one_changed_number_is_seen(tmp_path, make_image, boxes_of):
    changed = {**BOXES, "s1.jpg": [[10, 5, 20, 41], *BOXES["s1.jpg"][1:]]}
    convert_cuhksysu(write_source(tmp_path / "src", make_image, changed), tmp_path / "out")
    with pytest.raises(AssertionError):
        assert boxes_of(tmp_path / "out", "cuhksysu.train") == EXPECTED


def test_other_splits(tmp_path, make_image, boxes_of):
    source = write_source(tmp_path / "src", make_image)
    convert_cuhksysu(source, tmp_path / "out", split="test")
    assert boxes_of(tmp_path / "out", "cuhksysu.test") == {"s3.jpg": [[0, 0, 1, 1, 10, 28]]}
    assert convert_cuhksysu(source, tmp_path / "out", split="all").identities == 3
    with pytest.raises(InputError, match="the splits train, test and all"):
        convert_cuhksysu(source, tmp_path / "out", split="val")


def test_bad_sources_are_named(tmp_path, make_image):
    source = write_source(tmp_path / "src", make_image)
    savemat(source / "annotation/Person.mat", {"Person": structs([{"idname": "who", "scene": scenes(PEOPLE["p2"])}])})
    with pytest.raises(InputError, match=r"'who' is not an identity"):
        convert_cuhksysu(source, tmp_path / "out")
    savemat(source / "annotation/Person.mat", {"Person": structs([{"name": "p1"}])})
    with pytest.raises(InputError, match=r"Person\.mat: no idname in it"):
        convert_cuhksysu(source, tmp_path / "out")
    (source / "annotation/Person.mat").unlink()
    with pytest.raises(InputError, match=r"Person\.mat: no such file"):
        convert_cuhksysu(source, tmp_path / "out")
