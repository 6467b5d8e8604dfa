"""``lite``: YOLOX-nano, a light path back to stride 4, and light heads that read YOLOX's predictions.

The trunk is the whole of YOLOX-nano: backbone, feature pyramid, the branches of its head on three levels, and their
predictions for people (one of 80 classes). The neck takes the branches to stride 4. The heads read the predictions
beside the neck, so that sizes need not be learned anew. Names are those of YOLOX (Ge et al., YOLOX; Apache-2.0). Its
public file has every batch norm folded into the convolution before it, so the trunk keeps convolutions with bias and
no batch norm; the layers added here have batch norms, which fold on export. YOLOX's Focus (every second pixel into 12
channels) followed by a 3x3 convolution is the same linear map as the one 6x6 convolution of stride 2 used here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from fairmot.config import NetworkConfig
from fairmot.network.blocks import cross_stage, spatial_pyramid
from fairmot.network.graph import Graph, GraphBuilder
from fairmot.network.heads import HEAD_NAMES, HEATMAP_BIAS, head_channels

TRUNK_PREFIXES = ("backbone.", "head.")
"""Prefixes of the names of all parameters that come from YOLOX-nano."""

FIRST_EXTENT_CELLS = 5.0
"""Initial extents; predicted as logarithms, as sizes are in YOLOX: near and far people count alike."""

NECK_CHANNELS = 64
BRANCH_CHANNELS = 64
"""Channels of the branches of YOLOX-nano's head."""

CONTEXT_CHANNELS = 14
"""Add up to 96 with 64 of the neck and 3 x 6 predictions: ONNX Runtime is five times slower over 82 channels."""

LITE = NetworkConfig(architecture="lite")
"""The configuration of the shipped model."""


def build_lite(config: NetworkConfig) -> Graph:
    """Build the graph of ``lite``."""
    builder = GraphBuilder()
    trunk = _Trunk(builder)
    (stride4, stride8, stride16, stride32), predictions = trunk.build()

    x = stride32
    for name, finer in (("neck.to16", stride16), ("neck.to8", stride8), ("neck.to4", stride4)):
        coarse = _conv_norm(builder, x, f"{name}.top", NECK_CHANNELS, 1)
        lateral = _conv_norm(builder, finer, f"{name}.lateral", NECK_CHANNELS, 1)
        x = builder.activation(builder.add(builder.resize(coarse, 2), lateral))
        x = _separable(builder, x, f"{name}.mix", NECK_CHANNELS)
    for name in ("neck.refine1", "neck.refine2"):
        x = _separable(builder, x, name, NECK_CHANNELS)

    informed = builder.concatenate(x, predictions)
    outputs = {}
    for public, channels in head_channels(config).items():
        # Spatial filters are expensive at stride 4: all heads use those of the neck and add 1x1 convolutions.
        # The detector's predictions carry no identity cue: the embedding branch does not read them.
        source = x if public == "id" else informed
        blank = builder.nodes[source].channels - NECK_CHANNELS
        head = builder.convolution(source, f"{public}.0.conv", config.head_width, 1, blank_inputs=blank)
        head = builder.activation(builder.batch_norm(head, f"{public}.0.bn"))
        first = {"hm": HEATMAP_BIAS, "wh": math.log(FIRST_EXTENT_CELLS)}.get(public, 0.0)
        head = builder.convolution(head, f"{public}.2", channels, 1, bias=True, start="head", bias_start=first)
        outputs[HEAD_NAMES[public]] = builder.activation(head, "exp") if public == "wh" else head
    return builder.finish(config, outputs)


def _conv_norm(builder: GraphBuilder, x: int, name: str, channels: int, kernel: int, groups: int = 1) -> int:
    x = builder.convolution(x, f"{name}.conv", channels, kernel, groups=groups)
    return builder.batch_norm(x, f"{name}.bn")


def _separable(builder: GraphBuilder, x: int, name: str, channels: int) -> int:
    """Append a depth-wise 3x3 and a 1x1 convolution, each with batch norm and ReLU (which fuses, unlike SiLU)."""
    width = builder.nodes[x].channels
    x = builder.activation(_conv_norm(builder, x, f"{name}.depthwise", width, 3, groups=width))
    return builder.activation(_conv_norm(builder, x, f"{name}.pointwise", channels, 1))


class _Trunk:
    """CSPDarknet, PAFPN and head branches at width 0.25 and depth 0.33 with depth-wise convolutions.

    Convolutions stand in the order in which YOLOX runs them, since its public ``.onnx`` is mapped by order.
    """

    def __init__(self, builder: GraphBuilder) -> None:
        self.builder = builder

    def build(self) -> tuple[tuple[int, int, int, int], int]:
        """Append everything; return the maps at strides 4, 8, 16 and 32, and all predictions at stride 4."""
        builder, body, neck = self.builder, "backbone.backbone", "backbone"
        x = self._conv(builder.input(), f"{body}.stem.conv", 16, 6, stride=2)
        dark2 = self._csp(self._halve(x, f"{body}.dark2.0", 32), f"{body}.dark2.1", 32, 1, True)
        dark3 = self._csp(self._halve(dark2, f"{body}.dark3.0", 64), f"{body}.dark3.1", 64, 3, True)
        dark4 = self._csp(self._halve(dark3, f"{body}.dark4.0", 128), f"{body}.dark4.1", 128, 3, True)
        x = self._halve(dark4, f"{body}.dark5.0", 256)
        x = spatial_pyramid(builder, x, f"{body}.dark5.1", 256, self._conv, stem="conv")
        dark5 = self._csp(x, f"{body}.dark5.2", 256, 1, False)

        top32 = self._conv(dark5, f"{neck}.lateral_conv0", 128, 1)
        x = builder.concatenate(builder.resize(top32, 2), dark4)
        x = self._csp(x, f"{neck}.C3_p4", 128, 1, False)
        top16 = self._conv(x, f"{neck}.reduce_conv1", 64, 1)
        x = builder.concatenate(builder.resize(top16, 2), dark3)
        out8 = self._csp(x, f"{neck}.C3_p3", 64, 1, False)
        x = builder.concatenate(self._halve(out8, f"{neck}.bu_conv2", 64), top16)
        out16 = self._csp(x, f"{neck}.C3_n3", 128, 1, False)
        x = builder.concatenate(self._halve(out16, f"{neck}.bu_conv1", 128), top32)
        out32 = self._csp(x, f"{neck}.C3_n4", 256, 1, False)
        levels = [self._head(out, level) for level, out in enumerate((out8, out16, out32))]
        (level8, seen8), (level16, seen16), (level32, seen32) = levels
        # Learned context; it rounds the heads' input up to a number of channels that processors handle fast.
        seen32 = builder.concatenate(
            seen32, builder.convolution(level32, "neck.context", CONTEXT_CHANNELS, 1, bias=True)
        )
        enlarged = [builder.resize(seen, factor) for seen, factor in ((seen8, 2), (seen16, 4), (seen32, 8))]
        return (dark2, level8, level16, level32), builder.concatenate(*enlarged)

    def _head(self, x: int, level: int) -> tuple[int, int]:
        """Append the head of one level.

        Returns the pyramid's map with the branches for class and box, and their predictions: the logit of a person, the
        box (dx, dy, log width, log height, in strides) and the logit of any object.
        """
        builder, stem = self.builder, self._conv(x, f"head.stems.{level}", BRANCH_CHANNELS, 1)
        branches, predictions = [], []
        for branch, kinds in (("cls", {"cls": 1}), ("reg", {"reg": 4, "obj": 1})):
            y = stem
            for index in range(2):
                y = self._separable(y, f"head.{branch}_convs.{level}.{index}", BRANCH_CHANNELS)
            branches.append(y)
            for kind, channels in kinds.items():
                name = f"head.{kind}_preds.{level}"
                predictions.append(builder.convolution(y, name, channels, 1, bias=True))
        return builder.concatenate(x, *branches), builder.concatenate(*predictions)

    def _conv(self, x: int, name: str, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> int:
        x = self.builder.convolution(x, f"{name}.conv", channels, kernel, stride, groups, bias=True)
        return self.builder.activation(x, "silu")

    def _separable(self, x: int, name: str, channels: int, kernel: int = 3, stride: int = 1) -> int:
        width = self.builder.nodes[x].channels
        x = self._conv(x, f"{name}.dconv", width, kernel, stride, groups=width)
        return self._conv(x, f"{name}.pconv", channels, 1)

    def _halve(self, x: int, name: str, channels: int) -> int:
        return self._separable(x, name, channels, stride=2)

    def _csp(self, x: int, name: str, channels: int, depth: int, shortcut: bool) -> int:
        return cross_stage(self.builder, x, name, channels, depth, shortcut, self._conv, self._separable, stem="conv")


def is_lite(names: Mapping[str, object]) -> bool:
    """Whether a state with these names is ``lite``."""
    return "backbone.backbone.stem.conv.conv.weight" in names and "neck.to4.mix.pointwise.conv.weight" in names
