"""The sections of a configuration: every setting with its default, its limits and what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fairmot.config.tracker import TrackerConfig

STRIDE = 4
"""Input pixels per cell of the head maps, in every architecture (``down_ratio`` of the published code)."""


class Section(BaseModel):
    """A part of the configuration: immutable, and strict about names."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


PUBLISHED_SIZES: dict[str, dict[str, int]] = {
    "yolo": {"embedding": 64, "head_width": 64},
    "lite": {"embedding": 64, "head_width": 64, "input_width_px": 576, "input_height_px": 320},
}
"""Architecture -> sizes in which it was published, where they differ from the defaults."""


class NetworkConfig(Section):
    """Which network, and the sizes that are free in it; those left out are the published ones of the architecture."""

    architecture: str = Field(default="dla_34", description="One of those that 'fairmot describe' knows.")
    classes: int = Field(default=1, ge=1, description="Heatmap channels, one a class.")
    embedding: int = Field(default=128, ge=1, description="Length of the embedding; the published YOLOv5s uses 64.")
    head_width: int = Field(default=256, ge=1, description="Channels inside a head.")
    input_width_px: int = Field(default=1088, ge=32, multiple_of=32, description="Width of the canvas, pixels.")
    input_height_px: int = Field(default=608, ge=32, multiple_of=32, description="Height of the canvas, pixels.")

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
        """Width and height of the canvas, pixels."""
        return (self.input_width_px, self.input_height_px)


class AugmentationConfig(Section):
    """Random changes of a training image (published values; section 'Augmentation' of the JDE code)."""

    enabled: bool = Field(default=True, description="False: images are letterboxed and nothing more.")
    hsv: float = Field(default=0.5, ge=0, lt=1, description="Saturation and value times U(1 - hsv, 1 + hsv).")
    rotation_degrees: float = Field(default=5.0, ge=0, le=90, description="Turned by up to this, either way.")
    translation: float = Field(default=0.1, ge=0, le=1, description="Moved by up to this share of the image's size.")
    scale_min: float = Field(default=0.5, gt=0, description="Scaled by at least this.")
    scale_max: float = Field(default=1.2, gt=0, description="Scaled by at most this.")
    shear_degrees: float = Field(default=2.0, ge=0, le=45, description="Sheared by up to this, either way.")
    flip: float = Field(default=0.5, ge=0, le=1, description="Probability of a horizontal mirror image.")
    blur: float = Field(default=0.0, ge=0, le=1, description="Probability of a Gaussian blur (not published).")
    jpeg: float = Field(default=0.0, ge=0, le=1, description="Probability of strong JPEG compression (not published).")
    grey: float = Field(default=0.0, ge=0, le=1, description="Probability of a grey image (not published).")
    stretch: float = Field(
        default=0.0, ge=0, lt=1, description="Width over height times U(1 - s, 1 / (1 - s)) first (not published)."
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
    """Which images: a ``data.json`` with ``root`` and, under ``train``, named path lists."""

    description: Path = Field(default=Path("data/data.json"), description="The data.json; see docs/data.md.")
    sets: tuple[str, ...] = Field(default=(), description="Names under ``train`` to use; empty: all.")
    skip_missing: bool = Field(
        default=False, description="Leave sets out whose list or images are absent; else they are named in one error."
    )
    max_objects: int = Field(default=500, ge=1, description="Slots an image (K of the published code).")
    box_radius: int = Field(
        default=0,
        ge=0,
        le=3,
        description="Cells around a centre's that learn its box too, in free slots (not published).",
    )
    unique_identities: bool = Field(
        default=False, description="Each box without an identity becomes one of its own (published for CrowdHuman)."
    )
    clip_boxes: bool = Field(default=False, description="Clip boxes to the image first (published for MOT20).")
    workers: int = Field(default=2, ge=0, description="Loader threads; 0 loads in the training thread.")
    augmentation: AugmentationConfig = AugmentationConfig()
    finish_epochs: int = Field(
        default=0, ge=0, description="Last epochs, whose images are changed as finish says (YOLOX)."
    )
    finish: dict[str, float] = Field(
        default_factory=dict, description="Settings of augmentation -> their values in those epochs."
    )
    validation: Path | None = Field(
        default=None,
        description="Folder of sequences in MOTChallenge layout, or one, that validation tracks and scores.",
    )
    validation_half: bool = Field(default=False, description="Only the second half of each of these sequences counts.")
    validation_benchmark: Literal["auto", "MOT15", "MOT16", "MOT17", "MOT20", "none"] = Field(
        default="auto", description="Whose rules for their ground truth; auto: by the names of the sequences."
    )
    validation_sets: tuple[str, ...] = Field(
        default=(), description="Names under ``val`` to validate on; empty: all. Training never reads these lists."
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
    """Weights of the losses (FairMOT, section 4.4)."""

    heatmap_weight: float = Field(default=1.0, description="Weight of the focal loss in the detection term.")
    extents_weight: float = Field(default=0.1, description="Weight of the boxes' sides in the detection term.")
    offsets_weight: float = Field(default=1.0, description="Weight of the centres' offsets in the detection term.")
    weighting: Literal["uncertainty", "fixed"] = Field(
        default="uncertainty", description="Of detection against identity: learned (s_det, s_id), or fixed."
    )
    identity_weight: float = Field(default=0.1, description="Weight of the identity loss when weighting is fixed.")
    s_det: float = Field(default=-1.85, description="Start value of the learned detection weight.")
    s_id: float = Field(default=-1.05, description="Start value of the learned identity weight.")
    overlap_weight: float = Field(
        default=0.0,
        ge=0,
        description="Weight of 1 - generalised IoU of the boxes in the detection term (not published).",
    )


class OptimizerConfig(Section):
    """Adam or AdamW, written down once and equal in each engine."""

    name: Literal["adam", "adamw", "sgd"] = Field(default="adam", description="Published: adam.")
    learning_rate: float = Field(default=1e-4, gt=0, description="Before schedule and warm-up.")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="Adam: decay of the mean gradient.")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="Adam: decay of the mean squared gradient.")
    epsilon: float = Field(default=1e-8, gt=0, description="Adam: added to the root of the mean square.")
    weight_decay: float = Field(default=0.0, ge=0, description="Of weights, not of biases and norms.")
    rate_factors: dict[str, float] = Field(
        default_factory=dict,
        description="Parameter-name prefix -> factor on the learning rate; the longest prefix wins, 0 freezes.",
    )
    schedule: Literal["step", "cosine"] = Field(default="step", description="step: drop_epochs; cosine: down to 1 %.")
    drop_epochs: tuple[int, ...] = Field(default=(20,), description="Times 0.1 after each of these epochs.")
    warmup_steps: int = Field(default=0, ge=0, description="Steps in which the rate rises from 0.")
    ema_decay: float = Field(default=0.0, ge=0, lt=1, description="Decay of the averaged weights; 0: none.")
    clip_norm: float = Field(default=0.0, ge=0, description="Longest gradient, over all parameters together; 0: any.")


class TrainConfig(Section):
    """The run itself."""

    epochs: int = Field(default=30, ge=1, description="Times that each image is seen.")
    batch_size: int = Field(default=12, ge=1, description="Images that one process takes at once.")
    seed: int = Field(default=0, description="Of start values, order and augmentation.")
    start_weights: Path | None = Field(
        default=None, description="Weights (.safetensors, .pth, .ckpt) to start from, or: shipped."
    )
    partial_start: bool = Field(default=False, description="Take what fits of start_weights and report the rest.")
    output: Path = Field(default=Path("runs/train"), description="Folder of the run.")
    licence: str = Field(default="", description="What applies to the trained weights; kept in their file.")
    checkpoint_every_steps: int = Field(default=500, ge=1, description="Steps between two checkpoints.")
    keep_checkpoints: int = Field(
        default=1, ge=1, description="Newest checkpoints that stay; older ones in checkpoints/."
    )
    validate_every_epochs: int = Field(default=0, ge=0, description="Epochs between two validations; 0: none.")
    best_score: Literal["AP50", "MOTA", "IDF1", "HOTA"] = Field(
        default="AP50", description="Score of a validation by which best.safetensors is chosen."
    )
    sample_images: int = Field(default=4, ge=0, description="Images that a validation draws, with boxes and heatmap.")
    max_bad_batches: int = Field(default=5, ge=1, description="Steps in a row without finite loss that end the run.")
    threads: int = Field(default=0, ge=0, description="CPU threads of the engine; 0: its own choice.")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto",
        description="Of the backbone; heads and losses stay in float32. auto: half where the device has it.",
    )
    accumulate: int = Field(default=1, ge=1, description="Passes of batch_size images that make one step.")
    sync_batch_norm: bool = Field(default=False, description="Batch norms see the images of all processes.")
    freeze_batch_norm: bool = Field(
        default=False, description="Batch norms use their running statistics and keep them."
    )
    compile: bool = Field(
        default=False, description="torch.compile the network (PyTorch engine; MindSpore always compiles)."
    )


class InferenceConfig(Section):
    """What ``fairmot track`` and ``fairmot evaluate`` do with a detector, when they are given this configuration."""

    confidence: float = Field(default=0.1, ge=0, le=1, description="The detector hands over what scores higher.")
    save_images: bool = Field(default=True, description="Write each frame with its tracks drawn.")
    save_videos: bool = Field(default=False, description="Write a video of each sequence.")


class Config(Section):
    """A whole configuration: network, training, and what tracking with the result takes from it."""

    network: NetworkConfig = NetworkConfig()
    data: DataConfig = DataConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    train: TrainConfig = TrainConfig()
    tracker: TrackerConfig = TrackerConfig()
    inference: InferenceConfig = InferenceConfig()
