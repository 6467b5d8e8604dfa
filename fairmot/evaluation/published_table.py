"""The table and the time that the published evaluation prints: motmetrics' summary, one line a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairmot.evaluation.classic import COLUMNS

ALL = "OVERALL"
"""Name of the last line."""
_FORMS = dict.fromkeys(COLUMNS, "{:.1%}") | {"MOTP": "{:.3f}"}
"""Column -> form of a ratio; counts are printed as they are."""


def published_table(classic: Mapping[str, Any]) -> str:
    """Return a line for each sequence and one for all, under the names of the 18 columns.

    Args:
        classic: ``"sequences"`` and ``"combined"`` of ``fairmot.evaluation.classic``. MOTP is the mean of 1 - IoU.
    """
    rows = {**classic["sequences"], ALL: classic["combined"]}
    cells = [
        ["", *COLUMNS],
        *([name, *(_form(column, row[column]) for column in COLUMNS)] for name, row in rows.items()),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        aligned = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append(" ".join([first.ljust(widths[0]), *aligned]))
    return "\n".join(lines)


def published_report(report: Mapping[str, Any]) -> str:
    """Return the table of an evaluation's report, and the published line about the time of all sequences."""
    speed = report["speed"]
    time = f"Time elapsed: {speed['seconds']:.2f} seconds, FPS: {speed['frames_per_second']:.2f}"
    return f"{published_table(report['classic'])}\n{time}"


def _form(column: str, value: float) -> str:
    return str(value) if isinstance(value, int) else _FORMS[column].format(value)
