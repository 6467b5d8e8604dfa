"""Read weights from every kind of file that this package knows, under public names, and fit them to a network."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fairmot.config import NetworkConfig
from fairmot.engines import CHECKPOINTS, load_checkpoint_format
from fairmot.errors import InputError
from fairmot.network.ckpt import read_ckpt
from fairmot.network.graph import Graph
from fairmot.network.initial import initial_weights
from fairmot.network.naming import to_public
from fairmot.network.official import Arrays, architecture_of, drop_never_used, recognise
from fairmot.network.safetensors import (
    check_finite,
    check_weights,
    load_weights,
    read_arrays,
    read_metadata,
    shape_differences,
)

SUFFIXES = (".safetensors", *CHECKPOINTS, ".ckpt")
"""Suffixes of the files that ``read_weights`` reads."""
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
"""How the files of ``torch.save`` begin; the pickle is from before PyTorch 1.6."""


def weights_suffix(path: Path) -> str:
    """Return the kind of a file by its name: the suffix in small letters; ``.pth.tar`` is another word for ``.pth``."""
    name = path.name.lower()
    return ".pth" if name.endswith(".pth.tar") else Path(name).suffix


@dataclass(frozen=True, slots=True)
class SourceWeights:
    """The content of a file of weights."""

    path: Path
    arrays: Arrays
    """By public names."""
    naming: str
    """The file's own naming, one of ``fairmot.network.naming.NAMINGS``."""
    network: NetworkConfig | None
    """The network's configuration; only files of this project hold one."""
    notes: dict[str, str]
    """Free text in the file."""
    dropped: tuple[str, ...]
    """Names in the file that no output depends on."""
    remarks: tuple[str, ...]
    """A line for each array that is computed instead of copied."""


@dataclass(frozen=True, slots=True)
class FittedWeights:
    """All weights of a network, and their origin."""

    arrays: Arrays
    taken: tuple[str, ...]
    drawn: tuple[str, ...]
    """Arrays that the file does not have, or has in another shape: start values from a seed."""
    left_out: tuple[str, ...]
    """A line for each array of the file that does not fit."""
    remarks: tuple[str, ...]


def read_weights(path: Path | str) -> SourceWeights:
    """Read ``.safetensors`` (this project's or others'), PyTorch's ``.pth`` or MindSpore's ``.ckpt``; runs no code.

    Raises:
        InputError: no such file, a foreign or damaged one, or one whose reader is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    notes: dict[str, str] = {}
    other: tuple[str, ...] = ()
    match weights_suffix(path):
        case ".safetensors":
            metadata = read_metadata(path)
            if {"network", "checkpoint_version"} & metadata.keys():
                own = load_weights(path)
                return SourceWeights(path, own.arrays, "public", own.network, own.notes, (), ())
            arrays = read_arrays(path)[1]
        case ".ckpt":
            checkpoint = read_ckpt(path)
            arrays, other = checkpoint.arrays, checkpoint.other
        case suffix if suffix in CHECKPOINTS:
            _check_beginning(path)
            arrays = load_checkpoint_format(suffix).read_checkpoint(path)
        case suffix:
            raise InputError(
                f"{path}: cannot read weights from {suffix or 'a file without suffix'}; known: {', '.join(SUFFIXES)}"
            )
    renamed = to_public(arrays, str(path))
    kept, never_used = drop_never_used(renamed.arrays)
    return SourceWeights(
        path, kept, renamed.naming, None, notes, (*never_used, *renamed.dropped, *other), renamed.remarks
    )


def _check_beginning(path: Path) -> None:
    """Refuse foreign files before PyTorch is imported, which takes seconds; the old tar files it refuses itself."""
    try:
        with path.open("rb") as file:
            first = file.read(len(_ZIP))
    except OSError:
        return  # the reader says why
    if not first.startswith((_ZIP, _PICKLE)) and not tarfile.is_tarfile(path):
        raise InputError(
            f"{path}: no PyTorch checkpoint, or cut off (neither a zip archive nor a pickle); copy it again"
        )


def architecture_of_source(source: SourceWeights) -> str:
    """Return the name of the architecture that a file holds, whatever its heads.

    Raises:
        InputError: no known architecture.
    """
    return source.network.architecture if source.network else architecture_of(source.arrays, str(source.path))


def network_of(source: SourceWeights, architecture: str | None = None) -> NetworkConfig:
    """Return the network of a file; ``architecture`` overrules the file's own configuration and names.

    Raises:
        InputError: no known architecture, or heads that are missing.
    """
    if source.network and architecture in (None, source.network.architecture):
        return source.network
    return recognise(source.arrays, str(source.path), architecture)


def fit_weights(graph: Graph, source: SourceWeights, partial: bool = False, seed: int = 0) -> FittedWeights:
    """Return weights for ``graph``. Counts of batches that the file lacks are 0.

    Args:
        graph: the network.
        source: a file's content.
        partial: take what fits and draw the rest, as start weights (a backbone, another number of classes).
        seed: of the drawn start values.

    Raises:
        InputError: lists every name and shape that does not fit; with ``partial``, nothing of the file fits; or names
            an array that holds numbers that are not finite.
    """
    given = dict(source.arrays)
    counts = [p.name for p in graph.parameters() if p.role == "bn_count" and p.name not in given]
    # PyTorch before 0.4.1 and MindSpore count no batches, and nothing depends on the counts.
    counts = [name for name in counts if name.replace("num_batches_tracked", "running_mean") in given]
    given.update({name: np.zeros((), np.int64) for name in counts})
    remarks = (
        (*source.remarks, f"{len(counts)} counts of batches are absent and set to 0") if counts else source.remarks
    )
    if not partial:
        check_weights(graph, given, str(source.path))
        return FittedWeights(given, tuple(given), (), (), remarks)
    expected = {parameter.name: parameter.shape for parameter in graph.parameters()}
    fitting = {name: array for name, array in given.items() if array.shape == expected.get(name)}
    if not fitting:
        raise InputError(f"{source.path}: no parameter fits {graph.config.architecture}")
    check_finite(fitting, str(source.path))
    drawn = tuple(name for name in expected if name not in fitting)
    surplus = {name: array for name, array in given.items() if name not in fitting}
    known = {name: shape for name, shape in expected.items() if name in surplus}
    left_out = tuple(shape_differences(known, surplus))
    return FittedWeights(initial_weights(graph, seed) | fitting, tuple(fitting), drawn, left_out, remarks)
