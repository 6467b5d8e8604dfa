"""RTMDet-nano, a person detector on three levels (Lyu et al., RTMDet; Apache-2.0).

The public one for people, with its public names: CSPNeXt with channel attention, a pyramid, and heads without shared
weights on strides 8, 16 and 32. Its public file has every batch norm folded into the convolution before it, so its
convolutions have biases and no batch norm.
"""

from __future__ import annotations

import math

from fairmot.network.graph import GraphBuilder

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
"""Of RGB in 0..255 (ImageNet's), with which the public weights were trained."""

HEAD_CHANNELS = 64
STRIDES = (8, 16, 32)

SCORE_BIAS = -math.log(99)
"""Start value: each score is 0.01 (RTMDet)."""

DISTANCE_BIAS = 2.0
"""Start value: boxes of four cells. The published 0 gives empty boxes, which overlap no true one."""

DETECTOR_PREFIXES = ("backbone.", "neck.", "bbox_head.")
"""Every parameter of the public detector begins so."""


class RtmdetNano:
    """Appends the layers of RTMDet-nano at width 0.25 and depth 0.33.

    Convolutions stand in the order in which the public ``.onnx`` has them, since that is mapped by order.
    """

    def __init__(self, builder: GraphBuilder, classes: int) -> None:
        self.builder, self.classes = builder, classes

    def build(self) -> tuple[dict[str, int], dict[str, int]]:
        """Append everything; return the outputs of the levels, and the maps that embeddings may be read from."""
        builder = self.builder
        mean, std = (tuple(value / 255 for value in values) for values in (PIXEL_MEAN, PIXEL_STD))
        image = builder.normalize(builder.input(), mean, std)
        x = self._conv(image, "backbone.stem.0", 8, 3, stride=2)
        x = self._conv(x, "backbone.stem.1", 8, 3)
        x = self._conv(x, "backbone.stem.2", 16, 3)
        maps = {"image": image}
        for stage, (channels, depth) in enumerate(((32, 1), (64, 2), (128, 2), (256, 1)), start=1):
            name = f"backbone.stage{stage}"
            x = self._separable(x, f"{name}.0", channels, 3, stride=2)
            if stage == 4:
                x = self._pool(x, f"{name}.1", channels)
            block = 2 if stage == 4 else 1
            x = self._cross_stage(x, f"{name}.{block}", channels, depth, shortcut=stage < 4, attention=True)
            maps[f"backbone{2 ** (stage + 1)}"] = x
        pyramid = self._pyramid(maps["backbone8"], maps["backbone16"], maps["backbone32"])
        maps |= {f"pyramid{stride}": level for stride, level in zip(STRIDES, pyramid, strict=True)}
        levels = [
            self._separable(level, f"neck.out_convs.{index}", HEAD_CHANNELS, 3) for index, level in enumerate(pyramid)
        ]
        outputs: dict[str, int] = {}
        for index, (stride, level) in enumerate(zip(STRIDES, levels, strict=True)):
            for kind, branch, channels, bias in (
                ("scores", "cls", self.classes, SCORE_BIAS),
                ("distances", "reg", 4, DISTANCE_BIAS),
            ):
                y = level
                for place in range(2):
                    y = self._separable(y, f"bbox_head.{branch}_convs.{index}.{place}", HEAD_CHANNELS, 3)
                name = f"bbox_head.rtm_{branch}.{index}"
                outputs[f"{kind}_{stride}"] = builder.convolution(
                    y, name, channels, 1, bias=True, start="head", bias_start=bias
                )
        return outputs, maps

    def _pyramid(self, level8: int, level16: int, level32: int) -> tuple[int, int, int]:
        builder = self.builder
        top32 = self._conv(level32, "neck.reduce_layers.0", 128, 1)
        x = builder.concatenate(builder.resize(top32, 2), level16)
        x = self._cross_stage(x, "neck.top_down_blocks.0", 128)
        top16 = self._conv(x, "neck.reduce_layers.1", 64, 1)
        x = builder.concatenate(builder.resize(top16, 2), level8)
        out8 = self._cross_stage(x, "neck.top_down_blocks.1", 64)
        x = self._separable(out8, "neck.downsamples.0", 64, 3, stride=2)
        out16 = self._cross_stage(builder.concatenate(x, top16), "neck.bottom_up_blocks.0", 128)
        x = self._separable(out16, "neck.downsamples.1", 128, 3, stride=2)
        out32 = self._cross_stage(builder.concatenate(x, top32), "neck.bottom_up_blocks.1", 256)
        return out8, out16, out32

    def _conv(self, x: int, name: str, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> int:
        x = self.builder.convolution(
            x, f"{name}.conv", channels, kernel, stride, groups, bias=True, start="unnormalised"
        )
        return self.builder.activation(x, "silu")

    def _separable(self, x: int, name: str, channels: int, kernel: int, stride: int = 1) -> int:
        width = self.builder.nodes[x].channels
        x = self._conv(x, f"{name}.depthwise_conv", width, kernel, stride, groups=width)
        return self._conv(x, f"{name}.pointwise_conv", channels, 1)

    def _pool(self, x: int, name: str, channels: int) -> int:
        """Max-pools over windows of 1, 5, 9 and 13 cells, stacked (a 5-window of a 5-window is a 9-window)."""
        pools = [self._conv(x, f"{name}.conv1", channels // 2, 1)]
        for _ in range(3):
            pools.append(self.builder.max_pool(pools[-1], 5, 1, 2))
        return self._conv(self.builder.concatenate(*pools), f"{name}.conv2", channels, 1)

    def _cross_stage(
        self, x: int, name: str, channels: int, depth: int = 1, shortcut: bool = False, attention: bool = False
    ) -> int:
        """The short path stands first in the public file, the main path comes first in the concatenation."""
        builder, half = self.builder, channels // 2
        short = self._conv(x, f"{name}.short_conv", half, 1)
        main = self._conv(x, f"{name}.main_conv", half, 1)
        for index in range(depth):
            inner = self._separable(main, f"{name}.blocks.{index}.conv1", half, 3)
            inner = self._separable(inner, f"{name}.blocks.{index}.conv2", half, 5)
            main = builder.add(inner, main) if shortcut else inner
        x = builder.concatenate(main, short)
        if attention:
            x = builder.channel_attention(x, f"{name}.attention.fc")
        return self._conv(x, f"{name}.final_conv", channels, 1)
