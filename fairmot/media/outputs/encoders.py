"""The encoders of H.264: x264, and those of the devices that FFmpeg knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from av.codec.hwaccel import HWAccel

from fairmot.media.hardware import SOFTWARE, check_name, chosen, failure

_PLANES = "yuv420p"
_BT709, _BT601, _LIMITED_RANGE = 1, 6, 1
TICKS_PER_FRAME = 100
"""A time stamp may lie between two ticks of the frame rate: variable rates are kept to a hundredth of a frame."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder of H.264."""

    device: str
    """``software`` or the device, by FFmpeg's name."""
    name: str
    """FFmpeg's name of the encoder."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Its settings, all for about the quality of x264's 23."""
    uploads: bool = False
    """Whether it takes frames of the device only: PyAV uploads them."""

    @property
    def pixel_format(self) -> str:
        """Format of the frames that it takes from main memory: yuv420p or nv12, the same values in another order."""
        formats = av.Codec(self.name, "w").video_formats or ()
        takes_planes = not self.uploads and _PLANES in [each.name for each in formats]
        return _PLANES if takes_planes else "nv12"

    def add_stream(self, container: Any, size: tuple[int, int], frame_rate: Fraction) -> Any:
        """Add a stream of images to a container.

        Args:
            container: it.
            size: width and height, even.
            frame_rate: frames/s; time stamps count hundredths of a frame.
        """
        accelerator = {"hwaccel": HWAccel(self.device)} if self.uploads else {}
        stream = container.add_stream(self.name, rate=frame_rate, options=dict(self.options), **accelerator)
        self._configure(stream.codec_context, size, frame_rate)
        return stream

    def problem(self, size: tuple[int, int], frame_rate: Fraction) -> str | None:
        """Open the encoder for a trial; return why it does not open, or None."""
        try:
            accelerator = HWAccel(self.device) if self.uploads else None
            context = av.CodecContext.create(self.name, "w", accelerator)
            context.options = dict(self.options)
            context.framerate = frame_rate
            self._configure(context, size, frame_rate)
            context.open()
        except (av.FFmpegError, NotImplementedError, ValueError) as error:
            return failure(error)
        return None

    def _configure(self, context: Any, size: tuple[int, int], frame_rate: Fraction) -> None:
        context.width, context.height = size
        context.pix_fmt = self.pixel_format
        context.time_base = 1 / (frame_rate * TICKS_PER_FRAME)
        # Pixels are converted with the BT.601 matrix at every size; players guess BT.709 for large images.
        context.color_primaries = context.color_trc = _BT709
        context.colorspace, context.color_range = _BT601, _LIMITED_RANGE


# 23 is x264's own quality; "veryfast" costs a third of the time of its default at about the same size. Coarser motion
# vectors save another fifth to a quarter of it for 3.5 % more bytes and 0.08 dB (rendered streets, 480p and 1080p).
X264 = Encoder(SOFTWARE, "libx264", {"preset": "veryfast", "crf": "23", "x264-params": "subme=1"})

# Constant quality, in each encoder's own words; those that have none of it get a rate.
_OF_DEVICES = (
    Encoder("cuda", "h264_nvenc", {"preset": "p4", "rc": "vbr", "cq": "23", "b": "0"}),
    Encoder("qsv", "h264_qsv", {"preset": "veryfast", "global_quality": "23"}),
    Encoder("amf", "h264_amf", {"rc": "cqp", "qp_i": "23", "qp_p": "23"}),
    Encoder("videotoolbox", "h264_videotoolbox", {"b": "8000000"}),
    Encoder("vaapi", "h264_vaapi", {"rc_mode": "CQP", "qp": "23"}, uploads=True),
)


def encoders() -> dict[str, Encoder]:
    """Return the encoders of devices that the FFmpeg in use knows, by device, whether or not this machine has them."""
    return {each.device: each for each in _OF_DEVICES if each.name in av.codecs_available}


def check_encoder(name: str) -> None:
    """Check the name of a device that encodes.

    Raises:
        InputError: it is neither ``software`` nor ``auto``, and the FFmpeg in use encodes with no such device.
    """
    check_name("encoder", name, list(encoders()))


def choose_encoder(name: str, size: tuple[int, int], frame_rate: Fraction) -> tuple[Encoder, str | None]:
    """Choose the encoder of a video; a device's is opened for a trial.

    Args:
        name: a device; ``software``; or ``auto``: the first device whose encoder opens, else software.
        size: width and height of the video, even.
        frame_rate: frames/s.

    Returns:
        The encoder; and where a device was named whose encoder does not open, a line that says so.

    Raises:
        InputError: the FFmpeg in use encodes with no device of this name.
    """
    known = encoders()
    device, fallback = chosen("encoder", name, list(known), lambda each: known[each].problem(size, frame_rate))
    return known.get(device, X264), fallback
