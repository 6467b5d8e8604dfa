"""HRNet-W18 and -W32 (Wang et al., Deep High-Resolution Representation Learning), with FairMOT's heads.

Four branches at strides 4 to 32 run side by side and exchange their maps after every module; at the end all are
enlarged to stride 4 and stacked, and the heads read the stack.
"""

from __future__ import annotations

from collections.abc import Mapping

from fairmot.config import NetworkConfig
from fairmot.network.blocks import basic_block, bottleneck, conv_norm, residual_layer
from fairmot.network.graph import Graph, GraphBuilder
from fairmot.network.heads import dense_heads

MODULES = (1, 4, 3)
"""Modules of stages 2, 3 and 4, which have 2, 3 and 4 branches."""
BLOCKS = 4
"""Blocks of a branch in a module."""
MOMENTUM = 0.01
"""Momentum of batch norms outside transitions and exchanges, which have the usual 0.1."""


def build_hrnet(config: NetworkConfig, width: int) -> Graph:
    """Build the graph of ``hrnet_<width>``; ``width`` is the channels of the finest branch."""
    builder = GraphBuilder()
    x = builder.input()
    for number in (1, 2):
        x = conv_norm(builder, x, f"conv{number}", f"bn{number}", 64, 3, 2, momentum=MOMENTUM)
        x = builder.activation(x)
    x = residual_layer(builder, x, "layer1", bottleneck, 256, 4, 1, MOMENTUM)
    branches = [
        _transition(builder, x, "transition1.0", width, 1),
        _transition(builder, x, "transition1.1.0", 2 * width, 2),
    ]
    for stage, modules in enumerate(MODULES, start=2):
        if stage > 2:
            name = f"transition{stage - 1}.{stage - 1}.0"
            branches.append(_transition(builder, branches[-1], name, width << (stage - 1), 2))
        for module in range(modules):
            branches = _module(builder, branches, f"stage{stage}.{module}")
    enlarged = [builder.resize(x, 1 << i, "bilinear") for i, x in enumerate(branches) if i > 0]
    stack = builder.concatenate(branches[0], *enlarged)
    return builder.finish(config, dense_heads(builder, stack, config))


def _transition(builder: GraphBuilder, x: int, name: str, channels: int, stride: int) -> int:
    return builder.activation(conv_norm(builder, x, f"{name}.0", f"{name}.1", channels, 3, stride))


def _module(builder: GraphBuilder, branches: list[int], name: str) -> list[int]:
    """Append four blocks a branch and the exchange between the branches."""
    maps = []
    for branch, x in enumerate(branches):
        channels = builder.nodes[x].channels
        maps.append(residual_layer(builder, x, f"{name}.branches.{branch}", basic_block, channels, BLOCKS, 1, MOMENTUM))
    fused = []
    for target in range(len(maps)):
        # The public order of summation: the finest branch first.
        total = _exchange(builder, maps, f"{name}.fuse_layers.{target}", target, 0)
        for source in range(1, len(maps)):
            total = builder.add(total, _exchange(builder, maps, f"{name}.fuse_layers.{target}", target, source))
        fused.append(builder.activation(total))
    return fused


def _exchange(builder: GraphBuilder, maps: list[int], name: str, target: int, source: int) -> int:
    """Bring one branch's map to the size and channels of another's."""
    x, channels = maps[source], builder.nodes[maps[target]].channels
    if source > target:
        x = conv_norm(builder, x, f"{name}.{source}.0", f"{name}.{source}.1", channels, 1)
        return builder.resize(x, 1 << (source - target))
    steps = target - source
    for step in range(steps):
        last = step == steps - 1
        width = channels if last else builder.nodes[x].channels
        x = conv_norm(builder, x, f"{name}.{source}.{step}.0", f"{name}.{source}.{step}.1", width, 3, 2)
        x = x if last else builder.activation(x)
    return x


def is_hrnet(shapes: Mapping[str, tuple[int, ...]], width: int) -> bool:
    """Whether a public state with arrays of these shapes is ``hrnet_<width>``."""
    return (
        shapes.get("transition3.3.0.0.weight", ())[:1] == (8 * width,) and "stage4.0.fuse_layers.0.1.0.weight" in shapes
    )
