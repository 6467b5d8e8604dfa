import numpy as np
import pytest
from scipy.io import savemat

from fairmot.data.converters import convert_prw
from fairmot.errors import InputError

# Frame -> the variable's name, and rows identity, left, top, width, height.
FRAMES = {
    "c1s1_001051": ("box_new", [[479, 10.5, 5, 20, 40], [-2, 50, 5, 10, 30]]),
    "c2s3_000016": ("anno_file", [[5, 70, 0, 12, 36]]),
    "c6s1_025476": ("anno_previous", [[479, 1, 1, 9, 27]]),
}
EXPECTED = {
    "c1s1_001051.jpg": [[0, 1, 10.5, 5, 30.5, 45], [0, -1, 50, 5, 60, 35]],
    "c2s3_000016.jpg": [[0, 0, 70, 0, 82, 36]],
}


def write_source(source, make_image, frames=FRAMES):
    (source / "annotations").mkdir(parents=True)
    for name, (variable, rows) in frames.items():
        make_image(source / f"frames/{name}.jpg")
        savemat(source / f"annotations/{name}.jpg.mat", {variable: np.array(rows)})
    names = np.array([[name] for name in frames], dtype=object)
    savemat(source / "frame_train.mat", {"img_index_train": names[:2]})
    savemat(source / "frame_test.mat", {"img_index_test": names[2:]})
    return source


def test_frames_of_a_split(tmp_path, make_image, boxes_of):
    source = write_source(tmp_path / "src", make_image)
    summary = convert_prw(source, tmp_path / "out")
    assert (summary.name, summary.images, summary.boxes, summary.identities) == ("prw.train", 2, 3, 2)
    assert boxes_of(tmp_path / "out", "prw.train") == EXPECTED
    convert_prw(source, tmp_path / "out", split="test")
    assert boxes_of(tmp_path / "out", "prw.test") == {"c6s1_025476.jpg": [[0, 0, 1, 1, 10, 28]]}


def test_one_changed_number_is_seen(tmp_path, make_image, boxes_of):
    changed = {**FRAMES, "c2s3_000016": ("anno_file", [[5, 70, 0, 13, 36]])}
    convert_prw(write_source(tmp_path / "src", make_image, changed), tmp_path / "out")
    with pytest.raises(AssertionError):
        assert boxes_of(tmp_path / "out", "prw.train") == EXPECTED


def test_bad_sources_are_named(tmp_path, make_image):
    source = write_source(tmp_path / "src", make_image)
    with pytest.raises(InputError, match=r"frame_val\.mat: no such file"):
        convert_prw(source, tmp_path / "out", split="val")
    path = source / "annotations/c1s1_001051.jpg.mat"
    savemat(path, {"boxes": np.zeros((1, 5))})
    with pytest.raises(InputError, match="none of box_new, anno_file, anno_previous"):
        convert_prw(source, tmp_path / "out")
    savemat(path, {"box_new": np.zeros((1, 4))})
    with pytest.raises(InputError, match="4 numbers, expected 5 for each person"):
        convert_prw(source, tmp_path / "out")
    savemat(path, {"box_new": np.zeros((1, 5))})
    (source / "frames/c1s1_001051.jpg").unlink()
    with pytest.raises(InputError, match=r"c1s1_001051\.jpg: not an image that can be read: No such file"):
        convert_prw(source, tmp_path / "out")
