"""A network dominated by one large 3x3 convolution: its speed shows what a machine can reach."""

from __future__ import annotations

from fairmot.network.graph import Graph, GraphBuilder
from fairmot.network.lite import LITE


def build_one_convolution(channels: int) -> Graph:
    """Build one 3x3 convolution between maps of ``channels`` channels at the input's size, and 1x1 heads."""
    builder = GraphBuilder()
    x = builder.convolution(builder.input(), "stem", channels, 1)
    x = builder.convolution(x, "large", channels, 3, bias=True)
    widths = {"heatmap": 1, "extents": 4, "offsets": 2, "embedding": 1}
    heads = {head: builder.convolution(x, f"{head}.0", width, 1, bias=True) for head, width in widths.items()}
    return builder.finish(LITE.model_copy(update={"embedding": 1}), heads)
