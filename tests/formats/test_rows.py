import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.formats.rows import load_rows

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
        ("2,3,10,20,-30,40,1,-1,-1,-1\n", r"SEQ.txt:2: width and height must not be negative"),
        ("2,3,10,20,30,-0.1,1,-1,-1,-1\n", r"SEQ.txt:2: width and height must not be negative"),
        ("2,3,10,20,30,40,1,nan,-1,-1\n", r"SEQ.txt:2: a value is not a finite number"),
        ("2,3,10,20,30,40,1,-1,-1,-1,-1\n", r"SEQ.txt:2: 11 columns, the first line has 10"),
        ("2;3;10;20;30;40;1;-1;-1;-1\n", r"SEQ.txt:2: semicolons; expected commas or white space"),
        ("2;3;10,5;20,5;30,5;40,5;1\n", r"SEQ.txt:2: semicolons"),
        ("2 3 10 20 30 40 1 -1 -1 -1\n", r"SEQ.txt:2: could not convert string to float"),
        ("2\t3\t10,5\t20\t30\t40\t1\t-1\t-1\t-1\n", r"SEQ.txt:2: could not convert string to float"),
        ("2,3,1_0,20,30,40,1,-1,-1,-1\n", r"SEQ.txt:2: an underscore in a number"),
        ("2,1e300,10,20,30,40,1,-1,-1,-1\n", r"SEQ.txt:2: the identity is too large"),
        ("# a comment\n", r"SEQ.txt:2: could not convert"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, message):
    with pytest.raises(InputError, match=message):
        load_rows(write(tmp_path, GOOD + line + GOOD.replace("1,", "7,", 1)), 9)
    assert len(load_rows(write(tmp_path, GOOD + GOOD.replace("1,", "7,", 1)), 9)) == 2


def test_frames_out_of_order_are_sorted_and_nothing_else_changes(tmp_path):
    lines = [f"{frame},{identity},{frame},0,5,5,1\n" for frame in (1, 2, 3) for identity in (8, 2)]
    ordered = load_rows(write(tmp_path, "".join(lines)), 3)
    mixed = load_rows(write(tmp_path, "".join(lines[4:] + lines[:2] + lines[2:4])), 3)
    np.testing.assert_array_equal(mixed.frames, ordered.frames)
    np.testing.assert_array_equal(mixed.ids, ordered.ids)
    np.testing.assert_array_equal(mixed.boxes_tlwh, ordered.boxes_tlwh)


def test_semicolons_alone_are_named(tmp_path):
    with pytest.raises(InputError, match=r"SEQ.txt:1: semicolons"):
        load_rows(write(tmp_path, GOOD.replace(",", ";")), 9)


def test_a_part_of_the_rows(tmp_path):
    rows = load_rows(write(tmp_path, "1,9,0,0,1,1,1\n2,1,0,0,1,1,1\n1,4,0,0,1,1,1\n"), 2)
    part = rows.select(rows.ids != 9)
    assert (part.ids.tolist(), part.lines.tolist(), part.path) == ([4, 1], [2, 1], rows.path)
    with pytest.raises(InputError, match=r"SEQ.txt:3: so"):
        raise part.problem(0, "so")


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
