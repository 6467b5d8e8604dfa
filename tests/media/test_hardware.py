"""Devices that decode and encode give what software gives; for those that do not open, software stands in and says so.

A machine without any of them runs the second half of each test, a machine with one the first.
"""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.codec.hwaccel import hwdevices_available

from fairmot.errors import InputError
from fairmot.media.hardware import SOFTWARE, Decoding, choose_decoding, decoding_devices
from fairmot.media.outputs.encoders import X264, Encoder, check_encoder, choose_encoder, encoders
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.video import VideoWriter
from fairmot.media.sources.frames import read_frames
from fairmot.media.sources.live import LiveSource
from fairmot.media.sources.locations import Location
from fairmot.media.sources.pixels import DecodedFrame, planar, upright
from fairmot.media.sources.video import VideoSource

pytestmark = pytest.mark.usefixtures("no_new_threads")

STRANGERS = [name for name in hwdevices_available() if name not in decoding_devices()]
"""Devices that FFmpeg knows and for which PyAV has no decoder."""


@pytest.fixture
def video(tmp_path, rendered):
    return rendered.encode(tmp_path / "a.mp4", 12)


def opens(device):
    return choose_decoding(device).fallback is None


def images(frames):
    shown = [frame.image if frame.decoded is None else frame.decoded.image() for frame in frames]
    return np.stack(shown).astype(int)


@pytest.mark.parametrize("what", ["decoder", "encoder"])
def test_a_name_that_ffmpeg_does_not_know_is_an_error_that_lists_the_others(what, video):
    known = {"decoder": decoding_devices(), "encoder": list(encoders())}[what]
    with pytest.raises(InputError, match=f"video {what} cdua: expected software, auto") as raised:
        read_frames(video, video_decoder="cdua") if what == "decoder" else Outputs(video_encoder="cdua")
    assert raised.value.argument == f"video_{what}"
    assert all(name in str(raised.value) for name in known)


def test_software_and_auto_say_nothing(video):
    for name in ("software", "auto"):
        frames = read_frames(video, video_decoder=name)
        assert frames.decoder_fallback is None
        assert frames.video_decoder in (["software"] if name == "software" else ["software", *decoding_devices()])
    assert choose_encoder("software", (64, 64), Fraction(25)) == (X264, None)
    assert choose_encoder("auto", (64, 64), Fraction(25))[1] is None
    assert read_frames(video).video_decoder == "software"


@pytest.mark.parametrize("device", decoding_devices())
@pytest.mark.parametrize("selection", [(None, None, 1), (3, 11, 2)])
def test_frames_of_a_device_or_of_software_with_the_reason(video, device, selection):
    expected = read_frames(video, *selection)
    frames = read_frames(video, *selection, video_decoder=device)
    found, reference = list(frames), list(expected)
    assert [(frame.index, frame.seconds) for frame in found] == [(frame.index, frame.seconds) for frame in reference]
    # H.264 leaves a decoder no choice.
    np.testing.assert_allclose(images(found), images(reference), atol=1)
    assert np.abs(images(found)[1:] - images(reference)[:-1]).max() > 1  # the twin: one frame off
    if opens(device):
        assert (frames.video_decoder, frames.decoder_fallback) == (device, None)
    else:
        line = frames.decoder_fallback
        assert frames.video_decoder == SOFTWARE
        assert line.startswith(f"video decoder {device}: it cannot be opened (")
        assert line.endswith("); software is used instead")
        assert "\n" not in line


@pytest.mark.parametrize("device", decoding_devices())
def test_a_device_decodes(video, device):
    if not opens(device):
        pytest.skip(choose_decoding(device).fallback)
    damaged = video.with_stem("damaged")
    data = bytearray(video.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    damaged.write_bytes(data)
    for path in (video, damaged):
        frames = read_frames(path, video_decoder=device)
        assert frames.video_decoder == device
        assert len(list(frames)) > 3
        assert frames.video_decoder == device


@pytest.mark.parametrize("device", decoding_devices())
def test_a_device_that_has_gone_since_its_trial_leaves_the_video_to_software(video, device):
    if opens(device):
        pytest.skip(f"{device} opens here")
    source = VideoSource(video, decoding=Decoding(device))
    assert source.decoding.device == SOFTWARE
    assert source.decoding.fallback.startswith(f"video decoder {device}: it does not take this video (h264, yuv420p)")
    np.testing.assert_array_equal(images(source.frames(range(12))), images(read_frames(video)))


@pytest.mark.skipif(not STRANGERS, reason="FFmpeg decodes with each device that it knows")
def test_a_video_that_a_device_does_not_take_is_decoded_in_software(video):
    decoding = Decoding(STRANGERS[0])
    stored = VideoSource(video, decoding=decoding)
    live = LiveSource(Location(f"file:{video}", "a", is_endless=False), decoding=decoding)
    for source in (stored, live):
        assert source.decoding.device == SOFTWARE
        assert f"video decoder {STRANGERS[0]}: it does not take this video (h264" in source.decoding.fallback
        np.testing.assert_array_equal(images(source.frames(range(12))), images(read_frames(video)))
        source.close()


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv422p"])
def test_the_layout_of_a_device_gives_the_same_pixels(tmp_path, rendered, pixels):
    """Devices give pairs of colours (nv12): the values of software in another order."""
    path = rendered.encode(tmp_path / "a.mkv", 1, codec="ffv1" if pixels != "yuvj420p" else "mjpeg", pixels=pixels)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    paired = frame.reformat(format={"yuv422p": "nv16"}.get(pixels, "nv12"))
    reformatter = av.video.reformatter.VideoReformatter()
    np.testing.assert_array_equal(upright(paired), upright(frame))
    scaled = [DecodedFrame(each, reformatter).scale((83, 57)).astype(int) for each in (paired, frame)]
    np.testing.assert_allclose(*scaled, atol=1)
    assert planar(frame) is frame
    # The twins: FFmpeg's own conversion of pairs, and another line of pixels.
    assert np.abs(paired.to_ndarray(format="bgr24").astype(int) - upright(frame)).max() > 0
    assert np.abs(scaled[0] - np.roll(scaled[1], 1, axis=1)).max() > 1


def test_a_turned_frame_of_a_device_is_turned(tmp_path, rendered):
    with av.open(str(rendered.encode(tmp_path / "a.mp4", 1, rotation=90))) as container:
        frame = next(container.decode(video=0))
    paired = frame.reformat(format="nv12")
    assert upright(frame).shape == (160, 120, 3)
    np.testing.assert_array_equal(upright(paired), upright(frame))
    shown = DecodedFrame(paired, av.video.reformatter.VideoReformatter())
    assert shown.scale is None
    assert shown.size == (120, 160)


@pytest.mark.parametrize("device", encoders())
def test_a_video_of_a_device_or_of_software_with_the_reason(tmp_path, rendered, device):
    with VideoWriter(tmp_path / "a.mp4", (161, 121), 25, encoder=device) as writer:
        for number in range(6):
            writer.write(rendered.image(number, 161, 121))
    frames = list(read_frames(tmp_path / "a.mp4"))
    assert [rendered.number(frame.image) for frame in frames] == list(range(6))
    np.testing.assert_allclose(frames[5].image[60, 20], (20, 30, 220), atol=16)
    assert writer.encoder == (device if writer.fallback is None else SOFTWARE)
    if writer.fallback is not None:
        assert writer.fallback.startswith(f"video encoder {device}: it cannot be opened (")
        assert writer.fallback.endswith("); software is used instead")


@pytest.mark.parametrize("device", encoders())
def test_a_device_encodes(tmp_path, rendered, device):
    encoder, fallback = choose_encoder(device, (640, 480), Fraction(25))
    if fallback is not None:
        pytest.skip(fallback)
    with VideoWriter(tmp_path / "a.mp4", (640, 480), 25, encoder=device) as writer:
        for number in range(25):
            writer.write(rendered.image(number, 640, 480))
    assert (encoder.device, writer.encoder) == (device, device)
    (tenth,) = read_frames(tmp_path / "a.mp4", 10, 11)
    assert np.abs(tenth.image.astype(int) - rendered.image(10, 640, 480)).mean() < 3


def test_encoders_take_what_they_can():
    found = {encoder.device: encoder.pixel_format for encoder in (X264, *encoders().values())}
    expected = {"cuda": "yuv420p", "qsv": "nv12", "amf": "yuv420p", "vaapi": "nv12", "videotoolbox": "yuv420p"}
    assert found == {"software": "yuv420p", **{device: expected[device] for device in encoders()}}
    check_encoder("software")
    # The trial of an encoder that opens says nothing; of one that does not, why.
    assert X264.problem((64, 64), Fraction(25)) is None
    assert Encoder("software", "libx264", {"preset": "absent"}).problem((64, 64), Fraction(25))


def test_an_encoder_without_a_video_is_refused():
    with pytest.raises(InputError, match="video encoder auto: no video is written"):
        Outputs(video=False, video_encoder="auto")
