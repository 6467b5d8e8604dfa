import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.formats.ground_truth import (
    format_ground_truth,
    ground_truth_file,
    load_ground_truth,
    states_classes,
    visibilities,
)
from fairmot.formats.rows import format_rows, load_rows


def test_what_is_written_is_read(write_sequence):
    folder, _ = write_sequence("", "", 3)
    boxes = np.array([[1.25, -2.5, 10, 20], [3, 4, 5, 6]])
    visible = np.array([0.05, 0.8125])
    text = format_ground_truth(2, np.array([7, 4]), boxes, visible >= 0.1, visible)
    assert text.splitlines()[0] == "2,7,1.25,-2.50,10.00,20.00,0,1,0.0500"
    ground_truth_file(folder).write_text(text)
    _, rows = load_ground_truth(folder)
    assert (rows.frames.tolist(), rows.ids.tolist()) == ([1, 1], [7, 4])
    np.testing.assert_array_equal(rows.boxes_tlwh, boxes)
    np.testing.assert_array_equal(visibilities(rows), visible)
    assert (rows.confidences.tolist(), rows.class_ids.tolist()) == ([0, 1], [1, 1])


@pytest.mark.parametrize(
    ("row", "has_class", "visibility"),
    [
        ("1,1,0,0,5,5,1", False, 1),
        ("1,1,0,0,5,5,1,7", True, 1),
        ("1,1,0,0,5,5,1,7,0.25", True, 0.25),
        ("1,1,0,0,5,5,1,-1,-1,-1", False, 1),
    ],
)
def test_columns_tell_classes_and_visibility(tmp_path, row, has_class, visibility):
    (tmp_path / "gt.txt").write_text(row + "\n")
    rows = load_rows(tmp_path / "gt.txt")
    assert states_classes(rows) is has_class
    assert visibilities(rows).tolist() == [visibility]


def test_result_rows_come_back_as_they_were_written(tmp_path):
    text = "1,3,10.000,20.500,30.125,40.000,0.900,-1,-1,-1\n2,1234567,-1.000,2.000,3.000,4.000,0.500,2,0.25,-1\n"
    (tmp_path / "SEQ.txt").write_text(text)
    rows = load_rows(tmp_path / "SEQ.txt")

    def written(rows):
        return format_rows(rows.frames + 1, rows.ids, rows.boxes_tlwh, rows.confidences, rows.others)

    assert written(rows) == text
    assert written(rows.select(rows.ids != 3)) == text.splitlines(keepends=True)[1]


def test_unknown_and_repeated_identities_are_for_training_alone(tmp_path):
    path = tmp_path / "gt.txt"
    path.write_text("1,-1,0,0,5,5,1\n1,-1,9,0,5,5,1\n")
    assert load_rows(path, distinct=False).ids.tolist() == [-1, -1]
    with pytest.raises(InputError, match=r"gt.txt:1: the identity is negative"):
        load_rows(path)
    path.write_text("1,2,0,0,5,5,1\n1,2,9,0,5,5,1\n")
    assert load_rows(path, distinct=False).ids.tolist() == [2, 2]
    with pytest.raises(InputError, match=r"gt.txt:2: the identity occurs twice"):
        load_rows(path)
