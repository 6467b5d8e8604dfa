"""The weights that a run begins with."""

from __future__ import annotations

from collections.abc import Callable

from fairmot.config import Config
from fairmot.engines.interface import Arrays
from fairmot.errors import InputError
from fairmot.network.graph import Graph
from fairmot.network.initial import initial_weights
from fairmot.network.weights import check_weights, load_weights, shape_differences


def start_weights(graph: Graph, config: Config, note: Callable[[str], None] | None = None) -> Arrays:
    """Return the weights a run begins with: drawn, or those of ``train.start_weights``.

    With ``partial_start``, ``note`` gets a line that says how many fit and names everything that did not.

    Raises:
        InputError: the file does not fit; with ``partial_start``, nothing of it fits.
    """
    arrays = initial_weights(graph, config.train.seed)
    path = config.train.start_weights
    if path is None:
        return arrays
    given = load_weights(path).arrays
    if not config.train.partial_start:
        check_weights(graph, given, str(path))
        return given
    expected = {name: array.shape for name, array in arrays.items()}
    fitting = {name: array for name, array in given.items() if array.shape == expected.get(name)}
    if not fitting:
        raise InputError(f"{path}: no parameter fits {graph.config.architecture}")
    if note:
        differences = shape_differences(expected, given)
        left = f", the others are drawn or left out: {'; '.join(differences)}" if differences else ""
        note(f"{path}: {len(fitting)} of {len(expected)} arrays taken{left}")
    return arrays | fitting
