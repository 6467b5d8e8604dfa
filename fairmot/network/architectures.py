"""The table of architectures, one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from fairmot.config import NetworkConfig
from fairmot.errors import InputError, closest_name
from fairmot.network.dla import build_dla, is_dla
from fairmot.network.graph import Graph
from fairmot.network.hrnet import build_hrnet, is_hrnet
from fairmot.network.lite import build_lite, is_lite
from fairmot.network.resnet import build_resdcn, build_resfpndcn, is_resdcn, is_resfpndcn
from fairmot.network.yolo import build_yolo, is_yolo

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Architecture:
    """How one architecture is built, and recognised by its public names."""

    build: Callable[[NetworkConfig], Graph]
    fits: Callable[[Shapes], bool]
    """Whether a public state with arrays of these shapes has this architecture."""


ARCHITECTURES: dict[str, Architecture] = {
    "dla_34": Architecture(build_dla, partial(is_dla, deformable=True)),
    "dlaconv_34": Architecture(partial(build_dla, deformable=False), partial(is_dla, deformable=False)),
    "resdcn_34": Architecture(partial(build_resdcn, layers=34), partial(is_resdcn, layers=34)),
    "resdcn_50": Architecture(partial(build_resdcn, layers=50), partial(is_resdcn, layers=50)),
    "resdcn_101": Architecture(partial(build_resdcn, layers=101), partial(is_resdcn, layers=101)),
    "resdcn_152": Architecture(partial(build_resdcn, layers=152), partial(is_resdcn, layers=152)),
    "resfpndcn_34": Architecture(partial(build_resfpndcn, layers=34), partial(is_resfpndcn, layers=34)),
    "hrnet_18": Architecture(partial(build_hrnet, width=18), partial(is_hrnet, width=18)),
    "hrnet_32": Architecture(partial(build_hrnet, width=32), partial(is_hrnet, width=32)),
    "yolo": Architecture(build_yolo, is_yolo),
    "lite": Architecture(build_lite, is_lite),
}


def build_graph(config: NetworkConfig) -> Graph:
    """Build the graph of ``config.architecture``.

    Raises:
        InputError: an unknown architecture.
    """
    return find_architecture(config.architecture).build(config)


def published_config(name: str) -> NetworkConfig:
    """Return an architecture's configuration with the sizes in which it was published (``config.sections``).

    Raises:
        InputError: an unknown architecture.
    """
    find_architecture(name)
    return NetworkConfig(architecture=name)


def find_architecture(name: str) -> Architecture:
    """Return an architecture by its name.

    Raises:
        InputError: an unknown architecture.
    """
    if name not in ARCHITECTURES:
        raise InputError(
            f"network.architecture {name!r} is unknown"
            f"{closest_name(name, ARCHITECTURES)}; known: {', '.join(ARCHITECTURES)}"
        )
    return ARCHITECTURES[name]
