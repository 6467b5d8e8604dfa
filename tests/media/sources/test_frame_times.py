"""Times of frames rise at the source's pace, whatever the container says of them."""

import shutil
import subprocess

import av
import numpy as np
import pytest

from fairmot.media.sources.frame_times import FrameTimes
from fairmot.media.sources.frames import read_frames

RATE = 25
COUNT = 30

# Name, codec, pixel format, options; every one that can has B-frames.
B_FRAMES = {"bf": "2", "g": "12"}
FILES = [
    ("a.mp4", "libx264", "yuv420p", B_FRAMES),
    ("a.mov", "libx264", "yuv420p", B_FRAMES),
    ("a.mkv", "libx264", "yuv420p", B_FRAMES),
    ("a.avi", "libx264", "yuv420p", B_FRAMES),
    ("a.ts", "libx264", "yuv420p", B_FRAMES),
    ("a.flv", "libx264", "yuv420p", B_FRAMES),
    ("a.h264", "libx264", "yuv420p", B_FRAMES),
    ("b.mp4", "libx265", "yuv420p", {"x265-params": "bframes=2:log-level=none"}),
    ("b.mkv", "libx265", "yuv420p", {"x265-params": "bframes=2:log-level=none"}),
    ("c.avi", "mpeg4", "yuv420p", B_FRAMES),
    ("c.mp4", "mpeg4", "yuv420p", B_FRAMES),
    ("d.mpg", "mpeg2video", "yuv420p", B_FRAMES),
    ("d.ts", "mpeg2video", "yuv420p", B_FRAMES),
    ("d.avi", "mpeg2video", "yuv420p", B_FRAMES),
    ("e.webm", "libvpx", "yuv420p", {"deadline": "realtime"}),
    ("e.mkv", "libvpx-vp9", "yuv420p", {"deadline": "realtime"}),
    ("f.avi", "mjpeg", "yuvj420p", {}),
    ("f.mov", "mjpeg", "yuvj420p", {}),
    ("g.mkv", "ffv1", "yuv420p", {}),
    ("g.avi", "ffv1", "yuv420p", {}),
    ("h.mov", "prores_ks", "yuv422p10le", {}),
    ("i.wmv", "wmv2", "yuv420p", {}),
]


def encode(path, rendered, codec, pixels, options, count=COUNT, first=0, start=0.0):
    """Encode numbered frames; ``start`` is the time of the first one, seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 120, pixels
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(rendered.image(first + index), format="bgr24").reformat(format=pixels)
            frame.pts = index + round(start * RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(path, rendered):
    """Numbers in the frames, their times, and the source's problem."""
    reader = read_frames(path)
    frames = list(reader)
    return [rendered.number(frame.image) for frame in frames], [frame.seconds for frame in frames], reader.problem


@pytest.mark.parametrize(("name", "codec", "pixels", "options"), FILES)
def test_frames_order_and_times_of_containers_and_codecs(tmp_path, rendered, name, codec, pixels, options):
    path = encode(tmp_path / name, rendered, codec, pixels, options)
    numbers, seconds, problem = read(path, rendered)
    assert problem is None
    assert numbers == list(range(COUNT))
    np.testing.assert_allclose(seconds, np.arange(COUNT) / RATE, atol=1.1e-3)
    assert read_frames(path).frame_rate == pytest.approx(RATE, rel=1e-3)
    with pytest.raises(AssertionError):  # the twin: two frames exchanged
        np.testing.assert_allclose([seconds[1], seconds[0], *seconds[2:]], np.arange(COUNT) / RATE, atol=1.1e-3)


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe here")
@pytest.mark.parametrize(("name", "codec", "pixels", "options"), [each for each in FILES if ".avi" not in each[0]])
def test_times_are_those_of_ffprobe(tmp_path, rendered, name, codec, pixels, options):
    path = encode(tmp_path / name, rendered, codec, pixels, options)
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time"]
    done = subprocess.run([*command, "-of", "csv=p=0", path], capture_output=True, text=True, check=True)
    stamps = [line.strip(",") for line in done.stdout.splitlines() if line.strip(",")]
    if "N/A" not in stamps:
        expected = np.array(stamps, dtype=float)
        np.testing.assert_allclose(read(path, rendered)[1], expected - expected[0], atol=1.1e-3)


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_joined_segments_of_a_transport_stream_follow_each_other(tmp_path, rendered, codec):
    segments = [
        encode(tmp_path / f"{n}.ts", rendered, codec, "yuv420p", B_FRAMES, count=15, first=15 * n) for n in range(3)
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(segment.read_bytes() for segment in segments))
    numbers, seconds, problem = read(joined, rendered)
    assert numbers == list(range(45))
    np.testing.assert_allclose(seconds, np.arange(45) / RATE, atol=1e-3)
    assert problem is None
    # The number of frames that the last segment states must not end a selection.
    assert [frame.index for frame in read_frames(joined, start=40)] == list(range(40, 45))


def test_a_matroska_file_that_begins_later_is_whole(tmp_path, rendered):
    plain = encode(tmp_path / "a.mkv", rendered, "libx264", "yuv420p", B_FRAMES)
    late = encode(tmp_path / "b.mkv", rendered, "libx264", "yuv420p", B_FRAMES, start=3.0)
    numbers, seconds, problem = read(late, rendered)
    assert (numbers, problem) == (list(range(COUNT)), None)
    np.testing.assert_allclose(seconds, read(plain, rendered)[1], atol=1e-9)
    cut = rendered.cut(encode(tmp_path / "c.mkv", rendered, "libx264", "yuv420p", B_FRAMES, 100, start=3.0), 0.5)
    assert "cut off" in read(cut, rendered)[2]  # the twin


def times(stamps, **how):
    clock = FrameTimes(10, **how)
    return [round(clock.next(*pair), 6) for pair in stamps]


def test_a_single_wrong_stamp_does_not_shift_the_rest():
    stamps = [5.0, 5.1, 5.2, 4.0, 5.4, 5.5, 5.6]
    found = times([(stamp, None) for stamp in stamps])
    assert found[-3:] == [0.4, 0.5, 0.6]
    assert np.all(np.diff(found) > 0)


def test_a_pause_in_a_file_stays_and_in_a_stream_it_is_a_join():
    stamps = [(0.0, None), (0.1, None), (60.0, None), (60.1, None)]
    assert times(stamps) == [0, 0.1, 60, 60.1]
    assert times(stamps, is_stream=True) == [0, 0.1, 0.2, 0.3]


def test_frames_without_a_stamp_follow_at_the_rate():
    assert times([(None, None)] * 3) == [0, 0.1, 0.2]
    assert times([(1.0, None), (None, None), (1.25, None)]) == [0, 0.1, 0.25]


def test_stamps_of_decoding_serve_where_those_of_presentation_go_back():
    dts = np.arange(30) / 10
    pts = dts.copy()
    pts[2:] = dts[2:].reshape(-1, 2)[:, ::-1].ravel()
    found = times(list(zip(pts, dts, strict=True)))
    assert np.all(np.diff(found) > 0)
    assert found[-1] == pytest.approx(2.9, abs=0.3)
    np.testing.assert_allclose(times(list(zip(pts, dts, strict=True)), by_decoding=True), dts)
