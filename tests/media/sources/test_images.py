import os
import re
import shutil

import cv2
import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.formats.sequences import sequence_name
from fairmot.media.sources.frames import read_frames

pytestmark = pytest.mark.usefixtures("no_new_threads")


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded, data = cv2.imencode(path.suffix, image)
    assert encoded
    path.write_bytes(data.tobytes())


def numbers(rendered, frames):
    return [rendered.number(frame.image) for frame in frames]


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".gif", ".ppm", ".jp2", ".avif", ".jfif", ".webp"])
@pytest.mark.parametrize("form", ["glob", "folder"])
def test_images_of_any_kind_are_one_source(tmp_path, rendered, suffix, form):
    from PIL import Image

    for number in range(3):
        path = tmp_path / "frames" / f"{number + 1}{suffix}"
        path.parent.mkdir(exist_ok=True)
        image = Image.fromarray(rendered.image(number)[:, :, ::-1])
        image.save(path, format={".jfif": "JPEG"}.get(suffix), quality=95)
    frames = read_frames(tmp_path / "frames" / (f"*{suffix}" if form == "glob" else ""))
    assert (frames.name, frames.frame_count, frames.size) == ("frames", 3, (160, 120))
    read = list(frames)
    assert numbers(rendered, read) == [0, 1, 2]
    np.testing.assert_allclose(read[0].image[60, 20], (20, 30, 220), atol=40)


def test_an_animation_is_a_video(tmp_path, rendered):
    from PIL import Image

    first, *more = (Image.fromarray(rendered.image(number)[:, :, ::-1]) for number in range(5))
    first.save(tmp_path / "a.gif", save_all=True, append_images=more, duration=40)
    assert numbers(rendered, read_frames(tmp_path / "a.gif")) == [0, 1, 2, 3, 4]


def test_natural_order_and_every_format(tmp_path, rendered):
    folder = tmp_path / "Straße 1"
    order = ["1.png", "2.jpg", "9.bmp", "10.webp", "11.JPG", "100.jpeg", "a2.png", "a10.png"]
    for number, name in enumerate(order):
        write(folder / name, rendered.image(number, 161, 121))
    (folder / "notes.txt").write_text("no image")
    (folder / ".11.jpg").write_bytes(b"hidden")
    frames = read_frames(folder)
    assert (frames.name, frames.size, frames.frame_rate, frames.frame_count) == ("Straße 1", (161, 121), 30, 8)
    read = list(frames)
    assert numbers(rendered, read) == [frame.index for frame in read] == list(range(8))
    np.testing.assert_allclose([frame.seconds for frame in read], np.arange(8) / 30)
    assert frames.problem is None


def test_selection_and_rate(tmp_path, rendered):
    for number in range(9):
        write(tmp_path / f"{number}.png", rendered.image(number))
    frames = read_frames(tmp_path, start=1, end=8, every=3, frame_rate=10)
    assert frames.frame_count == 3
    read = list(frames)
    assert numbers(rendered, read) == [1, 4, 7]
    assert [frame.seconds for frame in read] == pytest.approx([0.1, 0.4, 0.7])


def test_one_image(tmp_path, rendered):
    write(tmp_path / "one.png", rendered.image(7))
    frames = read_frames(tmp_path / "one.png")
    assert (frames.name, frames.frame_count) == ("one", 1)
    (frame,) = frames
    np.testing.assert_array_equal(frame.image, rendered.image(7))


def test_grey_and_transparent_images_become_three_channels(tmp_path, rendered):
    write(tmp_path / "1.png", rendered.image(1)[..., 0])
    write(tmp_path / "2.png", cv2.cvtColor(rendered.image(2), cv2.COLOR_BGR2BGRA))
    assert [frame.image.shape for frame in read_frames(tmp_path)] == [(120, 160, 3)] * 2


def make_sequence(folder, rendered, info="[Sequence]\nname=other\nimDir=img1\nframeRate=14\nseqLength=3\n"):
    for number in range(3):
        write(folder / "img1" / f"{number + 1:06d}.jpg", rendered.image(number))
    (folder / "seqinfo.ini").write_text(info)
    return folder


def test_motchallenge_sequence(tmp_path, rendered):
    folder = make_sequence(tmp_path / "TUD-Campus", rendered)
    for path in (folder, folder / "img1"):
        frames = read_frames(path)
        assert (frames.name, frames.frame_rate, frames.frame_count) == ("TUD-Campus", 14, 3)
        assert numbers(rendered, frames) == [0, 1, 2]
    assert read_frames(folder, frame_rate=7).frame_rate == 7
    (folder / "seqinfo.ini").unlink()
    assert (read_frames(folder).name, read_frames(folder).frame_rate) == ("TUD-Campus", 30)


def test_a_linked_sequence_has_the_name_that_the_user_gave(tmp_path, rendered, monkeypatch):
    link = tmp_path / "first-walk"
    link.symlink_to(make_sequence(tmp_path / "TUD-Campus", rendered), target_is_directory=True)
    for path in (link, f"{link}/", f"{link}/.", link / "img1"):
        frames = read_frames(path)
        assert (frames.name, frames.frame_rate) == ("first-walk", 14)
        assert frames.name == sequence_name(link)
    assert read_frames(tmp_path / "TUD-Campus").name == "TUD-Campus"
    monkeypatch.chdir(tmp_path)
    assert read_frames("first-walk").name == "first-walk"


def test_a_path_without_a_name_is_called_by_its_folder(tmp_path, rendered, monkeypatch):
    folder = make_sequence(tmp_path / "TUD-Campus", rendered)
    for place, path in ((folder, "."), (folder / "img1", "."), (folder / "img1", ".."), (folder, "img1")):
        monkeypatch.chdir(place)
        frames = read_frames(path)
        assert (frames.name, frames.frame_rate) == ("TUD-Campus", 14)


def test_linked_images_belong_to_their_sequence(tmp_path, rendered):
    folder = make_sequence(tmp_path / "TUD-Campus", rendered)
    (folder / "img1").rename(tmp_path / "images")
    (folder / "img1").symlink_to(tmp_path / "images", target_is_directory=True)
    for path in (folder, folder / "img1"):
        frames = read_frames(path)
        assert (frames.name, frames.frame_rate) == ("TUD-Campus", 14)


def test_a_folder_below_a_sequence_is_not_the_sequence(tmp_path, rendered):
    folder = make_sequence(tmp_path / "MOT-1", rendered)
    shutil.copytree(folder / "img1", folder / "blurred")
    frames = read_frames(folder / "blurred")
    assert (frames.name, frames.frame_rate) == ("blurred", 30)


@pytest.mark.parametrize(
    "info", ["frameRate=25\n", "[Sequence]\nframeRate=fast\n", "[Sequence]\nseqLength=x\n", "[Sequence]\nframeRate=0\n"]
)
def test_broken_seqinfo(tmp_path, rendered, info):
    folder = make_sequence(tmp_path / "seq", rendered, info)
    with pytest.raises(InputError, match=r"seqinfo\.ini") as caught:
        read_frames(folder)
    assert "\n" not in str(caught.value)


def test_an_image_of_another_size_is_fitted_and_reported(tmp_path, rendered):
    write(tmp_path / "1.png", rendered.image(0))
    write(tmp_path / "2.png", rendered.image(1))
    write(tmp_path / "3.png", np.full((120, 200, 3), 90, np.uint8))
    write(tmp_path / "4.png", rendered.image(3))
    write(tmp_path / "5.png", rendered.image(4, 80, 120))
    frames = read_frames(tmp_path)
    images = [frame.image for frame in frames]
    assert [image.shape for image in images] == [(120, 160, 3)] * 5
    # 200 x 120 becomes 160 x 96, black above and below: nothing is stretched.
    assert (images[2][12:108] == 90).all()
    assert not images[2][:12].any()
    assert not images[2][108:].any()
    np.testing.assert_array_equal(images[3], rendered.image(3))
    assert re.search(r"3\.png: 200 x 120 pixels, but .*1\.png has 160 x 120 \(2 such images\)", frames.problem)
    assert [frame.index for frame in read_frames(tmp_path, end=2)] == [0, 1]


def test_an_unreadable_image_is_left_out_and_reported(tmp_path, rendered):
    for number in range(5):
        write(tmp_path / f"{number}.png", rendered.image(number))
    (tmp_path / "2.png").write_bytes(b"no image")
    (tmp_path / "3.png").write_bytes(b"")
    frames = read_frames(tmp_path)
    assert [frame.index for frame in frames] == [0, 1, 4]
    assert "2.png" in frames.problem
    assert "2 such images" in frames.problem
    assert [frame.index for frame in read_frames(tmp_path, end=2)] == [0, 1]


def test_a_missing_image_of_a_sequence_shifts_no_other(tmp_path, rendered):
    folder = make_sequence(tmp_path / "street", rendered)
    (folder / "img1" / "000002.jpg").unlink()
    frames = read_frames(folder)
    assert frames.frame_count == 3
    assert [(frame.index, rendered.number(frame.image)) for frame in frames] == [(0, 0), (2, 2)]
    assert "000002.jpg: this image is missing; it was left out" in frames.problem


def test_numbers_past_the_sequences_length_are_no_frame_numbers(tmp_path, rendered):
    folder = make_sequence(tmp_path / "half", rendered)
    (folder / "img1" / "000001.jpg").rename(folder / "img1" / "000301.jpg")
    assert [frame.index for frame in read_frames(folder)] == [0, 1, 2]


def test_nothing_to_read(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "1.jpg").write_bytes(b"no image")
    for name, reason in (
        ("missing", "no such file or folder"),
        ("empty", "neither videos nor images"),
        ("broken.jpg", "not an image"),
        ("all", "not an image"),
    ):
        with pytest.raises(InputError, match=reason) as caught:
            read_frames(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "selection", [{"every": 0}, {"start": -1}, {"start": 5, "end": 5}, {"start": 1}, {"frame_rate": 0.0}]
)
def test_impossible_selections(tmp_path, rendered, selection):
    write(tmp_path / "one.png", rendered.image(7))
    with pytest.raises(InputError):
        read_frames(tmp_path / "one.png", **selection)


def test_shared_sequence(shared):
    frames = read_frames(shared("data", "mot", "TUD-Campus"))
    assert (frames.name, frames.size, frames.frame_rate, frames.frame_count) == ("TUD-Campus", (640, 480), 25, 71)
    assert [frame.index for frame in frames] == list(range(71))


def test_a_picture_whose_header_lies_is_left_out(tmp_path, rendered):
    """OpenCV raises where the size is beyond its limit, in place of finding no image."""
    write(tmp_path / "1.bmp", rendered.image(0))
    write(tmp_path / "2.png", rendered.image(1))
    data = bytearray((tmp_path / "1.bmp").read_bytes())
    data[18:26] = (2**30).to_bytes(4, "little") * 2
    (tmp_path / "1.bmp").write_bytes(data)
    with pytest.raises(cv2.error):
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    frames = read_frames(tmp_path)
    assert [frame.index for frame in frames] == [1]
    assert "1.bmp: not an image that can be read" in frames.problem


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX's")
def test_a_pipe_among_pictures_is_no_picture(tmp_path, rendered):
    write(tmp_path / "1.png", rendered.image(0))
    os.mkfifo(tmp_path / "2.png")
    assert read_frames(tmp_path).frame_count == 1
    with pytest.raises(InputError, match="neither a file nor a folder"):
        read_frames(tmp_path / "2.png")


def test_millions_of_frames_that_are_not_there_cost_nothing(tmp_path, rendered):
    folder = make_sequence(tmp_path / "seq", rendered, "[Sequence]\nseqLength=9000000\nframeRate=25\n")
    write(folder / "img1" / "8999999.jpg", rendered.image(3))
    frames = read_frames(folder)
    assert [frame.index for frame in frames] == [0, 1, 2, 8_999_998]
    assert frames.frame_count == 8_999_999
    assert "000004.jpg: this image is missing (8999995 such images)" in frames.problem


@pytest.mark.parametrize("rate", ["inf", "1e300", "1e-300", "nan"])
def test_frame_rates_that_no_camera_has(tmp_path, rendered, rate):
    folder = make_sequence(tmp_path / "seq", rendered, f"[Sequence]\nseqLength=3\nframeRate={rate}\n")
    with pytest.raises(InputError, match="frameRate"):
        read_frames(folder)
