"""Workflow ``describe``. Count the parameters and multiply-adds of a network, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairmot.config import load_config, shipped_configs
from fairmot.network.architectures import ARCHITECTURES, build_graph, published_config
from fairmot.network.summary import Summary, summarize
from fairmot.weights import SUFFIXES, network_of, read_weights, weights_suffix


@dataclass(frozen=True, slots=True)
class ArchitectureCost:
    """The cost of one architecture at one input size, in its published configuration."""

    architecture: str
    input_size: tuple[int, int]
    """Width and height, pixels."""
    parameters: int
    multiply_adds: int
    embedding: int


def describe(network: str, input_size: tuple[int, int] | None = None) -> tuple[str, Summary]:
    """Return a title and the summary of a file of weights, a configuration (file or shipped name) or an architecture.

    Raises:
        InputError: nothing of that name.
    """
    if weights_suffix(Path(network)) in SUFFIXES:
        config = network_of(read_weights(network))
    elif network == "lite" or (network in ARCHITECTURES and network not in shipped_configs()):
        config = published_config(network)
    else:
        config = load_config(network).network
    width, height = input_size or config.input_size
    return f"{config.architecture} at {width} x {height}", summarize(build_graph(config), (width, height))


def compare_architectures(input_size: tuple[int, int] | None = None) -> list[ArchitectureCost]:
    """Count every architecture at one input size, by default that of each published configuration."""
    rows = []
    for name in ARCHITECTURES:
        config = published_config(name)
        size = input_size or config.input_size
        summary = summarize(build_graph(config), size)
        rows.append(ArchitectureCost(name, size, summary.parameters, summary.multiply_adds, config.embedding))
    return rows


def markdown_table(rows: Sequence[ArchitectureCost]) -> str:
    """Return the costs as a Markdown table, in millions and thousand millions."""
    lines = ["| architecture | input | parameters (M) | multiply-adds (G) | embedding |", "|--|--|--:|--:|--:|"]
    for row in rows:
        width, height = row.input_size
        parameters, multiply_adds = row.parameters / 1e6, row.multiply_adds / 1e9
        lines.append(
            f"| `{row.architecture}` | {width} x {height} | {parameters:.2f} | {multiply_adds:.2f} | {row.embedding} |"
        )
    return "\n".join(lines)
