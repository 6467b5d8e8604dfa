"""Journey: convert. A public checkpoint in, a weight file of this project out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fairmot.config import NetworkConfig
from fairmot.engines import load_engine
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.graph import Graph
from fairmot.network.initial import initial_weights
from fairmot.network.lite import LITE
from fairmot.network.official import Arrays, drop_never_used, network_config, read_yolox_onnx
from fairmot.network.weights import check_weights, save_weights

LICENCES = {
    ".pth": "converted from a public FairMOT checkpoint; its licence and that of its training data apply",
    ".onnx": "trunk: YOLOX-nano (Megvii, Apache-2.0), trained on COCO; the rest is drawn, not trained",
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion did."""

    network: NetworkConfig
    taken: int
    """Arrays taken over from the file."""
    drawn: int
    """Arrays that the file does not have, drawn from a seed (start weights only)."""
    dropped: tuple[str, ...]
    """Names in the file that no output depends on."""


def convert(source: Path, target: Path) -> Conversion:
    """Turn a public ``.pth`` of dla_34 or dlaconv_34, or YOLOX-nano's ``.onnx``, into a weight file.

    The ``.onnx`` gives start weights of ``lite``: its trunk is taken, neck and heads are drawn.

    Raises:
        InputError: a missing, foreign or incomplete file; nothing is written then.
    """
    if not source.is_file():
        raise InputError(f"{source}: no such file")
    if target.suffix != ".safetensors":
        raise InputError(f"{target}: weight files end in .safetensors")
    if source.suffix == ".onnx":
        network, arrays, conversion = _from_yolox(source)
    elif source.suffix in (".pth", ".pt"):
        network, arrays, conversion = _from_torch(source)
    else:
        raise InputError(f"{source}: cannot convert {source.suffix or 'a file without suffix'}; known: .pth, .onnx")
    notes = {"licence": LICENCES[".onnx" if source.suffix == ".onnx" else ".pth"], "source": source.name}
    save_weights(target, network, arrays, notes)
    return conversion


def _from_yolox(source: Path) -> tuple[NetworkConfig, Arrays, Conversion]:
    graph = build_graph(LITE)
    trunk = read_yolox_onnx(source, graph)
    arrays = initial_weights(graph) | trunk
    return LITE, arrays, Conversion(LITE, len(trunk), len(arrays) - len(trunk), ())


def _from_torch(source: Path) -> tuple[NetworkConfig, Arrays, Conversion]:
    public = load_engine("torch").read_checkpoint(source)
    network = network_config(public, str(source))
    arrays, dropped = drop_never_used(public)
    graph: Graph = build_graph(network)
    check_weights(graph, arrays, str(source))
    return network, arrays, Conversion(network, len(arrays), 0, tuple(dropped))
