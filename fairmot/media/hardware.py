"""Devices that FFmpeg decodes and encodes video with, chosen by name.

The names are FFmpeg's: ``cuda`` (NVDEC, NVENC), ``qsv``, ``vaapi``, ``videotoolbox``, ``d3d11va``, ``amf`` ... Which of
them there are depends on the FFmpeg that PyAV was built with; whether one opens, on the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

from fairmot.errors import InputError

SOFTWARE, AUTO = "software", "auto"

# FFmpeg lists devices by codec; one of these is decoded by each device.
_CODECS = ("h264", "hevc", "vp9", "mpeg2video", "mjpeg")


@dataclass(frozen=True, slots=True)
class Decoding:
    """What decodes a video."""

    device: str = SOFTWARE
    """A device, or ``software``."""
    fallback: str | None = None
    """Why it is software although a device was named, in one line."""

    def open(self, address: str, **named: Any) -> Any:
        """Return ``av.open`` of a file, stream or camera.

        Frames of a device come to main memory; software decodes what the device does not take.
        """
        accelerator = None if self.device == SOFTWARE else HWAccel(self.device)
        return av.open(address, hwaccel=accelerator, **named)

    def configure(self, stream: Any) -> None:
        """Set the threads of a stream that is about to be decoded, where a device decodes."""
        if self.device != SOFTWARE:
            # Each thread would hold frames of the device, which has few; the device is no faster for them.
            stream.codec_context.thread_count = 1

    def proven(self, stream: Any) -> Decoding:
        """Return what did decode the frames of a stream so far: a device does not take every video."""
        if self.device == SOFTWARE:
            return self
        context = stream.codec_context
        # FFmpeg sets the format of the device's own frames, such as "cuda", where the device takes the video.
        formats = [each.format.name for each in _configs(context.codec, self.device) if each.format is not None]
        if context.is_hwaccel and context.pix_fmt in formats:
            return self
        cause = f"it does not take this video ({context.codec.name}, {context.pix_fmt})"
        return Decoding(fallback=_fallback("decoder", self.device, cause))


def decoding_devices() -> list[str]:
    """Return the devices that the FFmpeg in use can decode with, whether or not this machine has them."""
    return [name for name in hwdevices_available() if _codec(name) is not None]


def choose_decoding(name: str) -> Decoding:
    """Choose what decodes videos; a device is opened for a trial.

    Args:
        name: a device; ``software``; or ``auto``: the first device that opens, else software.

    Raises:
        InputError: the FFmpeg in use decodes with no device of this name.
    """
    return Decoding(*chosen("decoder", name, decoding_devices(), _decoder_problem))


def chosen(
    what: str, name: str, devices: Sequence[str], problem: Callable[[str], str | None]
) -> tuple[str, str | None]:
    """Choose a device by name.

    Args:
        what: ``decoder`` or ``encoder``.
        name: a device, ``software`` or ``auto``.
        devices: all that the FFmpeg in use knows for this.
        problem: tries a device, and returns why it does not work, or None.

    Returns:
        The device or ``software``; and where a device was named that does not work, a line that says so.

    Raises:
        InputError: there is no such device.
    """
    check_name(what, name, devices)
    if name == AUTO:
        return next((device for device in devices if problem(device) is None), SOFTWARE), None
    if name == SOFTWARE or (cause := problem(name)) is None:
        return name, None
    return SOFTWARE, _fallback(what, name, f"it cannot be opened ({cause})")


def check_name(what: str, name: str, devices: Sequence[str]) -> None:
    """Check the name of a device.

    Raises:
        InputError: it is none of these devices, nor ``software`` or ``auto``.
    """
    if name not in (SOFTWARE, AUTO, *devices):
        raise InputError(
            f"video {what} {name}: expected {', '.join((SOFTWARE, AUTO, *devices))}; "
            f"the FFmpeg of PyAV {av.__version__} knows no others",
            argument=f"video_{what}",
        )


def failure(error: Exception) -> str:
    """Return what FFmpeg says of a failure, in a few words."""
    return getattr(error, "strerror", None) or " ".join(str(error).split())[:200]


def _fallback(what: str, device: str, cause: str) -> str:
    return f"video {what} {device}: {cause}; software is used instead"


def _decoder_problem(device: str) -> str | None:
    try:
        HWAccel(device).create(_codec(device))
    except (av.FFmpegError, NotImplementedError) as error:
        return failure(error)
    return None


def _codec(device: str) -> Any:
    """Return a codec that a device decodes; None: PyAV has none, since it chooses the decoder by the codec alone."""
    codecs = (av.Codec(name, "r") for name in _CODECS)
    return next((codec for codec in codecs if _configs(codec, device)), None)


def _configs(codec: Any, device: str) -> list[Any]:
    found = codec.hardware_configs or ()
    return [config for config in found if config.is_supported and config.device_type.name == device]
