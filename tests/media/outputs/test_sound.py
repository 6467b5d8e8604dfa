"""The drawn video keeps the sound of its source: heard at the right time, copied where an MP4 can hold it."""

from fractions import Fraction

import av
import numpy as np
import pytest
import walkers

from fairmot.media.outputs.outputs import Outputs
from fairmot.workflows.track.track import track

RATE, SAMPLES = 25, 48000
BEEP = 0.5
"""Each second begins with silence; from here on it beeps."""


def film(path, codec="aac", seconds=3, video_start=0.0, image_count=None):
    """A video of the walkers whose sound is silent in the first half of each second and beeps in the second one."""
    moment = np.arange(seconds * SAMPLES) / SAMPLES
    wave = np.where(moment % 1 >= BEEP, 0.5 * np.sin(2 * np.pi * 440 * moment), 0)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=RATE)
        picture.width, picture.height, picture.pix_fmt = *walkers.SIZE, "yuv420p"
        sound = container.add_stream(codec, rate=SAMPLES, layout="mono")
        packets = []
        for index in range(image_count or seconds * RATE):
            frame = av.VideoFrame.from_ndarray(walkers.street(index % 60), format="bgr24")
            frame.pts = index + round(video_start * RATE)
            packets += picture.encode(frame)
        packets += picture.encode(None)
        frame = av.AudioFrame.from_ndarray((wave[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLES, 0, Fraction(1, SAMPLES)
        packets += [*sound.encode(frame), *sound.encode(None)]
        for packet in sorted(packets, key=lambda each: each.dts * each.time_base):
            container.mux(packet)
    return path


def heard(path):
    """Name of the codec, and loudness of each tenth of a second [n]; None where there is no sound."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None, None
        stream = container.streams.audio[0]
        wave = np.zeros(10 * SAMPLES)
        for frame in container.decode(stream):
            values = frame.to_ndarray().astype(float).reshape(-1)
            begin = round(frame.time * SAMPLES)
            if begin >= 0:
                wave[begin : begin + len(values)] = values
                end = begin + len(values)
    tenths = wave[: end // (SAMPLES // 10) * (SAMPLES // 10)].reshape(-1, SAMPLES // 10).std(axis=1)
    return stream.codec_context.name, tenths / tenths.max()


def drawn(path, **how):
    (run,) = track(path, walkers.find_bright, output=path.parent / "out", overwrite=True, **how)
    assert run.problem is None
    return run


def assert_beeps(tenths, first=0.0):
    """Away from the edges of the beeps, it beeps when it should."""
    middles = np.arange(len(tenths)) / 10 + 0.05 + first
    sure = np.abs(middles % 0.5 - 0.25) < 0.2
    np.testing.assert_array_equal((tenths > 0.5)[sure], (middles % 1 >= BEEP)[sure])


@pytest.mark.parametrize(
    ("name", "codec", "expected"),
    [
        ("a.mp4", "aac", "aac"),
        ("a.mkv", "ac3", "ac3"),
        ("a.ts", "mp2", "aac"),
        ("b.ts", "aac", "aac"),
        ("a.mkv", "flac", "flac"),
        ("a.mov", "pcm_s16le", "aac"),
    ],
)
def test_the_sound_is_kept(tmp_path, name, codec, expected):
    run = drawn(film(tmp_path / name, codec))
    found, tenths = heard(run.video)
    assert found == expected
    assert len(tenths) == pytest.approx(30, abs=1)
    assert_beeps(tenths)
    assert run.silence is None
    with pytest.raises(AssertionError):  # the twin: half a second late
        assert_beeps(tenths, first=0.5)


def test_copied_sound_is_the_same_to_the_byte(tmp_path):
    source = film(tmp_path / "a.mp4")

    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    copied = packets(drawn(source).video)
    assert len(copied) > 100
    # The first one lies before the video: the encoder's priming.
    assert copied == packets(source)[1 : 1 + len(copied)]


def test_a_part_of_the_video_has_its_part_of_the_sound(tmp_path):
    run = drawn(film(tmp_path / "a.mp4"), start=20, end=60)
    _, tenths = heard(run.video)
    assert len(tenths) == pytest.approx(16, abs=1)
    assert_beeps(tenths, first=20 / RATE)


def test_a_video_that_begins_after_its_sound(tmp_path):
    run = drawn(film(tmp_path / "a.mkv", video_start=0.8, image_count=40))
    assert_beeps(heard(run.video)[1], first=0.8)


@pytest.mark.parametrize(
    ("how", "silence"),
    [
        ({"outputs": Outputs(audio=False)}, None),
        ({"every": 2}, "frames are left out"),
        ({"outputs": Outputs(blur=True)}, "voices would tell who is blurred"),
    ],
)
def test_no_sound_and_why(tmp_path, how, silence):
    run = drawn(film(tmp_path / "a.mp4", seconds=1), **how)
    assert heard(run.video) == (None, None)
    assert run.silence == silence
