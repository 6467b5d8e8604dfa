"""FairMOT's YOLOv5s: Focus, cross-stage blocks, spatial pyramid, and a path back to stride 4.

Source: Ultralytics YOLOv5 at depth 0.33 and width 0.5; FairMOT continues its up-sampling path to stride 4. Numbers in
the names are those of the published list of layers, in which enlargements and stacks count too.
"""

from __future__ import annotations

from collections.abc import Mapping

from fairmot.config import NetworkConfig
from fairmot.network.blocks import conv_norm, cross_stage, spatial_pyramid
from fairmot.network.graph import Graph, GraphBuilder
from fairmot.network.heads import dense_heads

EPSILON, MOMENTUM = 1e-3, 0.03
DOWN = ((64, 1), (128, 3), (256, 3))
"""Channels and depth of the cross-stage blocks at strides 4, 8 and 16."""


def build_yolo(config: NetworkConfig) -> Graph:
    """Build the graph of ``yolo``."""
    builder = GraphBuilder()
    layers = _Layers(builder)
    x = layers.convolve(builder.space_to_depth(builder.input()), "backbone.model.0.conv", 32, 3)
    finer = []
    for stage, (channels, depth) in enumerate(DOWN):
        x = layers.halve(x, f"backbone.model.{2 * stage + 1}", channels)
        x = layers.csp(x, f"backbone.model.{2 * stage + 2}", channels, depth, True)
        finer.append(x)
    x = layers.halve(x, "backbone.model.7", 512)
    x = spatial_pyramid(builder, x, "backbone.model.8", 512, layers.convolve)
    x = layers.csp(x, "backbone.model.9", 512, 1, False)
    for number, channels, lateral in ((10, 256, finer[2]), (14, 128, finer[1]), (18, 64, finer[0])):
        x = layers.convolve(x, f"backbone.model.{number}", channels, 1)
        x = builder.concatenate(builder.resize(x, 2), lateral)
        x = layers.csp(x, f"backbone.model.{number + 3}", channels, 1, False)
    return builder.finish(config, dense_heads(builder, x, config, "silu"))


class _Layers:
    """Layers of this family: convolutions followed by batch norm and SiLU."""

    def __init__(self, builder: GraphBuilder) -> None:
        self.builder = builder

    def convolve(self, x: int, name: str, channels: int, kernel: int, stride: int = 1) -> int:
        x = conv_norm(
            self.builder, x, f"{name}.conv", f"{name}.bn", channels, kernel, stride, epsilon=EPSILON, momentum=MOMENTUM
        )
        return self.builder.activation(x, "silu")

    def halve(self, x: int, name: str, channels: int) -> int:
        return self.convolve(x, name, channels, 3, 2)

    def csp(self, x: int, name: str, channels: int, depth: int, shortcut: bool) -> int:
        return cross_stage(self.builder, x, name, channels, depth, shortcut, self.convolve, self.convolve)


def is_yolo(names: Mapping[str, object]) -> bool:
    """Whether a public state with these names is FairMOT's YOLOv5s."""
    return "backbone.model.0.conv.conv.weight" in names and "backbone.model.21.cv3.conv.weight" in names
