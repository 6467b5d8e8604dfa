"""Gaps filled in result files."""

import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.workflows.track.gap_filling import fill_gaps, read_method


def lines(frames, step=1.0, tail="-1,-1,-1"):
    return "".join(f"{frame},7,{10 + step * frame:.3f},20.000,30.000,60.000,0.900,{tail}\n" for frame in frames)


@pytest.mark.parametrize("tail", ["-1,-1,-1", "3,-1,-1"])
def test_the_missing_rows_are_those_of_the_line(tmp_path, tail):
    file = tmp_path / "a.txt"
    file.write_text(lines([1, 2, 5, 6], tail=tail))
    assert fill_gaps(file) == 6
    assert file.read_text() == lines(range(1, 7), tail=tail)
    assert fill_gaps(file, max_gap_frames=1) == 6
    file.write_text(lines([1, 2, 5, 6]))
    assert fill_gaps(file, max_gap_frames=1) == 4


def test_only_tracked_frames_get_rows(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text(lines([11, 14, 20, 23]))
    assert fill_gaps(file, every=3) == 5
    assert file.read_text() == lines([11, 14, 17, 20, 23])
    with pytest.raises(InputError, match=r"a\.txt: frames are not 2 apart"):
        fill_gaps(file, every=2)


def test_smoothing_takes_jitter_out(tmp_path):
    file = tmp_path / "a.txt"
    rows = [line.split(",") for line in lines(range(1, 41), step=0).splitlines()]
    noise = np.random.default_rng(0).normal(size=40)
    jittery = [",".join([*row[:2], f"{10 + n:.3f}", *row[3:]]) for row, n in zip(rows, noise, strict=True)]
    file.write_text("\n".join(jittery))
    assert fill_gaps(file, "gaussian") == 40
    middle = slice(10, 30)  # the ends are held by the first and the last box
    assert np.loadtxt(file, delimiter=",")[middle, 2].std() < 0.5 * noise[middle].std()


def test_an_empty_file_stays_empty(tmp_path):
    (tmp_path / "a.txt").write_text("")
    assert fill_gaps(tmp_path / "a.txt") == 0
    assert (tmp_path / "a.txt").read_text() == ""


def test_what_is_wrong_is_named_and_left_alone(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text(lines([1, 3, 3]))
    with pytest.raises(InputError, match=r"a\.txt:3: the identity occurs twice"):
        fill_gaps(file)
    assert file.read_text() == lines([1, 3, 3])
    with pytest.raises(InputError, match="did you mean 'gaussian'"):
        read_method("gausian")
