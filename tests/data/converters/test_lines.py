"""Lines of annotation files."""

import pytest

from fairmot.data.converters.lines import numbered_lines
from fairmot.errors import InputError


def test_blank_lines_count_but_are_left_out(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("first\n\n  \n fourth \r\nfünfte", encoding="utf-8", newline="")
    assert numbered_lines(path) == [(1, "first"), (4, " fourth "), (5, "fünfte")]
    path.write_text("")
    assert numbered_lines(path) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_are_no_text(tmp_path, encoding):
    (tmp_path / "a.txt").write_text("0 1\r\nfünf", encoding=encoding)
    assert numbered_lines(tmp_path / "a.txt") == [(1, "0 1"), (2, "fünf")]


def test_what_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"absent\.txt: cannot be read: "):
        numbered_lines(tmp_path / "absent.txt")
    (tmp_path / "a.txt").write_bytes(b"\xff\xff\x00")
    with pytest.raises(InputError, match=r"a\.txt: cannot be read: .*utf-8"):
        numbered_lines(tmp_path / "a.txt")
