"""The table of outputs: a new one is a file with its writer, a field of ``Outputs`` and a line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from fairmot.errors import InputError
from fairmot.media.outputs.counting import Counting
from fairmot.media.outputs.crops import CropFolder
from fairmot.media.outputs.csv_rows import CsvFile
from fairmot.media.outputs.drawn_images import DrawnImages
from fairmot.media.outputs.drawn_video import DrawnVideo
from fairmot.media.outputs.json_lines import JsonLinesFile
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.overlays import Blur, HeatMap
from fairmot.media.outputs.rows import RowsFile
from fairmot.media.outputs.window import FrameWindow
from fairmot.media.outputs.writer import Target, Writer

Stage = Literal["tracked", "overlay", "drawn", "video", "shown"]
"""When an output gets its frames.

``tracked``: each frame as soon as it is tracked. ``overlay``: then too, or where frames are drawn, right before it is
drawn. ``drawn``: the drawn frame. ``video``: each tracked frame, to draw it in a thread of its own; all overlays and
drawn outputs work in that thread then. ``shown``: the frame drawn last, in the thread that tracks.
"""


@dataclass(frozen=True, slots=True)
class Output:
    """One file or folder of a source, or something that is done with its frames."""

    name: str
    """Field or property of ``Outputs`` that requests it."""
    ending: str | None
    """What the name of its file or folder ends in, after the name of the source; None: it has neither."""
    writer: Callable[[Target], Writer]
    """Makes its writer; outputs with the same one share it."""
    stage: Stage = "tracked"
    needs_images: bool = False
    """It cannot be had from saved detections."""


OUTPUTS = (
    Output("rows", ".txt", RowsFile),
    Output("jsonl", ".jsonl", JsonLinesFile),
    Output("csv", ".csv", CsvFile),
    Output("crops", "-crops", CropFolder, needs_images=True),
    Output("blur", None, Blur, "overlay", needs_images=True),
    Output("heatmap", ".heatmap.jpg", HeatMap, "overlay", needs_images=True),
    Output("lines", ".lines.csv", Counting, "overlay"),
    Output("zones", ".zones.csv", Counting, "overlay"),
    Output("counts", ".counts.json", Counting, "overlay"),
    Output("images", "", DrawnImages, "drawn", needs_images=True),
    # It ends before everything that is filled in its thread, hence comes after it.
    Output("video", ".mp4", DrawnVideo, "video", needs_images=True),
    Output("show", None, FrameWindow, "shown", needs_images=True),
)
"""In the order in which writers are entered, and overlays drawn."""


def requested(outputs: Outputs) -> list[Output]:
    """Return the lines of the table that are requested."""
    return [output for output in OUTPUTS if getattr(outputs, output.name)]


def endings(outputs: Outputs) -> list[str]:
    """Return what the names of all requested files and folders end in, after the name of the source."""
    return [output.ending for output in requested(outputs) if output.ending is not None]


def check_without_images(outputs: Outputs, sources: Sequence[object]) -> None:
    """Check that saved detections suffice for what is requested.

    Args:
        outputs: what is requested.
        sources: files of the detections, for the message.

    Raises:
        InputError: an output needs images; it is named.
    """
    drawn = [output.name for output in requested(outputs) if output.needs_images]
    if drawn:
        needs = "need" if len(drawn) > 1 else "needs"
        where = ", ".join(map(str, sources))
        raise InputError(f"{where}: {', '.join(drawn)} {needs} images, which saved detections do not hold")
