"""The protocol that every source of frames follows."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from fairmot.media.hardware import Decoding
from fairmot.media.sources.frame import Frame
from fairmot.media.sources.sound import Sound


class StoredSource:
    """What all sources that are not live have in common."""

    is_live = False
    dropped_count = 0
    reconnect_count = 0
    busy_seconds = 0.0
    sound: Sound | None = None
    """Its sound track; None: it has none."""
    decoding: Decoding | None = None
    """What decodes its video; None: it has images."""

    def close(self) -> None:
        """Do nothing: each pass opens and closes its files."""


class Source(Protocol):
    """Where frames come from. Creating a source opens and checks it; ``frames`` may be called again."""

    name: str
    """Name of this source's results: a file's stem or a folder's name."""
    size: tuple[int, int]
    """Width and height of every frame, pixels."""
    frame_rate: float
    """Frames a second (mean rate where it varies)."""
    frame_count: int | None
    """Frames that the source announces; None where it does not know."""
    problem: str | None
    """What could not be read in the last pass, in one line."""
    is_live: bool
    """Whether it is a camera, stream or pipe, which sets the pace and has its own thread for receiving."""
    reconnect_count: int
    """How often a live source was lost and reconnected in the last pass."""
    busy_seconds: float
    """Time that a live source spent on decoding in the last pass."""

    @property
    def decoding(self) -> Decoding | None:
        """What decodes its video; None: it has images."""
        ...

    @property
    def dropped_count(self) -> int:
        """Frames that a live source dropped in the last pass."""
        ...

    def close(self) -> None:
        """Close what is open and not in use."""
        ...

    def frames(self, selected: range) -> Generator[Frame]:
        """Yield the frames whose index is in ``selected``; ``problem`` reports what cannot be read."""
        ...
