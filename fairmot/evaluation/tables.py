"""A report of scores as tables on the screen and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from typing import TYPE_CHECKING, Any

from fairmot.formats.scores import COMBINED

if TYPE_CHECKING:
    from rich.table import Table

FAMILIES = {
    "HOTA": ("HOTA", "DetA", "AssA", "DetRe", "DetPr", "AssRe", "AssPr", "LocA"),
    "CLEAR": ("MOTA", "MOTP", "CLR_FP", "CLR_FN", "IDSW", "Frag", "MT", "ML"),
    "Identity": ("IDF1", "IDP", "IDR", "IDTP", "IDFP", "IDFN"),
}
"""Columns of the tables on the screen, narrow enough for a terminal of 80 columns; the fields are TrackEval's."""
CLASSIC = {
    "Classic table: ratios (MOTP: mean of 1 - IoU)": ("IDF1", "IDP", "IDR", "Rcll", "Prcn", "MOTA", "MOTP"),
    "Classic table: counts": ("GT", "MT", "PT", "ML", "FP", "FN", "IDs", "FM", "IDt", "IDa", "IDm"),
}
"""Columns of the classic table, in two parts for the same reason."""
COLUMNS = ("HOTA", "DetA", "AssA", "MOTA", "MOTP", "IDF1", "CLR_FP", "CLR_FN", "IDSW", "Frag", "MT", "ML")
"""Columns of a single table with all families."""
CLASS_MEAN = "MEAN OF CLASSES"
# Numbers that are not a fraction of 1 are printed as they are.
_NOT_PERCENT = ("FP_per_frame", "MOTP_sum")


def score_tables(report: Mapping[str, Any]) -> list[Table]:
    """Return one ``rich`` table a family, ratios in percent; the classic table too where the report holds it."""
    tables = [_table(family, report, columns) for family, columns in FAMILIES.items()]
    for part, columns in CLASSIC.items() if "classic" in report else []:
        tables.append(_table(part, report["classic"], columns))
    return tables


def class_tables(report: Mapping[str, Any]) -> list[Table]:
    """Return one table a class where the report has several, all families in it, and one with their means."""
    if "class_mean" not in report:
        return []
    tables = [
        _table(f"class {int(name) - 1} (column 8: {name})", scores, COLUMNS)
        for name, scores in report["classes"].items()
    ]
    ratios = tuple(name for name in COLUMNS if name in report["class_mean"])
    means = {name: scores["combined"] for name, scores in report["classes"].items()}
    return [*tables, _table("Classes", {"sequences": means, "combined": report["class_mean"]}, ratios, CLASS_MEAN)]


def alpha_table(scores: Mapping[str, Any]) -> Table:
    """Return HOTA and its parts at each overlap threshold, all sequences combined."""
    from fairmot.evaluation.hota import ALPHAS

    combined = scores["combined"]
    columns = FAMILIES["HOTA"]
    rows = {
        f"{alpha:.2f}": {name: combined[f"{name}_alpha"][index] for name in columns}
        for index, alpha in enumerate(ALPHAS)
    }
    means = {name: combined[name] for name in columns}
    return _table("HOTA over alpha", {"sequences": rows, "combined": means}, columns, "MEAN")


def difference_tables(changes: Mapping[str, Any]) -> list[Table]:
    """Return one table a family of differences (``differences``): percentage points and counts, with their signs."""
    return [_table(f"{family}: differences", changes, columns, signed=True) for family, columns in FAMILIES.items()]


def markdown_table(scores: Mapping[str, Any], columns: SequenceOf[str] = COLUMNS, signed: bool = False) -> str:
    """Return a report, its part ``"classic"`` or differences as a Markdown table: ratios in percent."""
    lines = [f"| sequence | {' | '.join(columns)} |", f"|--|{'--:|' * len(columns)}"]
    for name, values in _rows(scores):
        lines.append(f"| {name} | {' | '.join(format_score(column, values[column], signed) for column in columns)} |")
    return "\n".join(lines) + "\n"


def format_score(name: str, value: float, signed: bool = False) -> str:
    """Return a count as it is and a ratio in percent with two decimals."""
    sign = "+" if signed else ""
    if isinstance(value, int):
        return f"{value:{sign}d}"
    return f"{value:{sign}.2f}" if name in _NOT_PERCENT else f"{100 * value:{sign}.2f}"


def _table(
    title: str, scores: Mapping[str, Any], columns: SequenceOf[str], total: str = COMBINED, signed: bool = False
) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE, collapse_padding=True, pad_edge=False)
    table.add_column("", overflow="fold", min_width=4)
    for column in columns:
        # A name may be folded, a number may not.
        table.add_column(column, justify="right", no_wrap=True)
    for name, values in _rows(scores, total):
        if name == total:
            table.add_section()
        # A text, not a string: a console would read the brackets of a sequence's name as markup.
        table.add_row(Text(name), *(format_score(column, values[column], signed) for column in columns))
    return table


def _rows(scores: Mapping[str, Any], total: str = COMBINED) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from scores["sequences"].items()
    yield total, scores["combined"]
