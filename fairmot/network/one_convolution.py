"""A network that is next to nothing but one large 3x3 convolution: its time tells what a machine can do."""

from __future__ import annotations

from fairmot.network.graph import Graph, GraphBuilder
from fairmot.network.lite import LITE


def build_one_convolution(channels: int) -> Graph:
    """Build a 3x3 convolution between maps of so many channels, of the size of the input; no architecture has it."""
    builder = GraphBuilder()
    x = builder.convolution(builder.input(), "stem", channels, 1)
    x = builder.convolution(x, "large", channels, 3, bias=True)
    widths = {"heatmap": 1, "extents": 4, "offsets": 2, "embedding": 1}
    heads = {head: builder.convolution(x, f"{head}.0", width, 1, bias=True) for head, width in widths.items()}
    return builder.finish(LITE.model_copy(update={"embedding": 1}), heads)
