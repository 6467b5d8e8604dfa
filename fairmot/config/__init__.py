"""Typed configuration: defaults, a YAML file, overrides."""

from fairmot.config.reading import load_config, load_tracker_config, parse_config, shipped_configs
from fairmot.config.sections import (
    STRIDE,
    AugmentationConfig,
    Config,
    DataConfig,
    InferenceConfig,
    LossConfig,
    NetworkConfig,
    OptimizerConfig,
    Section,
    TrainConfig,
)
from fairmot.config.tracker import TrackerConfig

__all__ = [
    "STRIDE",
    "AugmentationConfig",
    "Config",
    "DataConfig",
    "InferenceConfig",
    "LossConfig",
    "NetworkConfig",
    "OptimizerConfig",
    "Section",
    "TrackerConfig",
    "TrainConfig",
    "load_config",
    "load_tracker_config",
    "parse_config",
    "shipped_configs",
]
