"""The published heads: one small branch each for heatmap, extents, offsets and embedding."""

from __future__ import annotations

from typing import Literal

from fairmot.config import NetworkConfig
from fairmot.network.graph import GraphBuilder

HEAD_NAMES = {"hm": "heatmap", "wh": "extents", "id": "embedding", "reg": "offsets"}
"""Head name in public checkpoints -> name in this project, in the public order."""

LEVEL_HEAD = "bbox_head"
"""First part of the names of the heads on several levels (RTMDet)."""

HEATMAP_BIAS = -2.19
"""Start value of the last heatmap bias: sigmoid(-2.19) = 0.1 (CornerNet, CenterNet)."""


def head_channels(config: NetworkConfig) -> dict[str, int]:
    """Public head name -> channels of its output map."""
    return {"hm": config.classes, "wh": 4, "id": config.embedding, "reg": 2}


def dense_heads(
    builder: GraphBuilder, features: int, config: NetworkConfig, function: Literal["relu", "silu"] = "relu"
) -> dict[str, int]:
    """Append a 3x3 convolution, a non-linearity and a 1x1 convolution for each head; return name -> node.

    Source: FairMOT, section 4.2; its YOLOv5s has SiLU here too.
    """
    outputs = {}
    for public, channels in head_channels(config).items():
        x = builder.convolution(features, f"{public}.0", config.head_width, 3, bias=True, start="head")
        x = builder.activation(x, function)
        bias_start = HEATMAP_BIAS if public == "hm" else 0.0
        outputs[HEAD_NAMES[public]] = builder.convolution(
            x, f"{public}.2", channels, 1, bias=True, start="head", bias_start=bias_start
        )
    return outputs
