"""Typed configuration: defaults, a YAML file, overrides. An unknown key is an error with the closest name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fairmot.errors import InputError, closest_name
from fairmot.tracker_config import PRESETS
from fairmot.tracker_config import TrackerConfig as TrackerConfig  # a file of its own, found here like the rest

STRIDE = 4
"""Input pixels per cell of the head maps, in every architecture (``down_ratio`` of the published code)."""


class Section(BaseModel):
    """A part of the configuration: immutable, and strict about names."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class NetworkConfig(Section):
    """Which network, and the sizes that are free in it."""

    architecture: str = "dla_34"
    classes: int = Field(1, ge=1, description="Heatmap channels, one a class.")
    embedding: int = Field(128, ge=1, description="Length of the embedding; the published YOLOv5s uses 64.")
    head_width: int = Field(256, ge=1, description="Channels inside a head.")
    input_width_px: int = Field(1088, ge=32, multiple_of=32)
    input_height_px: int = Field(608, ge=32, multiple_of=32)

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the canvas, pixels."""
        return (self.input_width_px, self.input_height_px)


class AugmentationConfig(Section):
    """Random changes of a training picture (published values; section 'Augmentation' of the JDE code)."""

    enabled: bool = True
    hsv: float = Field(0.5, ge=0, lt=1, description="Saturation and value times U(1 - hsv, 1 + hsv).")
    rotation_degrees: float = Field(5.0, ge=0, le=90)
    translation: float = Field(0.1, ge=0, le=1, description="Share of the picture's size.")
    scale_min: float = Field(0.5, gt=0)
    scale_max: float = Field(1.2, gt=0)
    shear_degrees: float = Field(2.0, ge=0, le=45)
    flip: float = Field(0.5, ge=0, le=1, description="Probability of a horizontal mirror image.")
    blur: float = Field(0.0, ge=0, le=1, description="Probability of a Gaussian blur (not published).")
    jpeg: float = Field(0.0, ge=0, le=1, description="Probability of strong JPEG compression (not published).")
    grey: float = Field(0.0, ge=0, le=1, description="Probability of a grey picture (not published).")
    stretch: float = Field(
        0.0, ge=0, lt=1, description="Width over height times U(1 - s, 1 / (1 - s)) first (not published)."
    )
    mosaic: float = Field(
        0.0, ge=0, le=1, description="Probability that four pictures share the canvas (not published)."
    )

    @model_validator(mode="after")
    def _scales_in_order(self) -> AugmentationConfig:
        if self.scale_min > self.scale_max:
            raise ValueError(f"scale_min {self.scale_min} is larger than scale_max {self.scale_max}")
        return self


class DataConfig(Section):
    """Which pictures: a ``data.json`` with ``root`` and, under ``train``, named path lists."""

    description: Path = Path("data/data.json")
    sets: tuple[str, ...] = Field((), description="Names under ``train`` to use; empty: all.")
    skip_missing: bool = Field(
        False, description="Leave sets out whose list or pictures are absent; else they are named in one error."
    )
    max_objects: int = Field(500, ge=1, description="Slots an image (K of the published code).")
    unique_identities: bool = Field(
        False, description="Each box without an identity becomes one of its own (published for CrowdHuman)."
    )
    clip_boxes: bool = Field(False, description="Clip boxes to the picture first (published for MOT20).")
    workers: int = Field(2, ge=0, description="Loader threads; 0 loads in the training thread.")
    augmentation: AugmentationConfig = AugmentationConfig()


class LossConfig(Section):
    """Weights of the losses (FairMOT, section 4.4)."""

    heatmap_weight: float = 1.0
    extents_weight: float = 0.1
    offsets_weight: float = 1.0
    weighting: Literal["uncertainty", "fixed"] = "uncertainty"
    identity_weight: float = Field(0.1, description="Weight of the identity loss when weighting is fixed.")
    s_det: float = Field(-1.85, description="Start value of the learned detection weight.")
    s_id: float = Field(-1.05, description="Start value of the learned identity weight.")
    overlap_weight: float = Field(
        0.0, ge=0, description="Weight of 1 - generalised IoU of the boxes in the detection term (not published)."
    )


class OptimizerConfig(Section):
    """Adam or AdamW, written down once and equal in each engine."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(1e-4, gt=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    epsilon: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    rate_factors: dict[str, float] = Field(
        default_factory=dict,
        description="Parameter-name prefix -> factor on the learning rate; the longest prefix wins, 0 freezes.",
    )
    schedule: Literal["step", "cosine"] = "step"
    drop_epochs: tuple[int, ...] = Field((20,), description="Times 0.1 after each of these epochs.")
    warmup_steps: int = Field(0, ge=0)
    ema_decay: float = Field(0.0, ge=0, lt=1, description="Decay of the averaged weights; 0: none.")
    clip_norm: float = Field(0.0, ge=0, description="Longest gradient, over all parameters together; 0: any.")


class TrainConfig(Section):
    """The run itself."""

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(12, ge=1, description="Pictures that one process takes at once.")
    seed: int = 0
    start_weights: Path | None = Field(None, description="Weights to start from (.safetensors).")
    partial_start: bool = Field(False, description="Take what fits of start_weights and report the rest.")
    output: Path = Path("runs/train")
    licence: str = Field("", description="What applies to the trained weights; kept in their file.")
    checkpoint_every_steps: int = Field(500, ge=1)
    threads: int = Field(0, ge=0, description="CPU threads of the engine; 0: its own choice.")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Of the backbone; heads and losses stay in float32. auto: half where the device has it."
    )
    accumulate: int = Field(1, ge=1, description="Passes of batch_size pictures that make one step.")
    sync_batch_norm: bool = Field(False, description="Batch norms see the pictures of all processes.")
    freeze_batch_norm: bool = Field(False, description="Batch norms use their running statistics and keep them.")
    compile: bool = Field(False, description="torch.compile the network (PyTorch engine; MindSpore always compiles).")


class Config(Section):
    """A whole training configuration."""

    network: NetworkConfig = NetworkConfig()
    data: DataConfig = DataConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    train: TrainConfig = TrainConfig()


def shipped_configs() -> dict[str, Path]:
    """Name -> file of the configurations inside the package (in a checkout: its ``configs/``)."""
    here = Path(__file__).resolve().parent
    folder = here / "configs" if (here / "configs").is_dir() else here.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_config(source: str | Path, overrides: tuple[str, ...] = ()) -> Config:
    """Read a YAML file, or a shipped configuration by its name, and apply ``a.b=value`` overrides.

    Raises:
        InputError: no such file, YAML that does not parse, an unknown key or a value out of range.
    """
    shipped = shipped_configs()
    path = Path(source)
    if not path.is_file() and str(source) in shipped:
        path = shipped[str(source)]
    if not path.is_file():
        raise InputError(
            f"{source}: no such configuration{closest_name(str(source), shipped)}; "
            f"give a YAML file or one of: {', '.join(shipped)}"
        )
    values = _yaml_mapping(path)
    for override in overrides:
        _apply_override(values, override)
    return parse_config(values, str(path))


def load_tracker_config(source: str | Path = "fairmot", confidence: float | None = None) -> TrackerConfig:
    """Return the tracker's constants by the name of a preset, or out of a YAML file.

    Args:
        source: a preset, or a file of ``field: value`` lines over the published values (``preset: byte`` in it starts
            from that one), such as ``fairmot tune`` writes.
        confidence: replaces that of the source.

    Raises:
        InputError: no such preset or file, YAML that does not parse, an unknown field or a value out of range.
    """
    changes: dict[str, Any] = {}
    name, path = str(source), Path(source)
    if name not in PRESETS and path.suffix in (".yaml", ".yml"):
        changes = _yaml_mapping(path)
        name = str(changes.pop("preset", "fairmot"))
    if confidence is not None:
        changes["confidence"] = confidence
    try:
        return TrackerConfig.preset(name, **changes)
    except InputError as error:
        raise InputError(f"{path}: {error}" if changes and path.suffix else str(error)) from error
    except TypeError as error:
        raise InputError(f"{path}: keys must be names of fields") from error


def _yaml_mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a YAML file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected 'key: value' lines, found a {type(values).__name__}")
    return values


def parse_config(values: dict[str, Any], origin: str) -> Config:
    """Check nested values; ``origin`` names their file in errors.

    Raises:
        InputError: an unknown key or a value out of range.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        problems = [_describe(problem) for problem in error.errors(include_url=False)]
        raise InputError(f"{origin}: {'; '.join(problems)}") from error


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--set {override}: expected key=value, for example optimizer.learning_rate=1e-4")
    *sections, last = key.strip().split(".")
    inner = values
    for section in sections:
        inner = inner.setdefault(section, {})
        if not isinstance(inner, dict):
            raise InputError(f"--set {override}: {section!r} holds a value, not a section")
    try:
        inner[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {override}: not valid YAML: {' '.join(str(error).split())}") from error


def _describe(problem: Any) -> str:
    location = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        section: type[BaseModel] = Config
        for part in problem["loc"][:-1]:
            annotation = section.model_fields[str(part)].annotation
            if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
                break
            section = annotation
        return f"unknown key {location!r}{closest_name(str(problem['loc'][-1]), section.model_fields)}"
    if problem["type"] == "value_error":  # one of our own checks: its sentence says what was given
        return f"{location}: {problem['ctx']['error']}"
    return f"{location}: {problem['msg']}, got {problem['input']!r}"
