"""Which architectures there are: one line each."""

from __future__ import annotations

from collections.abc import Callable

from fairmot.config import NetworkConfig
from fairmot.errors import InputError, closest_name
from fairmot.network.dla import build_dla, build_dlaconv
from fairmot.network.graph import Graph
from fairmot.network.lite import build_lite

ARCHITECTURES: dict[str, Callable[[NetworkConfig], Graph]] = {
    "dla_34": build_dla,
    "dlaconv_34": build_dlaconv,
    "lite": build_lite,
}


def build_graph(config: NetworkConfig) -> Graph:
    """Build the graph of ``config.architecture``.

    Raises:
        InputError: an unknown architecture.
    """
    if config.architecture not in ARCHITECTURES:
        raise InputError(
            f"network.architecture {config.architecture!r} is unknown"
            f"{closest_name(config.architecture, ARCHITECTURES)}; known: {', '.join(ARCHITECTURES)}"
        )
    return ARCHITECTURES[config.architecture](config)
