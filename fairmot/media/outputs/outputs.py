"""What is written of a tracked source beside its result rows, and what is drawn beside the tracks."""

from __future__ import annotations

from dataclasses import dataclass

from fairmot.errors import InputError
from fairmot.media.outputs.places import Line, Zone


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs that are requested for each source; ``table`` lists the files and who writes them.

    Raises:
        InputError: crops and blur at once, since crops would show the people whom blur hides.
    """

    video: bool = True
    """``<name>.mp4`` with the tracks drawn."""
    images: bool = False
    """Each drawn frame, ``<name>/<frame number>.jpg``."""
    jsonl: bool = False
    """``<name>.jsonl``, one object a frame."""
    csv: bool = False
    """``<name>.csv`` with a header."""
    crops: bool = False
    """``<name>-crops/<identity>/<frame number>.jpg``, two images a second of each identity."""
    heatmap: bool = False
    """Where people stood, in the video and as ``<name>.heatmap.jpg``."""
    blur: bool = False
    """Make people unrecognisable in everything that is drawn."""
    lines: tuple[Line, ...] = ()
    """Crossings are counted, drawn and written: ``<name>.lines.csv``, ``<name>.counts.json``."""
    zones: tuple[Zone, ...] = ()
    """People inside are counted, drawn and written: ``<name>.zones.csv``, ``<name>.counts.json``."""
    show: bool = False
    """Show the drawn frames in a window; closing it ends the run as Ctrl-C does."""

    def __post_init__(self) -> None:
        if self.crops and self.blur:
            raise InputError("crops show the people whom blur hides: leave one of them out")

    @property
    def rows(self) -> bool:
        """Result rows are always written."""
        return True

    @property
    def counts(self) -> bool:
        """There is something to count."""
        return bool(self.lines or self.zones)

    @property
    def draws(self) -> bool:
        """Frames are drawn for at least one output."""
        return self.video or self.images or self.heatmap or self.show
