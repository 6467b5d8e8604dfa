"""The networks to measure: a weight file, an architecture, or one large convolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairmot.engines import EXPORTED
from fairmot.errors import InputError, closest_name, is_out_of_memory
from fairmot.network.architectures import ARCHITECTURES, build_graph, published_config
from fairmot.network.graph import Graph
from fairmot.network.initial import initial_weights
from fairmot.network.one_convolution import build_one_convolution
from fairmot.network.safetensors import Arrays, check_weights, load_weights

CEILING_SIZE = (128, 96)
CEILING_CHANNELS = 256
"""The practical ceiling is a 3x3 convolution of so many channels on a map of this size: 7.2 G multiply-adds."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A network to measure."""

    name: str
    graph: Graph
    weights: Arrays


@dataclass(frozen=True, slots=True)
class Skipped:
    """A combination that cannot be measured on this machine, and why."""

    network: str
    engine: str
    precision: str
    reason: str
    out_of_memory: bool = False


def find_subject(name: str) -> Subject:
    """Return the network of a weight file, or an architecture with random weights (speed does not depend on them).

    Architectures have the sizes in which they were published.

    Raises:
        InputError: nothing of that name, or an exported file.
    """
    path = Path(name)
    if path.suffix in EXPORTED:
        raise InputError(f"{name}: is exported already; give the .safetensors file that it was made from")
    if path.suffix == ".safetensors":
        file = load_weights(path)
        graph = build_graph(file.network)
        check_weights(graph, file.arrays, name)
        return Subject(file.network.architecture, graph, file.arrays)
    if name not in ARCHITECTURES:
        closest = closest_name(name, ARCHITECTURES)
        known = ", ".join(ARCHITECTURES)
        raise InputError(f"{name}: neither a .safetensors file nor an architecture{closest}; known: {known}")
    graph = build_graph(published_config(name))
    return Subject(name, graph, initial_weights(graph))


def skipped_for(error: Exception, subject: Subject, engine: str, precision: str, images: str) -> Skipped:
    """Return the combination that an error leaves out.

    Args:
        error: what measuring raised.
        subject: the network.
        engine: the engine.
        precision: the precision.
        images: what the network got, in words.

    Raises:
        Exception: the error itself, unless it is a combination that this machine lacks or memory that ran out.
    """
    if is_out_of_memory(error):
        reason = f"out of memory with {images}; give fewer or smaller ones"
        return Skipped(subject.name, engine, precision, reason, out_of_memory=True)
    if isinstance(error, InputError):
        return Skipped(subject.name, engine, precision, str(error))
    raise error


def check_that_any_fits(rows: Sequence[object], skipped: Sequence[Skipped]) -> None:
    """Raise where memory ran out and nothing was measured.

    Raises:
        InputError: says what did not fit.
    """
    for each in skipped:
        if each.out_of_memory and not rows:
            raise InputError(f"{each.network} in {each.engine}, {each.precision}: {each.reason}")


def ceiling_subject() -> Subject:
    """Return a network that consists almost entirely of one large 3x3 convolution."""
    graph = build_one_convolution(CEILING_CHANNELS)
    return Subject("one 3x3 convolution", graph, initial_weights(graph))


def check_size(size: tuple[int, int] | None) -> None:
    """Raise unless width and height are multiples of 32, as every network needs them.

    Raises:
        InputError: they are not.
    """
    if size is not None and any(side < 32 or side % 32 for side in size):
        raise InputError(f"input size {size[0]} x {size[1]}: width and height must be multiples of 32")
