import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.evaluation.rows import load_rows

GOOD = "1,3,10,20,30,40,0.9,-1,-1,-1\n"


def write(tmp_path, text):
    path = tmp_path / "SEQ.txt"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "2,7,1,2,3,4,0.5,1,1\n1,3,10,20,30,40,0.9,1,1\n",
        "2 7 1 2 3 4 0.5 1 1\n1 3 10 20 30 40 0.9 1 1\n",
        "2\t7\t1\t2\t3\t4\t0.5\t1\t1\r\n\r\n1\t3\t10\t20\t30\t40\t0.9\t1\t1",
        "2, 7, 1, 2, 3, 4, 0.5, 1, 1,\n1, 3, 10, 20, 30, 40, 0.9, 1, 1\n",
        "\ufeff2.0,7.0,1,2,3,4,5e-1,1,1\n   \n1,3,10,20,30,40,0.9,1,1\n\n",
    ],
)
def test_delimiters_and_order(tmp_path, text):
    rows = load_rows(write(tmp_path, text), 2)
    assert rows.frames.tolist() == [0, 1]
    assert rows.ids.tolist() == [3, 7]
    assert rows.boxes_tlwh.tolist() == [[10, 20, 30, 40], [1, 2, 3, 4]]
    assert rows.confidences.tolist() == [0.9, 0.5]
    assert rows.class_ids.tolist() == [1, 1]
    assert rows.lines.tolist() == [1, 0]


def test_rows_of_a_frame_keep_their_order(tmp_path):
    rows = load_rows(write(tmp_path, "1,9,0,0,1,1,1\n2,1,0,0,1,1,1\n1,4,0,0,1,1,1\n"), 2)
    assert rows.ids.tolist() == [9, 4, 1]
    assert (rows.class_ids == -1).all()


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file_has_no_rows(tmp_path, text):
    rows = load_rows(write(tmp_path, text), 5)
    assert len(rows) == 0
    assert rows.boxes_tlwh.shape == (0, 4)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2,3,10,20,30\n", r"SEQ.txt:2: 5 columns, the first line has 10"),
        ("2,3,10,20,30,x,1,-1,-1,-1\n", r"SEQ.txt:2: could not convert string to float: 'x'"),
        ("2,3,10,20,nan,40,1,-1,-1,-1\n", r"SEQ.txt:2: a value is not a finite number"),
        ("2,3,10,20,inf,40,1,-1,-1,-1\n", r"SEQ.txt:2: a value is not a finite number"),
        ("2.5,3,10,20,30,40,1,-1,-1,-1\n", r"SEQ.txt:2: frame and identity must be whole numbers"),
        ("2,-1,10,20,30,40,1,-1,-1,-1\n", r"SEQ.txt:2: the identity is negative"),
        ("0,3,10,20,30,40,1,-1,-1,-1\n", r"SEQ.txt:2: the frame is outside the sequence \(1 to 9,"),
        ("10,3,10,20,30,40,1,-1,-1,-1\n", r"SEQ.txt:2: the frame is outside the sequence"),
        ("1,3,99,20,30,40,1,-1,-1,-1\n", r"SEQ.txt:2: the identity occurs twice in this frame"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, message):
    with pytest.raises(InputError, match=message):
        load_rows(write(tmp_path, GOOD + line + GOOD.replace("1,", "7,", 1)), 9)
    assert len(load_rows(write(tmp_path, GOOD + GOOD.replace("1,", "7,", 1)), 9)) == 2


def test_blank_lines_do_not_shift_the_line_number(tmp_path):
    with pytest.raises(InputError, match=r"SEQ.txt:4: the frame is outside"):
        load_rows(write(tmp_path, "\n" + GOOD + "\n" + GOOD.replace("1,", "50,", 1)), 9)


def test_too_few_columns(tmp_path):
    with pytest.raises(InputError, match=r"SEQ.txt:1: 6 columns, expected at least 7"):
        load_rows(write(tmp_path, "1,1,0,0,5,5\n"), 9)


def test_no_text_or_no_file(tmp_path):
    with pytest.raises(InputError, match=r"absent.txt: cannot be read"):
        load_rows(tmp_path / "absent.txt", 9)
    binary = tmp_path / "binary.txt"
    binary.write_bytes(bytes(np.arange(128, 256, dtype=np.uint8)))
    with pytest.raises(InputError, match=r"binary.txt: not a text file"):
        load_rows(binary, 9)
