"""ResNets with deformable up-sampling (CenterNet's ``resdcn``, and its form with lateral maps, ``resfpndcn``).

Backbone: He et al., Deep Residual Learning. Up-sampling: three times a deformable convolution and a transposed one
(Zhou et al., Objects as Points). In the form with lateral maps each of the backbone's finer maps passes a deformable
block, is added, and the sum passes another one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fairmot.config import NetworkConfig
from fairmot.network.blocks import basic_block, bottleneck, conv_norm, deformable_block, residual_layer
from fairmot.network.graph import Graph, GraphBuilder
from fairmot.network.heads import dense_heads

DEPTHS = {34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Layers -> blocks of each stage."""
CHANNELS = (64, 128, 256, 512)
UP_CHANNELS = (256, 128, 64)


def build_resdcn(config: NetworkConfig, layers: int) -> Graph:
    """Build the graph of ``resdcn_<layers>``."""
    builder = GraphBuilder()
    x = _backbone(builder, layers)[-1]
    for stage, channels in enumerate(UP_CHANNELS):
        x = _enlarge(builder, x, "deconv_layers", 6 * stage, channels)
    return builder.finish(config, dense_heads(builder, x, config))


def build_resfpndcn(config: NetworkConfig, layers: int) -> Graph:
    """Build the graph of ``resfpndcn_<layers>``."""
    builder = GraphBuilder()
    *finer, x = _backbone(builder, layers)
    for stage, (channels, lateral) in enumerate(zip(UP_CHANNELS, reversed(finer), strict=True), start=1):
        x = _enlarge(builder, x, f"deconv_layer{stage}", 0, channels)
        x = builder.add(x, _actf_block(builder, lateral, f"project_layer{stage}", channels))
        x = _actf_block(builder, x, f"smooth_layer{stage}", channels)
    return builder.finish(config, dense_heads(builder, x, config))


def _backbone(builder: GraphBuilder, layers: int) -> list[int]:
    """Append the backbone; return its maps at strides 4, 8, 16 and 32."""
    x = builder.activation(conv_norm(builder, builder.input(), "conv1", "bn1", 64, 7, 2))
    x = builder.max_pool(x, 3, 2, 1)
    block, expansion = (bottleneck, 4) if layers >= 50 else (basic_block, 1)
    maps = []
    for stage, (channels, depth) in enumerate(zip(CHANNELS, DEPTHS[layers], strict=True), start=1):
        stride = 1 if stage == 1 else 2
        x = residual_layer(builder, x, f"layer{stage}", block, channels * expansion, depth, stride)
        maps.append(x)
    return maps


def _enlarge(builder: GraphBuilder, x: int, name: str, first: int, channels: int) -> int:
    """Append one stage; ``first`` is the number of its first layer in the published list of layers."""
    x = deformable_block(builder, x, f"{name}.{first}", f"{name}.{first + 1}", channels)
    x = builder.transposed_convolution(x, f"{name}.{first + 3}", channels)
    return builder.activation(builder.batch_norm(x, f"{name}.{first + 4}"))


def _actf_block(builder: GraphBuilder, x: int, name: str, channels: int) -> int:
    return deformable_block(builder, x, f"{name}.conv", f"{name}.actf.0", channels)


def is_resdcn(names: Mapping[str, object], layers: int) -> bool:
    """Whether a public state with these names is ``resdcn_<layers>``."""
    return "deconv_layers.0.conv_offset_mask.weight" in names and _has_depth(names, layers)


def is_resfpndcn(names: Mapping[str, object], layers: int) -> bool:
    """Whether a public state with these names is ``resfpndcn_<layers>``."""
    return "deconv_layer1.0.conv_offset_mask.weight" in names and _has_depth(names, layers)


def _has_depth(names: Mapping[str, object], layers: int) -> bool:
    pattern = re.compile(r"layer([1-4])\.(\d+)\.conv1\.weight")
    blocks = [match.group(1) for match in map(pattern.fullmatch, names) if match]
    depth = tuple(blocks.count(str(stage)) for stage in range(1, 5))
    return depth == DEPTHS[layers] and ("layer1.0.conv3.weight" in names) == (layers >= 50)
