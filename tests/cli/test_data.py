"""The commands `fairmot data`, from an empty folder to a checked data set."""

import json
import sys

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from fairmot.cli import app, main
from fairmot.errors import InputError


def run(*arguments):
    """Run ``fairmot data`` in this process."""
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


@pytest.fixture
def sequence(tmp_path):
    """Five frames with two people, in MOTChallenge layout."""
    folder = tmp_path / "MOT17" / "MOT17-90-SDP"
    (folder / "img1").mkdir(parents=True)
    (folder / "gt").mkdir()
    rows = []
    for number in range(1, 6):
        assert cv2.imwrite(str(folder / f"img1/{number:06}.jpg"), np.full((48, 64, 3), 90, np.uint8))
        rows += [f"{number},1,{5 + number},5,10,30,1,1,1\n", f"{number},2,40,5,10,30,1,1,0.2\n"]
    (folder / "gt/gt.txt").write_text("".join(rows))
    return folder.parent


def test_convert_validate_stats_and_preview(tmp_path, sequence):
    out = tmp_path / "data"
    for half, images in (("train", 3), ("val", 2)):
        result = run("convert", "motchallenge", sequence, out, "--half", half, "--name", f"mot17.half-{half}")
        assert (result.exit_code, f"mot17.half-{half}: {images} images" in result.stdout) == (0, True)
    result = run("validate", out)
    assert result.exit_code == 0
    assert result.stdout == "2 sets, 5 images, 10 boxes: 0 errors, 0 warnings\n"
    result = run("stats", out, "--json")
    assert [(each["name"], each["boxes"], each["identities"]) for each in json.loads(result.stdout)] == [
        ("mot17.half-train", 6, 2),
        ("mot17.half-val", 4, 2),
        ("all", 10, 4),
    ]
    result = run("stats", out, "--sets", "mot17.half-val")
    assert "mot17.half-val 2 0 4 2.0 2 0 30 px" in " ".join(result.stdout.split())
    assert "4 boxes with identity; images 64x48 (2)" in result.stdout
    result = run("preview", out / "data.json", tmp_path / "sheet.png", "--count", 3, "--width", 100)
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'sheet.png'}: 3 of 5 images\n")
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (2 * (75 + 18) + 18, 2 * 106 + 6, 3)


def test_validate_lists_errors_and_exits_with_2(tmp_path, sequence):
    out = tmp_path / "data"
    run("convert", "motchallenge", sequence, out, "--name", "mot")
    labels = out / "labels_with_ids/mot/MOT17-90-SDP/000002.txt"
    labels.write_text("0 0 0.2 0.4 0.2 0.6\n0 0 0.2 0.4 0.2 0.6\n0 1 0.5 0.5\n")
    (out / "images/mot/MOT17-90-SDP/000004.jpg").unlink()
    result = run("validate", out, "--quick")
    assert result.exit_code == 2
    assert f"{labels}:3: error: wrong columns: 4 columns, expected 6" in result.stdout
    assert f"{labels}:2: error: identity twice" in result.stdout
    assert f"{out / 'mot.txt'}:4: error: missing image" in result.stdout
    assert "1 sets, 5 images, 10 boxes: 3 errors, 0 warnings" in result.stdout
    result = run("validate", out, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["counts"] == {"missing image": 1, "wrong columns": 1, "identity twice": 1}


def test_warnings_alone_are_no_failure(tmp_path, sequence):
    out = tmp_path / "data"
    run("convert", "motchallenge", sequence, out, "--name", "mot")
    (out / "labels_with_ids/mot/MOT17-90-SDP/000009.txt").write_text("")
    result = run("validate", out)
    assert (result.exit_code, "0 errors, 1 warnings" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--every", 3, "every: an option of caltech, not of motchallenge"),
        ("--no-identities", None, "identities: an option of crowdhuman, not of motchallenge"),
        ("--split", "train", "split: an option of .*crowdhuman.*, not of motchallenge"),
        ("--half", "third", "half .third.: unknown; the halves are train and val"),
    ],
)
def test_options_belong_to_formats(tmp_path, sequence, option, value, message):
    arguments = [option] if value is None else [option, value]
    result = run("convert", "motchallenge", sequence, tmp_path / "data", *arguments)
    assert isinstance(result.exception, InputError)
    with pytest.raises(InputError, match=message):
        raise result.exception


def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fairmot", "data", "validate", str(tmp_path)])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    expected = f"fairmot: {tmp_path}: neither data.json nor images below images/ in it\n"
    assert capsys.readouterr().err.endswith(expected)
