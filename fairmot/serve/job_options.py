"""What a client may choose for a job, with the meaning that it has for ``fairmot track``."""

from __future__ import annotations

import json
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fairmot.config import load_tracker_config
from fairmot.config.tracker import PRESETS, TrackerConfig
from fairmot.errors import InputError
from fairmot.media.outputs.outputs import Anchor, Outputs
from fairmot.media.outputs.places import parse_lines, parse_zones

_MOST_PLACES, _MOST_POINTS, _LONGEST_TEXT = 50, 200, 200
Text = Annotated[str, Field(max_length=_LONGEST_TEXT)]
Polygon = Annotated[list[tuple[float, float]], Field(max_length=_MOST_POINTS)]
Preset = Annotated[str | None, Field(description=f"Tracker preset: {', '.join(PRESETS)}. Null: the server's tracker.")]
Threshold = Annotated[
    float | None, Field(ge=0, le=1, description="Score threshold of new tracks. Null: the tracker's.")
]
Blurs = Annotated[bool, Field(description="Make people unrecognisable in everything that is drawn.")]
Counted = Annotated[Anchor, Field(description="The point of a person that lines and zones count.")]


class JobOptions(BaseModel):
    """The options of a job."""

    model_config = ConfigDict(extra="forbid")

    tracker: Preset = None
    confidence: Threshold = None
    blur: Blurs = False
    lines: Annotated[list[Text], Field(max_length=_MOST_PLACES)] = Field(
        [], description="Counting lines, NAME=X1,Y1,X2,Y2.", examples=[["door=160,0,160,240"]]
    )
    zones: Annotated[dict[Text, Polygon], Field(max_length=_MOST_PLACES)] = Field(
        {}, description="Counting zones, name to corners.", examples=[{"yard": [[0, 0], [320, 0], [320, 120]]}]
    )
    anchor: Counted = "feet"

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        """Read the places once, so that a mistake is refused with the request."""
        try:
            self.outputs()
        except InputError as error:
            raise ValueError(str(error)) from error
        return self

    @field_validator("tracker")
    @classmethod
    def _is_preset(cls, name: str | None) -> str | None:
        # Not a file: clients must not make the server read one.
        if name is not None and name not in PRESETS:
            raise ValueError(f"unknown tracker preset {name!r}; there are: {', '.join(PRESETS)}")
        return name

    def outputs(self) -> Outputs:
        """Return what is written and drawn."""
        zones = parse_zones(self.zones, "zones") if self.zones else ()
        return Outputs(lines=parse_lines(self.lines), zones=zones, blur=self.blur, anchor=self.anchor)

    def check_size(self, size: tuple[int, int]) -> None:
        """Check that all places lie inside of frames of ``size`` (width, height).

        Raises:
            InputError: one does not.
        """
        outputs = self.outputs()
        for line in outputs.lines:
            line.in_pixels(size)
        for zone in outputs.zones:
            zone.in_pixels(size)

    def tracker_config(self, own: TrackerConfig) -> TrackerConfig:
        """Return the tracker's parameters; ``own`` are those of the server."""
        if self.tracker is not None:
            return load_tracker_config(self.tracker, self.confidence)
        return own if self.confidence is None else own.changed(confidence=self.confidence)


class UploadQuery(BaseModel):
    """The query of an upload: its body is the video."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("video", max_length=500, description="Name of the video, for people.")
    hold: bool = Field(False, description="Wait for `/start` before the job is queued.")
    tracker: Preset = None
    confidence: Threshold = None
    blur: Blurs = False
    line: list[str] = Field([], description="A counting line, NAME=X1,Y1,X2,Y2; repeatable.")
    zones: str | None = Field(None, max_length=100_000, description="Counting zones, the text of a zone file.")
    anchor: Counted = "feet"

    def options(self) -> JobOptions:
        """Return the options in it.

        Raises:
            ValidationError: a line or zone is none.
        """
        zones: Any = {}
        if self.zones is not None:
            try:
                zones = json.loads(self.zones)
                if isinstance(zones, list):  # without names
                    zones = {f"zone {number}": points for number, points in enumerate(zones, start=1)}
            except ValueError:
                zones = self.zones  # refused by its type
        return JobOptions(
            lines=self.line, zones=zones, **self.model_dump(include={"tracker", "confidence", "blur", "anchor"})
        )
