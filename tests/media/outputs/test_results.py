"""The files of one tracked source: what is in them, and what is left when something goes wrong."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fairmot.detections import Tracks
from fairmot.errors import InputError
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.results import ResultFiles, different_names, result_folder
from fairmot.media.outputs.rows import format_rows
from fairmot.media.sources.frame import Frame
from fairmot.media.sources.frames import read_frames

SIZE = (160, 120)


def frame(index: int, seconds: float | None = None) -> Frame:
    noise = np.random.default_rng(index).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    return Frame(noise, index, index / 25 if seconds is None else seconds)


def tracks(*boxes: tuple[float, float, float, float]) -> Tracks:
    count = len(boxes)
    return Tracks(np.arange(1, count + 1), np.array(boxes).reshape(-1, 4), np.full(count, 0.5), np.zeros(count, int))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_and_fail(folder: Path, error: Exception, images: bool = False) -> None:
    with ResultFiles(folder, "a", SIZE, 25, images=images) as files:
        files.write(frame(0), tracks())
        raise error


def test_rows_have_three_decimals_and_no_shift():
    seen = Tracks(
        ids=np.array([7, 12]),
        boxes_xyxy=np.array([[1.0, 2.0, 11.0004, 22.0006], [-3.25, 0.1, 4.0, 5.0]]),
        scores=np.array([0.9, 0.4567]),
        class_ids=np.zeros(2, np.int64),
    )
    assert format_rows(3, seen) == (
        "3,7,1.000,2.000,10.000,20.001,0.900,-1,-1,-1\n3,12,-3.250,0.100,7.250,4.900,0.457,-1,-1,-1\n"
    )
    assert format_rows(3, tracks()) == ""


def test_rows_and_video_of_the_same_frames(tmp_path):
    with ResultFiles(tmp_path, "a", SIZE, 25) as files:
        for index in (4, 5, 8):
            files.write(frame(index), tracks((10, 20, 50, 100)))
    assert names(tmp_path) == ["a.mp4", "a.txt"]
    assert files.text.read_text() == "".join(format_rows(number, tracks((10, 20, 50, 100))) for number in (5, 6, 9))
    np.testing.assert_allclose([each.seconds for each in read_frames(files.video)], [0, 0.04, 0.16], atol=1e-3)
    assert files.encode_seconds > 0


@pytest.mark.parametrize("video", [True, False])
def test_an_image_of_each_frame_with_its_tracks(tmp_path, video):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "000001.jpg").write_bytes(b"of an earlier run")
    plain = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    with ResultFiles(tmp_path, "a", SIZE, 25, video=video, images=True) as files:
        for index in (4, 5):
            files.write(Frame(plain, index, index / 25), tracks((10, 20, 50, 100)))
    assert names(tmp_path / "a") == ["000005.jpg", "000006.jpg"]
    drawn = cv2.imread(str(tmp_path / "a" / "000006.jpg")).astype(int)
    assert np.abs(drawn[60, 8:13] - 90).max() > 50  # the box's left side
    assert np.abs(drawn[60, 100:] - 90).max() < 10
    assert (tmp_path / "a.mp4").exists() == video


def test_an_error_leaves_the_images_of_an_earlier_run(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "000001.jpg").write_bytes(b"of an earlier run")
    with pytest.raises(RuntimeError):
        write_and_fail(tmp_path, RuntimeError(), images=True)
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a" / "000001.jpg").read_bytes() == b"of an earlier run"


def test_no_video_where_none_is_wanted_or_nothing_came(tmp_path):
    with ResultFiles(tmp_path / "out", "a", SIZE, 25, video=False) as files:
        files.write(frame(0), tracks())
    assert (names(tmp_path / "out"), files.video) == (["a.txt"], None)
    with ResultFiles(tmp_path / "empty", "a", SIZE, 25) as files:
        assert files.video is not None
    assert (names(tmp_path / "empty"), files.video) == (["a.txt"], None)


@pytest.mark.parametrize("error", [RuntimeError("broken"), FileNotFoundError(2, "gone", "street.mp4")])
def test_an_error_of_the_block_passes_unchanged_and_leaves_nothing(tmp_path, error):
    with pytest.raises(type(error)) as raised:
        write_and_fail(tmp_path / "out", error)
    assert raised.value is error
    assert not (tmp_path / "out").exists()


def test_results_of_an_earlier_run_survive_an_error(tmp_path):
    (tmp_path / "a.txt").write_text("earlier")
    with pytest.raises(RuntimeError):
        write_and_fail(tmp_path, RuntimeError())
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "earlier"


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "out").write_text("in the way")
    with (
        pytest.raises(InputError, match="out: results cannot be written"),
        ResultFiles(tmp_path / "out", "a", SIZE, 25),
    ):
        pass


@pytest.mark.parametrize(("video", "limit"), [(True, 60_000), (False, 20_000), (False, 3_000)])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, video, limit):
    # 3000 bytes of rows still wait in a buffer when the block ends.
    program = f"""
import importlib.util, resource
from pathlib import Path
spec = importlib.util.spec_from_file_location("results", {str(Path(__file__))!r})
test = importlib.util.module_from_spec(spec)
spec.loader.exec_module(test)
from fairmot.errors import InputError
from fairmot.media.outputs.results import ResultFiles
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    with ResultFiles(Path("out"), "a", test.SIZE, 25, video={video}) as files:
        for index in range({4 if limit == 3_000 else 40}):
            files.write(test.frame(index), test.tracks(*[(10, 20, 50, 100)] * 20))
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["out: results cannot be written (File too large)"]
    assert not (tmp_path / "out").exists()


def test_folders_are_numbered_unless_empty_or_overwritten(tmp_path):
    wanted = tmp_path / "mine"
    wanted.mkdir()
    assert result_folder(wanted, overwrite=False) == wanted
    (wanted / "a.txt").write_text("")
    assert result_folder(wanted, overwrite=False) == tmp_path / "mine-2"
    assert result_folder(wanted, overwrite=True) == wanted


@pytest.mark.parametrize("name", [".", "..", "../mine"])
def test_the_folder_one_is_in_is_not_numbered(tmp_path, monkeypatch, name):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    if name != "..":
        assert result_folder(Path(name), overwrite=False).resolve() == tmp_path / "mine"
    Path("a.txt").write_text("")
    with pytest.raises(InputError, match="you are in this folder, and it holds something"):
        result_folder(Path(name), overwrite=False)
    assert result_folder(Path(name), overwrite=True).is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be made"):
        result_folder(tmp_path / "file" / "out", overwrite=False)


def test_names_that_occur_twice():
    assert different_names(["a", "b", "a", "a-2", "a"]) == ["a", "b", "a-2", "a-2-2", "a-3"]


@pytest.mark.parametrize(("most", "size"), [(None, (160, 120)), (120, (160, 120)), (200, (160, 120)), (91, (120, 90))])
def test_the_video_may_be_smaller_than_the_frames(tmp_path, most, size):
    outputs = Outputs(images=True, video_height=most)
    flat = np.full((SIZE[1], SIZE[0], 3), (200, 60, 20), np.uint8)
    with ResultFiles(tmp_path, "a", SIZE, 25, outputs=outputs) as files:
        for index in range(3):
            files.write(Frame(flat, index, index / 25), tracks((10, 10, 30, 60)))
    video = read_frames(tmp_path / "a.mp4")
    assert (video.size, video.frame_count) == (size, 3)
    middle = next(iter(video)).image[size[1] // 2, size[0] // 2]
    np.testing.assert_allclose(middle, (200, 60, 20), atol=12)
    assert cv2.imread(str(tmp_path / "a" / "000001.jpg")).shape == (120, 160, 3)


def test_a_video_that_is_not_written_has_no_height():
    with pytest.raises(InputError, match="video height 240: no video is written"):
        Outputs(video=False, video_height=240)
    with pytest.raises(InputError, match="video height 12: expected 64 pixels or more"):
        Outputs(video_height=12)
