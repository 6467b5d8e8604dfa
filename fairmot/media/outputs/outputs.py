"""What is written of a tracked source beside its result rows, and what is drawn beside the tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from fairmot.errors import InputError
from fairmot.media.outputs.places import Line, Zone

Anchor = Literal["feet", "centre"]
"""The point of a person that lines and zones count: the middle of the box's lower side, or of the box.

Boxes are of whole people and may reach over the edge of the image; a point beyond it counts at the edge.
"""

_LEAST_VIDEO_HEIGHT = 64


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs that are requested for each source; ``table`` lists the files and who writes them.

    Raises:
        InputError: crops and blur at once, since crops would show the people whom blur hides; another anchor; a margin
            that is negative or more than a whole person; a height of no video, or of less than 64 pixels; an encoder of
            no video, or one that FFmpeg does not know.
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
    anchor: Anchor = "feet"
    """The point that lines and zones count."""
    line_margin: float = 0.1
    """How far beyond a line somebody counts as across, as a fraction of the box's height; at least 2 pixels. It keeps
    boxes that jitter on the line from counting. 0: the line itself."""
    audio: bool = True
    """The source's sound in the video; every frame must be tracked, and people must not be blurred."""
    video_height: int | None = None
    """Largest height of the video, pixels; frames that are higher are drawn at their own size and then scaled down."""
    video_encoder: str = "software"
    """What encodes the video: ``software``; a device by FFmpeg's name (``cuda``, ``qsv``, ``vaapi`` ...); ``auto``: the
    first device that opens, else software. Software stands in for a device that does not open."""
    show: bool = False
    """Show the drawn frames in a window; closing it ends the run as Ctrl-C does."""

    def __post_init__(self) -> None:
        if self.crops and self.blur:
            raise InputError("crops show the people whom blur hides: leave one of them out")
        if self.anchor not in get_args(Anchor):
            raise InputError(f"anchor {self.anchor}: expected {' or '.join(get_args(Anchor))}")
        if self.video_height is not None and self.video_height < _LEAST_VIDEO_HEIGHT:
            raise InputError(f"video height {self.video_height}: expected {_LEAST_VIDEO_HEIGHT} pixels or more")
        if self.video_height is not None and not self.video:
            raise InputError(f"video height {self.video_height}: no video is written")
        if self.video_encoder != "software":
            from fairmot.media.outputs.encoders import check_encoder

            check_encoder(self.video_encoder)
            if not self.video:
                raise InputError(f"video encoder {self.video_encoder}: no video is written")
        if not 0 <= self.line_margin <= 1:
            raise InputError(f"line margin {self.line_margin:g}: expected a fraction of a person's height, 0 to 1")

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
