"""What tracking one source gave: its files, counts and times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Milliseconds per frame.

    The first four follow each other and add up to the time of a frame. ``decode``, ``prepare`` and ``draw_and_encode``
    run in background threads meanwhile: they cost time only where one of the two waits shows it. Where several images
    are detected at the same time, ``detect`` is the time spent waiting for the next one.
    """

    wait_for_frame: float = 0.0
    detect: float = 0.0
    track: float = 0.0
    wait_for_writer: float = 0.0
    decode: float = 0.0
    draw_and_encode: float = 0.0
    prepare: float = 0.0

    @property
    def limit(self) -> str:
        """The longest stage, for which the others wait: ``decode``, ``detect``, ``track`` or ``draw_and_encode``.

        ``decode`` includes preparing, since one thread does both.
        """
        times = {
            "decode": self.decode + self.prepare,
            "detect": self.detect,
            "track": self.track,
            "draw_and_encode": self.draw_and_encode,
        }
        return max(times, key=times.__getitem__)


@dataclass(frozen=True, slots=True)
class TrackRun:
    """The results of one source."""

    name: str
    """Name of the source and stem of its files."""
    text: Path
    """Result rows, MOTChallenge format."""
    video: Path | None
    """The drawn video; None where none was requested or there was no frame."""
    frame_count: int
    """Frames tracked."""
    row_count: int
    """Boxes written."""
    identity_count: int
    """Different identities among them."""
    seconds: float
    """Time it took, without opening the source and loading the detector."""
    milliseconds: StageTimes
    """Where the time went."""
    problem: str | None = None
    """What could not be read, in one line; the results cover the rest."""
    interrupted: bool = False
    """Ctrl-C, or a ``Stop`` without a reason, ended it early: the files are whole up to there, and later sources were
    not tracked."""
    detections: Path | None = None
    """File of the saved detections, where it was requested."""
    record: Path | None = None
    """File of the tracker's record, where it was requested."""
    dropped_count: int = 0
    """Frames of a stream or camera that were left out, because they came faster than they were tracked."""
    reconnect_count: int = 0
    """How often a lost stream came back."""
    counts: dict[str, Any] | None = None
    """What lines and zones counted, as in ``<name>.counts.json``; None where nothing was counted."""
    silence: str | None = None
    """Why the video lacks the sound of the source; None: it has it, or none was to be had."""

    video_decoder: str | None = None
    """What decoded the source, ``software`` or a device; None: it was no video."""
    video_encoder: str | None = None
    """What encoded the drawn video, ``software`` or a device; None: there is none."""
    fallbacks: tuple[str, ...] = ()
    """A line for each device that was named, and for which software stood in."""

    @property
    def frames_per_second(self) -> float:
        """Frames tracked per second."""
        return self.frame_count / self.seconds if self.seconds > 0 else 0.0
