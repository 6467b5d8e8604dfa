"""``lite``, the shipped network: the person detector RTMDet-nano, and embeddings read along its boxes.

A box is described by what the detector's own maps hold at points inside it, and by a branch that looks at colour and
texture near the image; two layers make 64 numbers of that. The detector's maps alone know where a person is better
than who (docs/models.md).
"""

from __future__ import annotations

from collections.abc import Mapping

from fairmot.config import NetworkConfig
from fairmot.network.graph import Graph, GraphBuilder
from fairmot.network.rtmdet import RtmdetNano

LITE = NetworkConfig(architecture="lite")
"""The configuration of the shipped model."""

SAMPLED = (
    ("backbone4", 6, 3),
    ("backbone8", 6, 3),
    ("backbone16", 3, 1),
    ("pyramid8", 3, 1),
    ("pyramid16", 1, 1),
    ("pyramid32", 1, 1),
)
"""Maps that embeddings are read from, with rows and columns of points in a box: fine maps tell head from shoes, coarse
ones see the whole."""

APPEARANCE_CHANNELS = (16, 32, 64, 64)
"""Of the branch that looks at colour and texture near the image, for embeddings alone."""


def build_lite(config: NetworkConfig) -> Graph:
    """Build the graph of ``lite``."""
    builder = GraphBuilder()
    outputs, maps = RtmdetNano(builder, config.classes).build()
    branch = _appearance(builder, maps["image"])
    boxes = builder.boxes()
    read = [builder.sample_boxes(maps[name], boxes, rows, columns) for name, rows, columns in SAMPLED]
    x = builder.concatenate(*read, builder.sample_boxes(branch, boxes, 6, 3))
    # Not normalised over a batch: boxes are padded to a fixed number, and empty slots would enter its statistics.
    x = builder.activation(builder.convolution(x, "id.0", config.head_width, 1, bias=True))
    outputs["embedding"] = builder.convolution(x, "id.2", config.embedding, 1, bias=True)
    return builder.finish(config, outputs)


def is_lite(names: Mapping[str, object]) -> bool:
    """Whether a state with these names is ``lite``."""
    return "bbox_head.rtm_cls.0.weight" in names and "appearance.0.conv.weight" in names


def _appearance(builder: GraphBuilder, image: int) -> int:
    """Append two convolutions of stride 2 and separable blocks; return their map at stride 4."""
    first, second, *deeper = APPEARANCE_CHANNELS
    x = _conv_norm(builder, image, "appearance.0", first, 3, stride=2)
    x = _conv_norm(builder, x, "appearance.1", second, 3, stride=2)
    for place, channels in enumerate(deeper, start=2):
        width = builder.nodes[x].channels
        x = _conv_norm(builder, x, f"appearance.{place}.depthwise", width, 3, groups=width)
        x = _conv_norm(builder, x, f"appearance.{place}.pointwise", channels, 1)
    return x


def _conv_norm(
    builder: GraphBuilder, x: int, name: str, channels: int, kernel: int, stride: int = 1, groups: int = 1
) -> int:
    x = builder.convolution(x, f"{name}.conv", channels, kernel, stride, groups)
    return builder.activation(builder.batch_norm(x, f"{name}.bn"))
