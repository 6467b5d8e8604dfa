"""The sections of a configuration: every setting with its default, range and effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fairmot.config.tracker import TrackerConfig

STRIDE = 4
"""Input pixels per cell of the head maps, in every architecture (``down_ratio`` of the published code)."""


class Section(BaseModel):
    """A section of the configuration: immutable; an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


PUBLISHED_SIZES: dict[str, dict[str, int]] = {
    "yolo": {"embedding": 64, "head_width": 64},
    "lite": {"embedding": 64, "head_width": 192, "input_width_px": 576, "input_height_px": 320},
}
"""Architecture -> its published sizes, where they differ from the defaults."""

LEVEL_STRIDES: dict[str, tuple[int, ...]] = {"lite": (8, 16, 32)}
"""Architecture -> input pixels per cell of each level, finest first, where heads stand on several levels."""


class NetworkConfig(Section):
    """The network and its sizes; sizes left out are those that were published with the architecture."""

    architecture: str = Field(default="dla_34", description="Name of the architecture; 'fairmot describe' lists them.")
    classes: int = Field(default=1, ge=1, description="Heatmap channels, one per class.")
    embedding: int = Field(default=128, ge=1, description="Embedding length; the published YOLOv5s uses 64.")
    head_width: int = Field(default=256, ge=1, description="Channels inside each head.")
    input_width_px: int = Field(default=1088, ge=32, multiple_of=32, description="Width of the network input, pixels.")
    input_height_px: int = Field(default=608, ge=32, multiple_of=32, description="Height of the network input, pixels.")

    @model_validator(mode="before")
    @classmethod
    def _published_sizes(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        architecture = values.get("architecture")
        published = PUBLISHED_SIZES.get(architecture, {}) if isinstance(architecture, str) else {}
        return {**published, **values}

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the network input, pixels."""
        return (self.input_width_px, self.input_height_px)

    @property
    def level_strides(self) -> tuple[int, ...]:
        """Strides of the levels; empty where all heads stand on one level, at ``STRIDE``."""
        return LEVEL_STRIDES.get(self.architecture, ())


class AugmentationConfig(Section):
    """Random augmentation of training images; the defaults are the published values (JDE code)."""

    enabled: bool = Field(default=True, description="If off, images are only letterboxed.")
    hsv: float = Field(default=0.5, ge=0, lt=1, description="Multiply saturation and value by U(1 - hsv, 1 + hsv).")
    rotation_degrees: float = Field(default=5.0, ge=0, le=90, description="Maximum rotation in either direction.")
    translation: float = Field(
        default=0.1, ge=0, le=1, description="Maximum translation, as a fraction of the image size."
    )
    scale_min: float = Field(default=0.5, gt=0, description="Minimum scale factor.")
    scale_max: float = Field(default=1.2, gt=0, description="Maximum scale factor.")
    shear_degrees: float = Field(default=2.0, ge=0, le=45, description="Maximum shear in either direction.")
    flip: float = Field(default=0.5, ge=0, le=1, description="Probability of a horizontal flip.")
    blur: float = Field(default=0.0, ge=0, le=1, description="Probability of a Gaussian blur (not published).")
    jpeg: float = Field(default=0.0, ge=0, le=1, description="Probability of strong JPEG compression (not published).")
    grey: float = Field(default=0.0, ge=0, le=1, description="Probability of conversion to grey (not published).")
    stretch: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="First multiply width over height by U(1 - s, 1 / (1 - s)) (not published).",
    )
    mosaic: float = Field(
        default=0.0, ge=0, le=1, description="Probability that four images share the canvas (not published)."
    )

    @model_validator(mode="after")
    def _scales_in_order(self) -> AugmentationConfig:
        if self.scale_min > self.scale_max:
            raise ValueError(f"scale_min {self.scale_min} is larger than scale_max {self.scale_max}")
        return self


class DataConfig(Section):
    """Training images: a ``data.json`` with ``root`` and, under ``train``, named lists of paths; validation."""

    description: Path = Field(default=Path("data/data.json"), description="Path of the data.json (docs/data.md).")
    sets: tuple[str, ...] = Field(default=(), description="Names of sets under 'train' to use; empty: all.")
    skip_missing: bool = Field(
        default=False, description="Skip sets whose list or images are missing; if off, one error names them all."
    )
    max_objects: int = Field(
        default=500, ge=1, description="Maximum number of objects per image (K of the published code)."
    )
    box_radius: int = Field(
        default=0,
        ge=0,
        le=3,
        description="Radius in cells around each centre in which cells also learn the box (not published).",
    )
    unique_identities: bool = Field(
        default=False, description="Give every box without an identity its own (published for CrowdHuman)."
    )
    clip_boxes: bool = Field(default=False, description="Clip boxes to the image (published for MOT20).")
    workers: int = Field(default=2, ge=0, le=1024, description="Loader threads; 0 loads in the training thread.")
    worker_processes: bool = Field(
        default=False, description="Loader workers are processes, not threads: for a card and many cores."
    )
    augmentation: AugmentationConfig = AugmentationConfig()
    finish_epochs: int = Field(
        default=0, ge=0, description="Number of final epochs that use the augmentation settings of finish (YOLOX)."
    )
    finish: dict[str, float] = Field(
        default_factory=dict, description="Augmentation settings of the final epochs: name -> value."
    )
    validation: Path | None = Field(
        default=None,
        description="Folder of sequences in MOTChallenge layout, or one sequence, to track and score.",
    )
    validation_half: bool = Field(default=False, description="Validate on the second half of each sequence only.")
    validation_benchmark: Literal["auto", "MOT15", "MOT16", "MOT17", "MOT20", "none"] = Field(
        default="auto", description="Benchmark whose ground-truth rules apply; auto: by the sequences' names."
    )
    validation_sets: tuple[str, ...] = Field(
        default=(),
        description="Names of lists under 'val' to validate on; empty: all. Training never reads these lists.",
    )

    @model_validator(mode="after")
    def _finish_is_augmentation(self) -> DataConfig:
        try:
            self.last_augmentation()
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise ValueError(f"finish: {'; '.join(problems)}") from error
        return self

    def last_augmentation(self) -> AugmentationConfig:
        """Return the augmentation of the last epochs."""
        return AugmentationConfig(**{**self.augmentation.model_dump(), **self.finish})


class LossConfig(Section):
    """Loss weights (FairMOT, section 4.4; RTMDet)."""

    heatmap_weight: float = Field(default=1.0, description="Weight of the heatmap's focal loss in the detection loss.")
    extents_weight: float = Field(
        default=0.1, description="Weight of the box extents (centre to sides) in the detection loss."
    )
    offsets_weight: float = Field(default=1.0, description="Weight of the centre offsets in the detection loss.")
    weighting: Literal["uncertainty", "fixed"] = Field(
        default="uncertainty", description="Balance of detection and identity loss: learned (s_det, s_id) or fixed."
    )
    identity_weight: float = Field(default=0.1, description="Weight of the identity loss if weighting is fixed.")
    s_det: float = Field(default=-1.85, description="Initial log variance of the detection loss (learned).")
    s_id: float = Field(default=-1.05, description="Initial log variance of the identity loss (learned).")
    overlap_weight: float = Field(
        default=0.0,
        ge=0,
        description="Weight of 1 - generalised IoU of the boxes in the detection loss (not published).",
    )
    scores_weight: float = Field(
        default=1.0, description="Networks on several levels: weight of the scores' quality focal loss (RTMDet)."
    )
    boxes_weight: float = Field(
        default=2.0, description="Networks on several levels: weight of 1 - generalised IoU of the boxes (RTMDet)."
    )


class OptimizerConfig(Section):
    """Optimizer and learning-rate schedule, the same in every engine."""

    name: Literal["adam", "adamw", "sgd"] = Field(default="adam", description="Optimizer; published: adam.")
    learning_rate: float = Field(default=1e-4, gt=0, description="Learning rate before schedule and warm-up.")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="Adam: decay rate of the mean gradient.")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="Adam: decay rate of the mean squared gradient.")
    epsilon: float = Field(default=1e-8, gt=0, description="Adam: added to the root of the mean squared gradient.")
    weight_decay: float = Field(
        default=0.0, ge=0, description="Weight decay; biases and normalisation layers have none."
    )
    rate_factors: dict[str, float] = Field(
        default_factory=dict,
        description="Parameter name prefix -> learning rate factor; the longest prefix wins, 0 freezes.",
    )
    schedule: Literal["step", "cosine"] = Field(
        default="step", description="step: by drop_epochs; cosine: decay to 1 %."
    )
    drop_epochs: tuple[int, ...] = Field(
        default=(20,), description="Multiply the learning rate by 0.1 after each of these epochs."
    )
    warmup_steps: int = Field(default=0, ge=0, description="Steps in which the learning rate rises linearly from 0.")
    ema_decay: float = Field(
        default=0.0, ge=0, lt=1, description="Decay of the exponential moving average of the weights; 0: off."
    )
    clip_norm: float = Field(default=0.0, ge=0, description="Maximum norm of the whole gradient; 0: no clipping.")


class TrainConfig(Section):
    """The training run."""

    epochs: int = Field(default=30, ge=1, description="Passes over the training images.")
    batch_size: int = Field(default=12, ge=1, description="Images per batch of one process.")
    seed: int = Field(default=0, description="Seed of initial weights, image order and augmentation.")
    start_weights: Path | None = Field(
        default=None, description="Initial weights (.safetensors, .pth, .ckpt), or: shipped."
    )
    partial_start: bool = Field(
        default=False, description="Load the parameters of start_weights that fit, and report the others."
    )
    output: Path = Field(default=Path("runs/train"), description="Folder of the run.")
    licence: str = Field(default="", description="Licence of the trained weights, stored in their file.")
    checkpoint_every_steps: int = Field(default=500, ge=1, description="Steps between two checkpoints.")
    keep_checkpoints: int = Field(
        default=1,
        ge=1,
        description="Number of newest checkpoints to keep; those before the last one lie in checkpoints/.",
    )
    validate_every_epochs: int = Field(default=0, ge=0, description="Epochs between two validations; 0: no validation.")
    best_score: Literal["AP50", "MOTA", "IDF1", "HOTA"] = Field(
        default="AP50", description="Validation score that selects best.safetensors."
    )
    sample_images: int = Field(default=4, ge=0, description="Images that a validation draws, with boxes and heatmap.")
    max_bad_batches: int = Field(
        default=5, ge=1, description="Consecutive steps without a finite loss that end the run."
    )
    threads: int = Field(default=0, ge=0, le=1024, description="CPU threads of the engine; 0: the engine's default.")
    precision: Literal["auto", "f32", "bf16", "f16"] = Field(
        default="auto",
        description="Precision of the backbone; heads and losses use f32. auto: bf16 or f16 on accelerators.",
    )
    accumulate: int = Field(default=1, ge=1, description="Batches whose gradients make one step.")
    sync_batch_norm: bool = Field(default=False, description="Compute batch-norm statistics over all processes.")
    freeze_batch_norm: bool = Field(
        default=False, description="Use the running statistics of batch norms and do not update them."
    )
    compile: bool = Field(
        default=False, description="Compile the network with torch.compile (PyTorch engine; MindSpore always compiles)."
    )


class InferenceConfig(Section):
    """Detector and outputs of ``fairmot track`` and ``fairmot evaluate`` with this configuration."""

    confidence: float = Field(
        default=0.1, ge=0, le=1, description="Score threshold of the detector: higher scores go to the tracker."
    )
    save_images: bool = Field(default=True, description="Write each frame as an image with its tracks drawn.")
    save_videos: bool = Field(default=False, description="Write a video of each sequence.")


class Config(Section):
    """A whole configuration: network, data, training and tracking."""

    network: NetworkConfig = NetworkConfig()
    data: DataConfig = DataConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    train: TrainConfig = TrainConfig()
    tracker: TrackerConfig = TrackerConfig()
    inference: InferenceConfig = InferenceConfig()
