"""The tracker's parameters with unit, source and effect; the presets."""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fairmot.errors import InputError, closest_name, shortened
from fairmot.files import parse_json

PRESETS: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        "fairmot": {},  # the published tracker on MOT16 and MOT17
        "byte": {"second_pass": True},
        "motion": {"second_pass": True, "appearance": False},
        "fused": {"iou_weight": 0.67, "motion_weight": 0.0, "max_appearance_cost": 0.6},
        "crowd": {"confidence": 0.3, "clip_boxes": True},  # the published tracker on MOT20
        "boxes": {
            "second_pass": True,
            "appearance": False,
            "start_confidence": 0.9,
            "confirmation_hits": 3,
            "height_exponent": 1.0,
            "gate": 30.0,
            "noise_rate": 30.0,
        },
    }
)
"""Name -> parameters that differ from the defaults."""


class TrackerConfig(BaseModel):
    """Parameters of the tracker; the defaults reproduce the published tracker exactly, later methods are off.

    Sources: FairMOT (Zhang et al. 2021), DeepSORT (Wojke et al. 2017), ByteTrack (Zhang et al. 2022), OC-SORT (Cao et
    al. 2023), StrongSORT (Du et al. 2023), BoT-SORT (Aharon et al. 2022).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    # Which detections the tracker uses.
    confidence: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="Score threshold: only higher scores start or continue a track (MOT15, MOT20: 0.3).",
    )
    clip_boxes: bool = Field(
        default=False, description="Clip detections to the image before matching (MOT20 labels end at the image edge)."
    )
    per_class: bool = Field(
        default=False, description="Match within each class only; if off, a track takes the class of its last match."
    )
    second_pass: bool = Field(
        default=False,
        description="BYTE: after step 1, match the remaining tracked tracks to low-score detections by IoU.",
    )
    low_confidence: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Score threshold of the second pass: it takes the detections with higher scores.",
    )

    start_confidence: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Score threshold of new tracks, where it is above confidence (ByteTrack, BoT-SORT).",
    )
    confirmation_hits: int = Field(
        default=2,
        ge=1,
        description="Detections in consecutive frames that confirm a track (SORT: 3; FairMOT: 2).",
    )
    confirmation_score: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Mean score of a track's detections that confirms it; 0: any (docs/decisions.md).",
    )

    # Matching.
    appearance: bool = Field(default=True, description="Use the embeddings; if off, motion and overlap alone decide.")
    max_appearance_cost: float = Field(default=0.4, description="Step 1: maximum cost of a match (FairMOT).")
    iou_weight: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Step 1: weight of the IoU distance beside the cosine distance (docs/decisions.md).",
    )
    motion_weight: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="Step 1: weight of the squared Mahalanobis distance in the cost (FairMOT).",
    )
    gate: float = Field(
        default=9.4877,
        ge=0,
        description="Step 1: maximum squared Mahalanobis distance (chi-square, 4 dof, 95 %; DeepSORT).",
    )
    motion_max_iou_distance: float = Field(
        default=0.7, description="Step 1 without embeddings: maximum IoU distance of a match (docs/decisions.md)."
    )
    height_exponent: float = Field(
        default=0.0,
        ge=0,
        description="Steps 1 and 3 multiply the IoU by the ratio of the heights to this power (cf. Hybrid-SORT).",
    )
    second_pass_max_iou_distance: float = Field(
        default=0.5, description="Second pass: maximum IoU distance of a match (ByteTrack)."
    )
    max_iou_distance: float = Field(
        default=0.5, description="Step 2, tracked tracks: maximum IoU distance of a match (FairMOT)."
    )
    unconfirmed_max_iou_distance: float = Field(
        default=0.7, description="Step 3, unconfirmed tracks: maximum IoU distance of a match (FairMOT)."
    )
    duplicate_iou_distance: float = Field(
        default=0.15, description="Tracked and lost tracks below this IoU distance are duplicates (FairMOT)."
    )
    embedding_momentum: float = Field(
        default=0.9,
        ge=0,
        lt=1,
        description="Momentum: weight of the old value in a track's averaged embedding (FairMOT).",
    )
    track_buffer_frames: int = Field(
        default=30,
        ge=0,
        description="Frames a lost track is kept, at 30 frames/s; scales with the frame rate (FairMOT).",
    )

    # The Kalman filter; lengths in box heights, times in frames (DeepSORT).
    noise_rate: float = Field(
        default=0.0,
        ge=0,
        description="Frame rate, 1/s, that the noise refers to: time counts in its frames; 0: in the video's own.",
    )
    position_std: float = Field(
        default=1 / 20,
        gt=0,
        description="Position and height noise (process and measurement): standard deviation in box heights.",
    )
    velocity_std: float = Field(
        default=1 / 160, gt=0, description="Velocity noise (process): standard deviation in box heights per frame."
    )
    aspect_std: float = Field(default=1e-2, gt=0, description="Aspect ratio (w/h) noise (process): standard deviation.")
    aspect_velocity_std: float = Field(
        default=1e-5, gt=0, description="Aspect ratio velocity noise (process): standard deviation per frame."
    )
    aspect_measurement_std: float = Field(
        default=1e-1, gt=0, description="Aspect ratio noise (measurement): standard deviation."
    )
    first_position_factor: float = Field(
        default=2.0,
        gt=0,
        description="Initial standard deviation of a track's position, as a multiple of position_std.",
    )
    first_velocity_factor: float = Field(
        default=10.0,
        gt=0,
        description="Initial standard deviation of a track's velocity, as a multiple of velocity_std.",
    )

    # Later methods.
    camera_motion: Literal["none", "flow", "orb"] = Field(
        default="none",
        description="Compensate camera motion: sparse optical flow or ORB features, with RANSAC (BoT-SORT).",
    )
    score_noise: bool = Field(
        default=False,
        description="Multiply measurement variance by 1 - score: confident boxes count more (StrongSORT).",
    )
    reupdate: bool = Field(
        default=False, description="After a gap, filter a track again along the line between its two boxes (OC-SORT)."
    )
    gallery_size: int = Field(
        default=0,
        ge=0,
        description="Earlier embeddings kept per track; step 1 takes the smallest cosine distance (DeepSORT).",
    )
    gallery_interval_frames: int = Field(
        default=10, ge=1, description="Frames between two embeddings that the gallery keeps."
    )
    reentry_frames: int = Field(
        default=0,
        ge=0,
        description="Frames at 30 frames/s in which a removed track can return by appearance; 0: off.",
    )
    reentry_max_distance: float = Field(
        default=0.25, ge=0, le=2, description="Re-entry: maximum cosine distance of a match."
    )

    # The output filter: the tracker keeps the tracks that it drops.
    min_box_area_px: float = Field(
        default=100.0, ge=0, description="Output: box area that a row must exceed, squared pixels (FairMOT)."
    )
    max_aspect: float = Field(default=1.6, gt=0, description="Output: maximum aspect ratio (w/h) of a row (FairMOT).")

    @model_validator(mode="after")
    def _numbers(self) -> TrackerConfig:
        # No cost is below NaN: the tracker would match nothing, without a message.
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, float) and math.isnan(value):
                raise ValueError(f"{name}: expected a number, got nan")
        return self

    @model_validator(mode="after")
    def _low_is_lower(self) -> TrackerConfig:
        if self.second_pass and self.low_confidence >= self.confidence:
            raise ValueError(f"low_confidence {self.low_confidence} must lie below confidence {self.confidence}")
        return self

    @classmethod
    def preset(cls, name: str = "fairmot", **changes: Any) -> TrackerConfig:
        """Return a preset with some parameters changed.

        Args:
            name: ``fairmot`` (as published; the default), ``byte`` (second pass over low scores), ``motion`` (the
                same without embeddings), ``fused`` (IoU and embeddings in one cost), ``crowd`` (MOT20) or ``boxes``
                (motion alone, for detectors whose scores reach 1).
            changes: parameter -> value.

        Raises:
            InputError: an unknown name or parameter (the message names the closest), or a value out of range.
        """
        if name not in PRESETS:
            raise InputError(
                f"unknown tracker preset {name!r}{closest_name(name, PRESETS)}; there are: {', '.join(PRESETS)}"
            )
        return cls._checked({**PRESETS[name], **changes})

    def changed(self, **changes: Any) -> TrackerConfig:
        """Return a copy with some parameters changed.

        Raises:
            InputError: an unknown parameter, or a value out of range.
        """
        return self._checked({**self.model_dump(), **changes})

    def note(self) -> str:
        """Return the parameters that differ from the defaults, as JSON for metadata; empty if none does."""
        changes = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(changes) if changes else ""

    @classmethod
    def from_note(cls, text: str | None, origin: str) -> TrackerConfig:
        """Return the parameters in a ``note``; without a note, the defaults.

        Args:
            text: the note.
            origin: file that holds the note, for the error message.

        Raises:
            InputError: the note is damaged or has parameters that this version does not know.
        """
        try:
            values = parse_json(text or "{}", "a note")
            return cls._checked(dict(values))
        except (ValueError, TypeError, InputError) as error:
            raise InputError(f"{origin}: this version cannot read its tracker parameters ({error})") from error

    @classmethod
    def _checked(cls, values: dict[str, Any]) -> TrackerConfig:
        try:
            return cls(**values)
        except ValidationError as error:
            problems = [_described(problem) for problem in error.errors(include_url=False)]
            raise InputError(f"tracker: {'; '.join(problems)}") from error


def _described(problem: Any) -> str:
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown parameter {field!r}{closest_name(field, TrackerConfig.model_fields)}"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    return f"{field}: {problem['msg']}, got {shortened(problem['input'])}"
