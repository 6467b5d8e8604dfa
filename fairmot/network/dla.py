"""DLA-34 with iterative up-sampling, as FairMOT uses it (Yu et al., Deep Layer Aggregation; CenterNet).

``dla_34`` has modulated deformable convolutions in its up-sampling part, ``dlaconv_34`` plain ones without bias.
"""

from __future__ import annotations

from collections.abc import Mapping

from fairmot.config import NetworkConfig
from fairmot.network.blocks import basic_block, conv_norm, deformable_block
from fairmot.network.graph import Graph, GraphBuilder, Role
from fairmot.network.heads import dense_heads

LEVELS = (1, 1, 1, 2, 2, 1)
CHANNELS = (16, 32, 64, 128, 256, 512)
FIRST_LEVEL = 2
"""Level 2 has stride 4, the stride of the heads."""

_PROJECTION: dict[str, Role] = {
    "0.weight": "weight",
    "1.weight": "bn_weight",
    "1.bias": "bn_bias",
    "1.running_mean": "bn_mean",
    "1.running_var": "bn_var",
    "1.num_batches_tracked": "bn_count",
}

NEVER_USED: dict[str, Role] = {
    "base.fc.weight": "weight",
    "base.fc.bias": "bias",
    **{f"base.level{level}.project.{last}": role for level in (3, 4) for last, role in _PROJECTION.items()},
}
"""Arrays of the public files that no output depends on: the classifier, projections of the two-level trees."""


def build_dla(config: NetworkConfig, deformable: bool = True) -> Graph:
    """Build the graph of ``dla_34`` or, with ``deformable=False``, of ``dlaconv_34``."""
    builder = GraphBuilder()
    levels = _backbone(builder)
    upsampler = _Upsampler(builder, deformable)

    # DLAUp: each stage aggregates one level more and hands its last map on.
    layers, outputs = list(levels), [levels[-1]]
    for stage, level in enumerate(range(len(levels) - 2, FIRST_LEVEL - 1, -1)):
        factors = [2] * (len(levels) - 1 - level)
        layers[level:] = upsampler.aggregate(f"dla_up.ida_{stage}", CHANNELS[level], layers[level:], factors)
        outputs.insert(0, layers[-1])
    # IDAUp over strides 4, 8 and 16; stride 32 took part in the stages before.
    maps = upsampler.aggregate("ida_up", CHANNELS[FIRST_LEVEL], outputs[:3], [2, 4])
    return builder.finish(config, dense_heads(builder, maps[-1], config))


def _conv_norm_relu(builder: GraphBuilder, x: int, name: str, channels: int, kernel: int, stride: int) -> int:
    return builder.activation(conv_norm(builder, x, f"{name}.0", f"{name}.1", channels, kernel, stride))


def _backbone(builder: GraphBuilder) -> list[int]:
    x = _conv_norm_relu(builder, builder.input(), "base.base_layer", CHANNELS[0], 7, 1)
    levels = [_conv_norm_relu(builder, x, "base.level0", CHANNELS[0], 3, 1)]
    levels.append(_conv_norm_relu(builder, levels[-1], "base.level1", CHANNELS[1], 3, 2))
    for level in range(2, 6):
        levels.append(
            _tree(builder, levels[-1], f"base.level{level}", LEVELS[level], CHANNELS[level], 2, level > 2, ())
        )
    return levels


def _tree(
    builder: GraphBuilder,
    x: int,
    name: str,
    levels: int,
    channels: int,
    stride: int,
    level_root: bool,
    children: tuple[int, ...],
) -> int:
    """Append hierarchical aggregation: two subtrees, and a root over all maps on the way."""
    bottom = builder.max_pool(x, stride, stride) if stride > 1 else x
    if level_root:
        children = (*children, bottom)
    if levels > 1:
        # A two-level tree's own projection is in the public files but never used: it is not built.
        first = _tree(builder, x, f"{name}.tree1", levels - 1, channels, stride, False, ())
        return _tree(builder, first, f"{name}.tree2", levels - 1, channels, 1, False, (*children, first))
    residual = bottom
    if builder.nodes[x].channels != channels:
        residual = conv_norm(builder, bottom, f"{name}.project.0", f"{name}.project.1", channels, 1)
    first = basic_block(builder, x, f"{name}.tree1", channels, stride, residual)
    second = basic_block(builder, first, f"{name}.tree2", channels, 1, first)
    root = builder.concatenate(second, first, *children)
    return builder.activation(conv_norm(builder, root, f"{name}.root.conv", f"{name}.root.bn", channels, 1))


class _Upsampler:
    """Iterative aggregation (IDAUp): project, enlarge, add to the finer map, convolve."""

    def __init__(self, builder: GraphBuilder, deformable: bool) -> None:
        self.builder = builder
        self.deformable = deformable

    def aggregate(self, name: str, channels: int, layers: list[int], factors: list[int]) -> list[int]:
        layers = list(layers)
        for index, factor in enumerate(factors, start=1):
            projected = self._block(layers[index], f"{name}.proj_{index}", channels)
            enlarged = self.builder.depthwise_enlargement(projected, f"{name}.up_{index}", factor)
            summed = self.builder.add(enlarged, layers[index - 1])
            layers[index] = self._block(summed, f"{name}.node_{index}", channels)
        return layers

    def _block(self, x: int, name: str, channels: int) -> int:
        if self.deformable:
            return deformable_block(self.builder, x, f"{name}.conv", f"{name}.actf.0", channels)
        return self.builder.activation(conv_norm(self.builder, x, f"{name}.conv", f"{name}.actf.0", channels, 3))


def is_dla(names: Mapping[str, object], deformable: bool) -> bool:
    """Whether a public state with these names is ``dla_34`` or, with ``deformable=False``, ``dlaconv_34``."""
    has_offsets = "ida_up.proj_1.conv.conv_offset_mask.weight" in names
    return (
        "ida_up.proj_1.conv.weight" in names and "base.level5.root.conv.weight" in names and has_offsets == deformable
    )
