import re
import struct
import wave

import av
import cv2
import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.media.sources.frames import read_frames
from fairmot.media.sources.video import VideoSource

pytestmark = pytest.mark.usefixtures("no_new_threads")


def numbers(rendered, frames):
    return [rendered.number(frame.image) for frame in frames]


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "width", "height"),
    [
        ("plain.mp4", "libx264", "yuv420p", 160, 120),
        ("old.avi", "mpeg4", "yuv420p", 160, 120),
        ("images.avi", "mjpeg", "yuvj420p", 160, 120),
        ("odd.mkv", "ffv1", "bgr0", 161, 121),
        ("web.webm", "libvpx-vp9", "yuv420p", 160, 120),
        ("ten bits é.mkv", "libx264", "yuv420p10le", 160, 120),
        ("colon:100%d.mp4", "libx264", "yuv420p", 160, 120),
    ],
)
def test_any_codec_gives_every_frame_in_order(tmp_path, rendered, name, codec, pixels, width, height):
    path = rendered.encode(tmp_path / name, 30, width, height, codec=codec, pixels=pixels)
    frames = read_frames(path)
    assert frames.size == (width, height)
    assert frames.name == path.stem
    assert frames.frame_rate == pytest.approx(25)
    assert frames.frame_count == 30
    read = list(frames)
    assert numbers(rendered, read) == [frame.index for frame in read] == list(range(30))
    np.testing.assert_allclose([frame.seconds for frame in read], np.arange(30) / 25, atol=1e-3)
    assert read[0].image.shape == (height, width, 3)
    assert read[0].image.dtype == np.uint8
    # Blue, green, red, in this order.
    np.testing.assert_allclose(read[0].image[60, 20], (20, 30, 220), atol=12)
    assert frames.problem is None
    assert read[3].decoded is None  # the decoder has its buffer back
    decoded = list(VideoSource(path).frames(range(30)))
    for frame in (decoded[3], decoded[20]):
        shrunk = cv2.resize(frame.decoded.image(), (83, 57), interpolation=cv2.INTER_AREA).astype(int)
        assert np.abs(frame.decoded.scale((83, 57)) - shrunk).mean() < 2
        assert np.abs(frame.decoded.scale((83, 57))[..., ::-1] - shrunk).mean() > 20  # the twin: red for blue
        assert np.abs(np.roll(frame.decoded.scale((83, 57)), 1, axis=1) - shrunk).mean() > 2  # one pixel further right


def test_a_reader_can_be_read_again(tmp_path, rendered):
    frames = read_frames(rendered.encode(tmp_path / "a.mp4", 10))
    assert numbers(rendered, frames) == numbers(rendered, frames) == list(range(10))


@pytest.mark.parametrize(
    ("start", "end", "every"), [(None, None, 3), (7, None, 1), (None, 12, 1), (5, 30, 4), (5, 6, 2), (0, 999, 1)]
)
def test_selection(tmp_path, rendered, start, end, every):
    frames = read_frames(rendered.encode(tmp_path / "a.mp4", 40), start, end, every)
    expected = list(range(40))[start:end:every]
    assert frames.frame_count == len(expected)
    read = list(frames)
    assert numbers(rendered, read) == [frame.index for frame in read] == expected
    np.testing.assert_allclose([frame.seconds for frame in read], np.array(expected) / 25, atol=1e-6)


def tkhd_matrix(path):
    """The 2 x 2 part of a video track's matrix, from the bytes (ISO 14496-12, 8.3.2).

    x' = a x + c y, y' = b x + d y.
    """
    data = path.read_bytes()
    box = data.index(b"tkhd")
    assert data[box + 4] == 0
    a, b, _, c, d = struct.unpack(">5i", data[box + 44 : box + 64])
    return np.array([[a, c], [b, d]]) / 65536


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_metadata_is_honoured(tmp_path, rendered, rotation):
    path = rendered.encode(tmp_path / "turned.mp4", 5, rotation=rotation)
    frames = read_frames(path)
    turned = rotation % 180 != 0
    assert frames.size == ((120, 160) if turned else (160, 120))
    first = next(VideoSource(path).frames(range(1)))
    assert (first.decoded.scale is None) == (rotation != 0)  # the decoder scales, but does not turn
    image = first.decoded.image()
    assert image.shape[1::-1] == frames.size
    # Where the red patch must be seen is computed from the matrix in the file, about the image's middle.
    x, y = tkhd_matrix(path) @ np.array([20 - 80, 60 - 60])
    column, row = round(x + frames.size[0] / 2), round(y + frames.size[1] / 2)
    np.testing.assert_allclose(image[row, column], (20, 30, 220), atol=12)
    opposite = image[frames.size[1] - 1 - row, frames.size[0] - 1 - column]
    np.testing.assert_allclose(opposite, (220, 40, 30), atol=12)


def with_matrix(path, a, b, c, d):
    """Write a 2 x 2 display matrix into the track of an MP4: x' = a x + c y, y' = b x + d y."""
    data = bytearray(path.read_bytes())
    box = data.index(b"tkhd")
    one = 65536
    data[box + 44 : box + 64] = struct.pack(">5i", a * one, b * one, 0, c * one, d * one)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "matrix",
    [
        pytest.param((-1, 0, 0, 1), id="mirrored"),
        pytest.param((1, 0, 0, -1), id="flipped"),
        pytest.param((-1, 0, 0, -1), id="turned by 180 degrees"),
        pytest.param((0, 1, 1, 0), id="transposed"),
        pytest.param((0, -1, -1, 0), id="transposed along the other diagonal"),
        pytest.param((0, 1, -1, 0), id="turned to the right"),
        pytest.param((0, -1, 1, 0), id="turned to the left"),
    ],
)
def test_display_matrices_show_what_a_player_shows(tmp_path, rendered, matrix):
    plain = rendered.encode(tmp_path / "plain.mp4", 3)
    (image, *_) = (frame.image for frame in read_frames(plain))
    shown = with_matrix(rendered.encode(tmp_path / "shown.mp4", 3), *matrix)
    found = next(iter(read_frames(shown))).image
    a, b, c, d = matrix
    # Each pixel moves as the matrix says, about the image's middle.
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].reshape(2, -1) - np.array([[(height - 1) / 2], [(width - 1) / 2]])
    new_x, new_y = a * x + c * y, b * x + d * y
    expected = np.zeros((width, height, 3) if a == 0 else image.shape, np.uint8)
    rows, columns = (np.round(new - new.min()).astype(int) for new in (new_y, new_x))
    expected[rows, columns] = image.reshape(-1, 3)
    np.testing.assert_array_equal(found, expected)
    assert read_frames(shown).size == expected.shape[1::-1]


def test_variable_frame_rate_keeps_the_times(tmp_path, rendered):
    milliseconds = [500, 540, 580, 900, 910, 920, 1500, 1540]
    path = rendered.encode(tmp_path / "vfr.mkv", len(milliseconds), milliseconds=milliseconds)
    frames = list(read_frames(path))
    assert numbers(rendered, frames) == list(range(8))
    np.testing.assert_allclose([f.seconds for f in frames], (np.array(milliseconds) - 500) / 1000, atol=1.1e-3)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4")])
def test_what_is_left_of_a_cut_video_is_delivered_and_the_rest_reported(tmp_path, rendered, name, codec):
    whole = rendered.encode(tmp_path / name, 100, codec=codec)
    frames = read_frames(rendered.cut(whole, 0.6))
    read = numbers(rendered, frames)
    # The last frames may lack a neighbour that they refer to.
    assert read[:-4] == list(range(len(read) - 4))
    assert read == sorted(read)
    assert 25 <= len(read) <= 75
    assert f"{len(read)} frames" in frames.problem
    assert "cut off" in frames.problem
    assert str(tmp_path) in frames.problem
    assert "\n" not in frames.problem
    # The whole file, and a selection that ends before the gap, have no problem.
    complete = read_frames(whole)
    assert len(list(complete)) == 100
    assert complete.problem is None
    early = read_frames(tmp_path / f"a_cut{whole.suffix}", end=10)
    assert len(list(early)) == 10
    assert early.problem is None


def test_damage_in_the_middle_is_reported_and_skipped(tmp_path, rendered):
    path = rendered.encode(tmp_path / "a.mkv", 60, codec="ffv1", pixels="yuv420p")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    with av.open(str(path)) as container:
        packet = next(packet for packet in container.demux() if packet.pos and packet.pos > middle)
    data[packet.pos + 6 : packet.pos + packet.size] = bytes(packet.size - 6)
    path.write_bytes(data)
    frames = read_frames(path)
    read = numbers(rendered, frames)
    assert read[-1] == 59
    assert len(read) >= 57
    if len(read) < 60:
        assert "damaged" in frames.problem


def test_missing_pieces_of_a_transport_stream_are_reported(tmp_path, rendered):
    path = rendered.encode(tmp_path / "a.ts", 60)
    data = path.read_bytes()
    reader = read_frames(path)
    assert len(list(reader)) == 60
    assert reader.problem is None
    packets = [data[begin : begin + 188] for begin in range(0, len(data), 188)]
    path.write_bytes(b"".join(packets[: len(packets) // 2] + packets[len(packets) // 2 + 3 :]))
    reader = read_frames(path)
    count = len(list(reader))
    assert 50 < count <= 60
    assert re.search(rf"a\.ts: \d damaged packets? \(pieces are missing\); {count} frames were read", reader.problem)
    # A selection reports the damage inside it, not damage behind it.
    for end, reported in ((10, False), (count - 2, True)):
        reader = read_frames(path, end=end)
        assert len(list(reader)) == end
        assert (reader.problem is not None) == reported


def test_a_longer_sound_track_is_no_cut(tmp_path, rendered):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        sound = container.add_stream("aac", rate=16000, layout="mono")
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(rendered.image(index), format="bgr24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for index in range(48):
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            samples.sample_rate, samples.pts = 16000, index * 1024
            container.mux(sound.encode(samples))
        container.mux(sound.encode(None))
    frames = read_frames(path)
    assert len(list(frames)) == 25
    assert frames.problem is None


def test_what_is_no_video_is_an_input_error_of_one_line(tmp_path, rendered):
    (tmp_path / "zero.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("not a video\n" * 50)
    # FFmpeg would render these as a terminal's screen.
    (tmp_path / "notes.txt").write_text("not a video\n" * 50)
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    head = rendered.encode(tmp_path / "a.mp4", 40)
    (tmp_path / "head.mp4").write_bytes(head.read_bytes()[:400])
    for name in ("zero.mp4", "text.mp4", "notes.txt", "sound.wav", "head.mp4", "missing.mp4"):
        with pytest.raises(InputError) as caught:
            read_frames(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "count", "size", "rate"),
    [
        ("people_rony.mp4", 409, (640, 480), 30),
        ("one-by-one-person-detection.mp4", 1394, (768, 432), 10),
    ],
)
def test_shared_clips(shared, name, count, size, rate):
    frames = read_frames(shared("data", "videos", name), every=50)
    assert (frames.size, round(frames.frame_rate), frames.frame_count) == (size, rate, len(range(0, count, 50)))
    read = list(frames)
    assert [frame.index for frame in read] == list(range(0, count, 50))
    np.testing.assert_allclose([f.seconds for f in read], [f.index / frames.frame_rate for f in read], atol=0.05)
    assert frames.problem is None


def test_a_shared_clip_cut_in_the_middle(shared, tmp_path):
    data = shared("data", "videos", "people_rony.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    frames = read_frames(tmp_path / "cut.mp4", every=20)
    assert len(list(frames)) == pytest.approx(209 / 20, abs=1)
    assert "cut off" in frames.problem


@pytest.mark.parametrize("most", [160 * 120, 8192 * 4608])
def test_a_video_that_grows_in_the_middle_takes_no_more_memory_than_it_may(rendered, tmp_path, monkeypatch, most):
    """Beyond the limit, and beyond four times the first frame, its frames are damage; the twin may grow as far."""
    parts = [rendered.encode(tmp_path / f"{width}.ts", 10, width, height) for width, height in ((160, 120), (640, 480))]
    path = tmp_path / "grows.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    monkeypatch.setattr("fairmot.media.sources.video._MOST_PIXELS", most)
    reader = read_frames(path)
    read = [rendered.number(frame.image) for frame in reader][:10]
    # The decoder may lose the last frames before the growth, which it holds back.
    assert read == list(range(len(read)))
    assert len(read) == 10 or (most < 640 * 480 and len(read) > 3)
    assert ("changes from 160 x 120 to 640 x 480" in reader.problem) is (most > 640 * 480)
    if most < 640 * 480:
        assert re.search(r"grows\.ts: (\d+ damaged packets|reading stopped|the video is cut off)", reader.problem)


def test_a_change_of_size_in_the_middle_is_fitted_and_reported(rendered, tmp_path):
    parts = [
        rendered.encode(tmp_path / f"{width}.ts", 10, width, height).read_bytes()
        for width, height in ((160, 120), (320, 160), (160, 120))
    ]
    path = tmp_path / "changes.ts"
    path.write_bytes(b"".join(parts))
    reader = read_frames(path)
    frames = list(reader)
    assert {frame.image.shape for frame in frames} == {(120, 160, 3)}
    assert "changes from 160 x 120 to 320 x 160 pixels at frame " in reader.problem
    assert reader.problem.endswith("; frames of other sizes were fitted into the first size")
    wide = next(frame for frame in frames if frame.image[:15].max() < 30)
    # 320 x 160 becomes 160 x 80 between black bars, its red patch 20 px wide at the left.
    assert wide.image[110:].max() < 30
    blue, green, red = wide.image[45:55, 4:14].mean(axis=(0, 1))
    assert red > 150 > 100 > max(blue, green)
    assert rendered.number(frames[-1].image) == 9
