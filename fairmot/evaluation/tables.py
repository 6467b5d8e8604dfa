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
_WIDTH, _LEAST_NAME = 80, 6
_EDGES = 3  # blanks left and right of a table
# Numbers that are not a fraction of 1 are printed as they are.
_NOT_PERCENT = ("FP_per_frame", "MOTP_sum")


def score_tables(report: Mapping[str, Any]) -> list[Table]:
    """Return one ``rich`` table a family, ratios in percent; the classic table too where the report holds it."""
    tables = [table for family, columns in FAMILIES.items() for table in _tables(family, report, columns)]
    for part, columns in CLASSIC.items() if "classic" in report else []:
        tables += _tables(part, report["classic"], columns)
    return tables


def class_tables(report: Mapping[str, Any]) -> list[Table]:
    """Return one table a family and class where the report has several classes, and one with their means."""
    if "class_mean" not in report:
        return []
    tables = [
        table
        for name, scores in report["classes"].items()
        for family, columns in FAMILIES.items()
        for table in _tables(f"class {int(name) - 1} (column 8: {name}): {family}", scores, columns)
    ]
    ratios = tuple(name for name in COLUMNS if name in report["class_mean"])
    means = {name: scores["combined"] for name, scores in report["classes"].items()}
    return [*tables, *_tables("Classes", {"sequences": means, "combined": report["class_mean"]}, ratios, CLASS_MEAN)]


def alpha_tables(scores: Mapping[str, Any]) -> list[Table]:
    """Return HOTA and its parts at each overlap threshold, all sequences combined."""
    from fairmot.evaluation.hota import ALPHAS

    combined = scores["combined"]
    columns = FAMILIES["HOTA"]
    rows = {
        f"{alpha:.2f}": {name: combined[f"{name}_alpha"][index] for name in columns}
        for index, alpha in enumerate(ALPHAS)
    }
    means = {name: combined[name] for name in columns}
    return _tables("HOTA over alpha", {"sequences": rows, "combined": means}, columns, "MEAN")


def difference_tables(changes: Mapping[str, Any]) -> list[Table]:
    """Return one table a family of differences (``differences``): percentage points and counts, with their signs."""
    return [
        table
        for family, columns in FAMILIES.items()
        for table in _tables(f"{family}: differences", changes, columns, signed=True)
    ]


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


def fitting_tables(
    title: str, columns: SequenceOf[str], rows: SequenceOf[tuple[str, SequenceOf[str]]], total: str | None = None
) -> list[Table]:
    """Return a ``rich`` table, or several where its columns do not fit into a terminal of 80 columns.

    Args:
        title: of each of them.
        columns: names of the columns.
        rows: name and cells of each row.
        total: name of the row that stands apart.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    tables = []
    for chosen in _fitting(columns, rows):
        table = Table(title=Text(title), title_justify="left", box=box.SIMPLE, collapse_padding=True, pad_edge=False)
        # A name may be folded, a number may not.
        table.add_column("", overflow="fold", min_width=_LEAST_NAME)
        for number in chosen:
            table.add_column(columns[number], justify="right", no_wrap=True)
        for name, cells in rows:
            if name == total:
                table.add_section()
            # A text, not a string: a console would read the brackets of a sequence's name as markup.
            table.add_row(Text(name), *(cells[number] for number in chosen))
        tables.append(table)
    return tables


def _fitting(columns: SequenceOf[str], rows: SequenceOf[tuple[str, SequenceOf[str]]]) -> Iterator[list[int]]:
    """Yield the columns of each table, as few tables as fit."""
    width, chosen = _LEAST_NAME + _EDGES, list[int]()
    for number, column in enumerate(columns):
        own = 2 + max(len(column), *(len(cells[number]) for _, cells in rows)) if rows else 2 + len(column)
        if chosen and width + own > _WIDTH:
            yield chosen
            width, chosen = _LEAST_NAME + _EDGES, []
        width += own
        chosen.append(number)
    yield chosen


def _tables(
    title: str, scores: Mapping[str, Any], columns: SequenceOf[str], total: str = COMBINED, signed: bool = False
) -> list[Table]:
    rows = [
        (name, [format_score(column, values[column], signed) for column in columns])
        for name, values in _rows(scores, total)
    ]
    return fitting_tables(title, columns, rows, total)


def _rows(scores: Mapping[str, Any], total: str = COMBINED) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from scores["sequences"].items()
    yield total, scores["combined"]
