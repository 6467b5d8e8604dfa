"""The sound of a source: where it is, for the video that is drawn of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound track of a video file."""

    address: str
    """The file as FFmpeg opens it."""
    video_start: float
    """Time stamp of the first frame, seconds, on the clock of the file."""
