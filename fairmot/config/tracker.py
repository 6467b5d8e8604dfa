"""Every constant of the tracker, with unit, source and effect; the presets."""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fairmot.errors import InputError, closest_name

PRESETS: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        "fairmot": {},  # the published tracker on MOT16 and MOT17
        "byte": {"second_pass": True},
        "motion": {"second_pass": True, "appearance": False},
        "fused": {"iou_weight": 0.67, "motion_weight": 0.0, "max_appearance_cost": 0.6},
        "crowd": {"confidence": 0.3, "clip_boxes": True},  # the published tracker on MOT20
    }
)
"""Name -> what differs from the defaults."""


class TrackerConfig(BaseModel):
    """Constants of the tracker; the defaults reproduce the published one exactly, every later idea is off.

    Sources: FairMOT (Zhang et al. 2021), DeepSORT (Wojke et al. 2017), ByteTrack (Zhang et al. 2022), OC-SORT (Cao et
    al. 2023), StrongSORT (Du et al. 2023), BoT-SORT (Aharon et al. 2022).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    # Which detections take part.
    confidence: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="Score; detections at or below start and continue no track (MOT15, MOT20: 0.3).",
    )
    clip_boxes: bool = Field(
        default=False, description="Clip detections to the image first (MOT20 labels end at its edge)."
    )
    per_class: bool = Field(
        default=False, description="No identity crosses a class; else a track takes its last match's."
    )
    second_pass: bool = Field(
        default=False, description="BYTE: tracks that step 1 left go on with detections of low score, by IoU."
    )
    low_confidence: float = Field(
        default=0.1, ge=0, le=1, description="Score; the second pass takes what lies above it."
    )

    # Matching.
    appearance: bool = Field(
        default=True, description="False: embeddings are left aside; motion and overlap decide alone."
    )
    max_appearance_cost: float = Field(default=0.4, description="Step 1: largest cost of a match (FairMOT).")
    iou_weight: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Step 1: share of the IoU distance beside the cosine distance (docs/decisions).",
    )
    motion_weight: float = Field(
        default=0.02, ge=0, le=1, description="Step 1: share of the squared Mahalanobis distance in the cost (FairMOT)."
    )
    gate: float = Field(
        default=9.4877,
        ge=0,
        description="Step 1: largest squared Mahalanobis distance (chi-square, 4 dof, 95 %; DeepSORT).",
    )
    motion_max_iou_distance: float = Field(
        default=0.7, description="Step 1 without embeddings: largest IoU distance (docs/decisions)."
    )
    second_pass_max_iou_distance: float = Field(
        default=0.5, description="Second pass: largest IoU distance (ByteTrack)."
    )
    max_iou_distance: float = Field(
        default=0.5, description="Step 2, tracked tracks: largest IoU distance of a match (FairMOT)."
    )
    unconfirmed_max_iou_distance: float = Field(
        default=0.7, description="Step 3, tracks seen once: largest IoU distance (FairMOT)."
    )
    duplicate_iou_distance: float = Field(
        default=0.15, description="IoU distance below which a tracked and a lost track are one (FairMOT)."
    )
    embedding_momentum: float = Field(
        default=0.9,
        ge=0,
        lt=1,
        description="Share of the old embedding in the smoothed one: slower is steadier (FairMOT).",
    )
    track_buffer_frames: int = Field(
        default=30,
        ge=0,
        description="Frames at 30 frames/s that a lost track is kept; scaled by the frame rate (FairMOT).",
    )

    # The Kalman filter; lengths in heights of the box, times in frames (DeepSORT).
    position_std: float = Field(
        default=1 / 20, gt=0, description="Heights: spread of centre and height, a frame's step and a measurement each."
    )
    velocity_std: float = Field(
        default=1 / 160, gt=0, description="Heights/frame: spread of a frame's change of velocity."
    )
    aspect_std: float = Field(default=1e-2, gt=0, description="w/h: spread of a frame's step of the aspect.")
    aspect_velocity_std: float = Field(default=1e-5, gt=0, description="w/h a frame: spread of its change of velocity.")
    aspect_measurement_std: float = Field(default=1e-1, gt=0, description="w/h: spread of a measured aspect.")
    first_position_factor: float = Field(default=2.0, gt=0, description="Spread of a new track's position, in steps.")
    first_velocity_factor: float = Field(default=10.0, gt=0, description="Spread of a new track's velocity, in steps.")

    # Later ideas.
    camera_motion: Literal["none", "flow", "orb"] = Field(
        default="none", description="Move all tracks with the camera: sparse optical flow or ORB, RANSAC (BoT-SORT)."
    )
    score_noise: bool = Field(
        default=False, description="Measurement noise times 1 - score: sure boxes pull harder (NSA of StrongSORT)."
    )
    reupdate: bool = Field(
        default=False, description="After a gap, replay the filter along the line between the boxes seen (OC-SORT)."
    )
    gallery_size: int = Field(
        default=0,
        ge=0,
        description="Earlier embeddings a track keeps; step 1 takes the nearest of them and the smoothed one.",
    )
    gallery_interval_frames: int = Field(default=10, ge=1, description="Frames between two embeddings of the gallery.")
    reentry_frames: int = Field(
        default=0,
        ge=0,
        description="Frames at 30 frames/s in which a removed track can come back by appearance; 0: never.",
    )
    reentry_max_distance: float = Field(default=0.25, ge=0, le=2, description="Re-entry: largest cosine distance.")

    # The output filter; tracks themselves go on.
    min_box_area_px: float = Field(
        default=100.0, ge=0, description="Squared pixels: rows up to this area are not returned (FairMOT)."
    )
    max_aspect: float = Field(default=1.6, gt=0, description="w/h: rows with a larger one are not returned (FairMOT).")

    @model_validator(mode="after")
    def _numbers(self) -> TrackerConfig:
        # Nothing compares with NaN: every match would be refused in silence.
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
        """Return a named configuration with some values changed.

        Args:
            name: ``fairmot`` (published, the default), ``byte`` (second pass over low scores), ``motion`` (the
                same without embeddings), ``fused`` (overlap and embeddings in one cost) or ``crowd`` (MOT20).
            changes: field -> value.

        Raises:
            InputError: an unknown name or field (the closest is named), or a value out of range.
        """
        if name not in PRESETS:
            raise InputError(
                f"unknown tracker preset {name!r}{closest_name(name, PRESETS)}; there are: {', '.join(PRESETS)}"
            )
        return cls._checked({**PRESETS[name], **changes})

    def changed(self, **changes: Any) -> TrackerConfig:
        """Return the same with some values changed.

        Raises:
            InputError: an unknown field, or a value out of range.
        """
        return self._checked({**self.model_dump(), **changes})

    def note(self) -> str:
        """Return what differs from the published tracker as JSON, for metadata; empty if nothing does."""
        changes = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(changes) if changes else ""

    @classmethod
    def from_note(cls, text: str | None, origin: str) -> TrackerConfig:
        """Return the constants in a ``note``; the published ones where there is none.

        Args:
            text: the note.
            origin: the file that holds it, for the error.

        Raises:
            InputError: the note is damaged, or of another version.
        """
        try:
            values = json.loads(text or "{}")
            return cls._checked(dict(values))
        except (ValueError, TypeError, InputError) as error:
            raise InputError(f"{origin}: what it says of the tracker is not of this version ({error})") from error

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
        return f"unknown field {field!r}{closest_name(field, TrackerConfig.model_fields)}"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    return f"{field}: {problem['msg']}, got {problem['input']!r}"
