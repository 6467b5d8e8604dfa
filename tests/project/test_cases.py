"""Every folder of ``shared/cases``: inputs of users' reports, each of which gives what its ``about.txt`` expects.

Each kind has tests of its own, which make their inputs, beside the code that serves it; these walk over the originals.
"""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from fairmot.cli import app
from fairmot.data.annotations import read_images
from fairmot.errors import InputError

pytestmark = pytest.mark.usefixtures("elsewhere")

ELSEWHERE = {"sigterm_loses_results", "password_in_address", "nan_weights"}
"""Cases that tests of streams, signals and weights serve; they need no input of these folders."""


@pytest.fixture
def case(shared):
    return lambda name: shared("cases", name)


def fairmot(*words):
    """Run a command and return its result, or the message of its ``InputError``."""
    result = CliRunner().invoke(app, list(map(str, words)))
    if isinstance(result.exception, InputError):
        return str(result.exception)
    assert result.exit_code == 0, result.output
    return result


def track(source, *words):
    """Track with the shipped model and return the rows."""
    result = fairmot("track", source, "--output", "out", "--overwrite", "--quiet", "--engine", "onnxruntime", *words)
    assert not isinstance(result, str), result
    (file,) = Path("out").glob("*.txt")
    return np.loadtxt(file, delimiter=",", ndmin=2)


def counts():
    (file,) = Path("out").glob("*.counts.json")
    return json.loads(file.read_text(encoding="utf-8"))


def seconds():
    (file,) = Path("out").glob("*.jsonl")
    return [json.loads(line)["seconds"] for line in file.read_text().splitlines()]


def convert(kind, source, *words, out="set"):
    """Convert, and return images, boxes, identities, ignore regions; or the message of the error."""
    result = fairmot("data", "convert", kind, source, out, "--name", "made", *words)
    if isinstance(result, str):
        return result
    images = read_images(Path(out) / "data.json")
    (made,) = images.sets
    return made.images, made.boxes, made.identities, made.ignored


def boxes(out="set"):
    """Corners of all boxes of a converted set, as fractions of its images' sizes."""
    rows = read_images(Path(out) / "data.json").rows
    return np.concatenate([rows[:, 2:4] - rows[:, 4:] / 2, rows[:, 2:4] + rows[:, 4:] / 2], axis=1)


def with_campus(case, campus, inner, images):
    """Copy a sequence and add the twelve images that it leaves out."""
    shutil.copytree(case / inner, inner)
    for path in Path(inner, images).iterdir():
        path.unlink()
    for number in range(1, 13):
        image = campus / "img1" / f"{number:06}.jpg"
        shutil.copyfile(image, Path(inner, images, image.name))
    return Path(inner)


@pytest.fixture
def campus(shared):
    return shared("data", "mot", "TUD-Campus")


def test_every_case_is_walked(shared):
    names = {path.name for path in shared("cases").iterdir() if path.is_dir()}
    here = {name for function in globals() if function.startswith("test_") for name in names if name in function}
    assert names - here == ELSEWHERE & names


@pytest.mark.slow
def test_avi_h264_b_frames(case):
    folder = case("avi_h264_b_frames")
    # On a small canvas: 120 frames through the shipped model take minutes on a busy machine.
    small = ("--no-video", "--input-size", "320x192")
    bad = track(folder / "bad.avi", "--jsonl", *small)
    assert len(bad) > 60
    assert seconds() == pytest.approx(np.arange(60) / 30, abs=2e-3)
    shutil.rmtree("out")
    good = track(folder / "good.mp4", *small)
    np.testing.assert_allclose(bad, good, atol=1e-3)


def test_byte_order_marks(case):
    folder = case("byte_order_marks")
    assert convert("yolo", folder / "yolo", out="a")[0] == 3
    assert convert("cvat", folder / "c_bom.zip", out="b")[0] > 0
    pictures = case("coco_string_ids") / "images"
    assert convert("coco", folder / "bom.json", "--image-folder", pictures, out="c")[:2] == (3, 6)


def test_coco_size_differs_exif(case):
    folder = case("coco_size_differs_exif")
    message = convert("coco", folder / "ann.json", "--image-folder", folder / "images")
    assert "480 x 640" in message
    assert "640 x 480" in message


def test_coco_string_ids(case):
    folder = case("coco_string_ids")
    for name in ("ok", "imgstr", "catstr"):
        assert convert("coco", folder / f"{name}.json", "--image-folder", folder / "images", out=name)[:2] == (3, 6)


def test_cvat_frame_step(case):
    assert convert("cvat", case("cvat_frame_step") / "x_step.zip")[:3] == (3, 3, 1)


def test_cvat_polygon_track(case):
    assert convert("cvat", case("cvat_polygon_track") / "x_poly.zip")[1] == 1


def test_cvat_rotated_box(case):
    convert("cvat", case("cvat_rotated_box") / "x_rot.zip")
    image = cv2.imread(str(next(Path("set/images").rglob("*.*"))))
    size = (boxes()[0, 2:] - boxes()[0, :2]) * image.shape[1::-1]
    assert size == pytest.approx([77.78, 77.78], abs=0.1)


def test_cvat_without_pictures(case):
    for name in ("c_noimg.zip", "x_noimg.zip"):
        assert "--image-folder" in convert("cvat", case("cvat_without_pictures") / name)


def test_detections_options_ignored(case):
    folder = case("detections_options_ignored")
    Path("jit/det").mkdir(parents=True)
    shutil.copyfile(folder / "jit.txt", "jit/det/det.txt")
    Path("jit/seqinfo.ini").write_text("[Sequence]\nseqLength=80\nframeRate=30\nimWidth=640\nimHeight=480\n")
    asked = ["--line", "320,0,320,480", "--zone", folder / "z.json", "--csv", "--jsonl", "--start", 10, "--end", 20]
    more = ["--every", 2, "--output", "out", "--overwrite"]
    fairmot("track", "--detections", "jit/det/det.txt", *asked, *more)
    assert len(seconds()) == 5
    assert counts()["frames"] == 5
    assert "5" in fairmot("track", "--detections", "jit/det/det.txt", *more, "--classes", 5)
    assert "--crops" in fairmot("track", "--detections", "jit/det/det.txt", *more, "--crops")


@pytest.mark.parametrize("name", ["v10", "v9_1_-1", "v9_-1_-1"])
def test_gt_visibility_minus_one(case, campus, name):
    sequence = with_campus(case("gt_visibility_minus_one"), campus, name, "img1")
    assert convert("motchallenge", sequence) == (12, 69, 6, 0)


def test_imdir_in_convert(case, campus):
    assert convert("motchallenge", with_campus(case("imdir_in_convert"), campus, "imdir", "images"))[:2] == (12, 69)


def test_line_feet_below_picture(case):
    folder = case("line_feet_below_picture")
    rows = track(folder, "--line", "400,0,400,432", "--zone", folder / "zone.json", "--no-video")
    (line,), (zone,) = counts()["lines"], counts()["zones"]
    assert sorted((line["in"], line["out"])) == [0, 1]
    assert zone["mean"] * counts()["frames"] == pytest.approx(len(rows), abs=0.01)


def test_line_hidden_while_crossing(case):
    track(case("line_hidden_while_crossing"), "--line", "510,0,510,432", "--no-video")
    (line,) = counts()["lines"]
    assert sorted((line["in"], line["out"])) == [0, 1]


def test_line_jitter(case):
    # As its cl.py does: 5 px left of the line, 40 frames 1 px left and right of it, and back.
    case("line_jitter")
    feet = [300] * 5 + [319, 321] * 20 + [300] * 5
    Path("jitter/det").mkdir(parents=True)
    rows = [f"{number},-1,{x - 20},200,40,100,0.9\n" for number, x in enumerate(feet, 1)]
    Path("jitter/det/det.txt").write_text("".join(rows))
    Path("jitter/seqinfo.ini").write_text("[Sequence]\nseqLength=50\nframeRate=30\nimWidth=640\nimHeight=480\n")
    fairmot("track", "--detections", "jitter/det/det.txt", "--line", "320,0,320,480", "--output", "out", "--quiet")
    (line,) = counts()["lines"]
    assert max(line["in"], line["out"]) <= 1


@pytest.mark.slow
def test_mirrored_display_matrix(case):
    folder = case("mirrored_display_matrix")
    shown = len(track(folder / "mirrored_as_shown.mp4", "--no-video", "--every", "3"))
    shutil.rmtree("out")
    assert len(track(folder / "mirrored.mp4", "--no-video", "--every", "3")) == pytest.approx(shown, rel=0.05)
    shutil.rmtree("out")
    upright = len(track(folder / "plain.mp4", "--no-video", "--every", "3"))
    shutil.rmtree("out")
    assert (
        len(track(folder / "flipped.mp4", "--no-video", "--every", "3")) < 0.6 * upright
    )  # people stand on their heads


def test_mkv_start_not_zero(case):
    folder = case("mkv_start_not_zero")
    rows = track(folder / "starts_at_3s.mkv", "--no-video", "--every", "3")
    shutil.rmtree("out")
    np.testing.assert_array_equal(rows, track(folder / "plain.mkv", "--no-video", "--every", "3"))


def test_normalised_places(case):
    folder = case("normalised_places")
    track(folder / "clip.mp4", "--line", "0,0.5,1,0.5", "--zone", folder / "zone.json", "--no-video")
    (line,), (zone,) = counts()["lines"], counts()["zones"]
    assert line["points"][1] == [counts()["size"][0], counts()["size"][1] / 2]
    assert zone["identities"] > 0


def test_seqinfo_bom(case, campus):
    sequence = with_campus(case("seqinfo_bom"), campus, "bom", "img1")
    assert len(track(sequence, "--no-video"))


def test_tiff_glob(case):
    track(f"{case('tiff_glob')}/*.tif", "--jsonl", "--no-video")
    assert len(seconds()) == 2


@pytest.mark.slow
def test_ts_times_begin_anew(case):
    track(case("ts_times_begin_anew") / "segs.ts", "--jsonl", "--start", 0)
    assert seconds() == pytest.approx(np.arange(120) / 30, abs=2e-3)
    from fairmot.report.footage import frame_seconds

    assert frame_seconds(Path("out/segs.mp4")) == pytest.approx(np.arange(120) / 30, abs=2e-3)


def test_yolo_person_is_class_1(case):
    assert convert("yolo", case("yolo_person_is_class_1"))[1] == 2


def test_yolo_roboflow_layout(case):
    folder = case("yolo_roboflow_layout")
    assert convert("yolo", folder, "--split", "train", out="a")[0] > 0
    assert convert("yolo", folder, "--split", "valid", out="b")[0] > 0
    assert convert("yolo", folder, out="c")[0] > 0
