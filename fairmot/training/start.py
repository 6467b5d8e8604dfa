"""The weights that a run begins with."""

from __future__ import annotations

from pathlib import Path

from fairmot.config import Config
from fairmot.detector import SHIPPED_WEIGHTS
from fairmot.engines.interface import Arrays
from fairmot.network.graph import Graph
from fairmot.network.initial import initial_weights
from fairmot.progress import Log
from fairmot.weights import fit_weights, read_weights


def start_weights(graph: Graph, config: Config, log: Log | None = None) -> Arrays:
    """Return the weights that a run begins with: drawn, or those of ``train.start_weights``.

    With ``partial_start``, ``log`` gets a line that says how many arrays fit and names the others.

    Raises:
        InputError: the file does not fit; with ``partial_start``, nothing of it fits.
    """
    path = config.train.start_weights
    if path is None:
        return initial_weights(graph, config.train.seed)
    source = read_weights(SHIPPED_WEIGHTS if path == Path("shipped") else path)
    fitted = fit_weights(graph, source, config.train.partial_start, config.train.seed)
    if log and config.train.partial_start:
        changed = {line.partition(" ")[0] for line in fitted.left_out}
        differences = [*fitted.left_out, *(f"{name} is missing" for name in fitted.drawn if name not in changed)]
        left = f", the others are drawn or left out: {'; '.join(differences)}" if differences else ""
        log(f"{path}: {len(fitted.taken)} of {len(fitted.arrays)} arrays taken{left}")
    return fitted.arrays
