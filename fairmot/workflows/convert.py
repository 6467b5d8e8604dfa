"""Workflow ``convert``. Turn weights of one kind of file into another kind, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fairmot.config import NetworkConfig
from fairmot.engines import load_checkpoint_format
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph, published_config
from fairmot.network.ckpt import write_ckpt
from fairmot.network.initial import initial_weights
from fairmot.network.lite import LITE
from fairmot.network.naming import from_public
from fairmot.network.official import Arrays, read_rtmdet_onnx
from fairmot.network.safetensors import save_weights
from fairmot.weights import SUFFIXES, architecture_of_source, fit_weights, network_of, read_weights, weights_suffix

LICENCES = {
    "public": "converted from a public checkpoint; its licence and that of its training data apply",
    "rtmdet": "detector: RTMDet-nano (OpenMMLab, Apache-2.0), trained on COCO and Objects365; the rest is drawn",
}

WRITTEN = (".safetensors", ".pth", ".ckpt")


@dataclass(frozen=True, slots=True)
class Conversion:
    """The result of a conversion."""

    network: NetworkConfig
    naming: str
    """How the source names its arrays: public, mindspore, models, mindvideo, or rtmdet."""
    taken: int
    """Arrays taken over from the file."""
    drawn: tuple[str, ...]
    """Arrays that the file does not have, drawn from a seed (start weights only)."""
    dropped: tuple[str, ...]
    """Names in the file that no output depends on."""
    left_out: tuple[str, ...] = ()
    """A line for each array of the file that does not fit (partial conversions only)."""
    remarks: tuple[str, ...] = ()
    """A line for each array that is computed instead of copied."""


def convert(
    source: Path,
    target: Path,
    architecture: str | None = None,
    partial: bool = False,
    naming: str | None = None,
) -> Conversion:
    """Turn a file of weights into another: ``.pth``, MindSpore's ``.ckpt`` and ``.safetensors``, each way.

    RTMDet-nano's ``.onnx`` gives start weights of ``lite``: its detector is copied, the rest is drawn.

    Args:
        source: the file to read; naming and architecture are recognised.
        target: the file to write; its suffix decides the kind.
        architecture: overrules what is recognised.
        partial: take what fits the published sizes of the architecture and draw the rest.
        naming: of the arrays in a ``.ckpt``, see ``fairmot.network.naming.NAMINGS``.

    Raises:
        InputError: a missing, foreign or incomplete file; nothing is written then.
    """
    if not source.is_file():
        raise InputError(f"{source}: no such file")
    if target.suffix not in WRITTEN:
        raise InputError(
            f"{target}: cannot write {target.suffix or 'a file without suffix'}; known: {', '.join(WRITTEN)}"
        )
    if naming is not None and target.suffix != ".ckpt":
        raise InputError(f"naming {naming}: only .ckpt files have a choice of names; {target.name} has the public ones")
    suffix = weights_suffix(source)
    if suffix == ".onnx":
        arrays, conversion, notes = _from_onnx(source)
    elif suffix in SUFFIXES:
        arrays, conversion, notes = _from_weights(source, architecture, partial)
    else:
        known = ", ".join((*SUFFIXES, ".onnx"))
        raise InputError(f"{source}: cannot convert {suffix or 'a file without suffix'}; known: {known}")
    _write(target, conversion.network, arrays, notes, naming or "mindspore")
    return conversion


def _write(target: Path, network: NetworkConfig, arrays: Arrays, notes: dict[str, str], naming: str) -> None:
    match target.suffix:
        case ".safetensors":
            save_weights(target, network, arrays, notes)
        case ".ckpt":
            write_ckpt(target, from_public(arrays, naming))
        case _:
            load_checkpoint_format(target.suffix).write_checkpoint(target, arrays)


def _from_onnx(source: Path) -> tuple[Arrays, Conversion, dict[str, str]]:
    graph = build_graph(LITE)
    detector = read_rtmdet_onnx(source, graph)
    arrays = initial_weights(graph) | detector
    drawn = tuple(name for name in arrays if name not in detector)
    return (
        arrays,
        Conversion(LITE, "rtmdet", len(detector), drawn, ()),
        {"licence": LICENCES["rtmdet"], "source": source.name},
    )


def _from_weights(path: Path, architecture: str | None, partial: bool) -> tuple[Arrays, Conversion, dict[str, str]]:
    source = read_weights(path)
    if partial:
        network = published_config(architecture or architecture_of_source(source))
    else:
        network = network_of(source, architecture)
    fitted = fit_weights(build_graph(network), source, partial)
    conversion = Conversion(
        network, source.naming, len(fitted.taken), fitted.drawn, source.dropped, fitted.left_out, fitted.remarks
    )
    notes = source.notes or {"licence": LICENCES["public"], "source": path.name}
    return fitted.arrays, conversion, notes
