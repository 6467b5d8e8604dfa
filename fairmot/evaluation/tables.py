"""A report of scores as tables on the screen, as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairmot.files import replacing

if TYPE_CHECKING:
    from rich.table import Table

FAMILIES = {
    "HOTA": ("HOTA", "DetA", "AssA", "DetRe", "DetPr", "AssRe", "AssPr", "LocA"),
    "CLEAR": ("MOTA", "MOTP", "CLR_FP", "CLR_FN", "IDSW", "Frag", "MT", "ML"),
    "Identity": ("IDF1", "IDP", "IDR", "IDTP", "IDFP", "IDFN"),
}
"""Columns of the tables on the screen, narrow enough for a terminal of 80; the fields are TrackEval's."""
CLASSIC = {
    "Classic table: shares (MOTP: mean of 1 - IoU)": ("IDF1", "IDP", "IDR", "Rcll", "Prcn", "MOTA", "MOTP"),
    "Classic table: counts": ("GT", "MT", "PT", "ML", "FP", "FN", "IDs", "FM", "IDt", "IDa", "IDm"),
}
"""The classic table, in two parts for the same reason."""
COLUMNS = ("HOTA", "DetA", "AssA", "MOTA", "MOTP", "IDF1", "CLR_FP", "CLR_FN", "IDSW", "Frag", "MT", "ML")
"""Columns of a single table with all families."""
COMBINED = "COMBINED"
# Fractions that are no share of anything are printed as they are.
_NOT_PERCENT = ("FP_per_frame", "MOTP_sum")


def score_tables(report: Mapping[str, Any]) -> list[Table]:
    """Return one ``rich`` table a family, ratios in percent; the classic table too where the report holds it."""
    tables = [_table(family, report, columns) for family, columns in FAMILIES.items()]
    for part, columns in CLASSIC.items() if "classic" in report else []:
        tables.append(_table(part, report["classic"], columns))
    return tables


def markdown_table(scores: Mapping[str, Any], columns: SequenceOf[str] = COLUMNS) -> str:
    """Return a report, or its part ``"classic"``, as a Markdown table: ratios in percent."""
    lines = [f"| sequence | {' | '.join(columns)} |", f"|--|{'--:|' * len(columns)}"]
    for name, values in _rows(scores):
        lines.append(f"| {name} | {' | '.join(format_score(column, values[column]) for column in columns)} |")
    return "\n".join(lines) + "\n"


def write_csv(scores: Mapping[str, Any], path: Path | str) -> None:
    """Write all single numbers of a report, or of its part ``"classic"``: in full precision, one row a sequence."""
    columns = [name for name, value in scores["combined"].items() if not isinstance(value, list)]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sequence", *columns])
        for name, values in _rows(scores):
            writer.writerow([name, *(values[column] for column in columns)])


def write_json(report: Mapping[str, Any], path: Path | str) -> None:
    """Write a whole report."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def format_score(name: str, value: float) -> str:
    """Return a count as it is and a ratio in percent with two decimals."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.2f}" if name in _NOT_PERCENT else f"{100 * value:.2f}"


def _table(title: str, scores: Mapping[str, Any], columns: SequenceOf[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE, collapse_padding=True, pad_edge=False)
    table.add_column("", overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    for name, values in _rows(scores):
        if name == COMBINED:
            table.add_section()
        table.add_row(name, *(format_score(column, values[column]) for column in columns))
    return table


def _rows(scores: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from scores["sequences"].items()
    yield COMBINED, scores["combined"]
