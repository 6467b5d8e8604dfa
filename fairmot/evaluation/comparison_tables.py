"""Several trackers side by side: tables for the screen, Markdown, LaTeX and CSV, best values marked."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fairmot.evaluation.bootstrap import FIELDS
from fairmot.evaluation.tables import fitting_tables, format_score, markdown_table
from fairmot.formats.scores import COMBINED

if TYPE_CHECKING:
    from rich.table import Table

COMPARED = (*FIELDS, "CLR_FP", "CLR_FN", "IDSW", "Frag")
"""Columns of the comparison, narrow enough for a terminal of 80 columns."""
_LOWER_IS_BETTER = ("CLR_FP", "CLR_FN", "IDSW", "Frag")
_LATEX_NAMES = {"CLR_FP": "FP", "CLR_FN": "FN"}
_LATEX_ESCAPES = {
    **{character: f"\\{character}" for character in "#$%&_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def best_values(comparison: Mapping[str, Any]) -> dict[str, float]:
    """Return the best combined value of each column of ``COMPARED``."""
    reports = [tracker["report"]["combined"] for tracker in comparison["trackers"]]
    return {
        column: (min if column in _LOWER_IS_BETTER else max)(report[column] for report in reports)
        for column in COMPARED
    }


def comparison_tables(comparison: Mapping[str, Any]) -> list[Table]:
    """Return ``rich`` tables: all trackers, differences from the first one, and their intervals."""
    trackers = comparison["trackers"]
    first, others = trackers[0]["name"], trackers[1:]
    tables = fitting_tables("Compared (*: best)", COMPARED, list(_marked(comparison, lambda text: f"{text}*")))
    changes = [
        (tracker["name"], [format_score(c, tracker["differences"]["combined"][c], signed=True) for c in COMPARED])
        for tracker in others
    ]
    tables += fitting_tables(f"Minus {first}", COMPARED, changes)
    percent = f"{100 * comparison['coverage']:.0f} %"
    for title, key, signed, shown in (
        (f"{percent} intervals over sequences", "intervals", False, trackers),
        (f"{percent} intervals of the differences from {first}", "difference_intervals", True, others),
    ):
        if trackers[0]["intervals"] is not None:
            rows = [
                (tracker["name"], [_interval(tracker[key][field], signed) for field in FIELDS]) for tracker in shown
            ]
            tables += fitting_tables(title, FIELDS, rows)
    return tables


def comparison_markdown(comparison: Mapping[str, Any]) -> str:
    """Return the comparison as Markdown, the best in bold, and each tracker's table with its differences."""
    trackers = comparison["trackers"]
    head = f"| tracker | {' | '.join(COMPARED)} |\n|--|{'--:|' * len(COMPARED)}\n"
    parts = [head + "".join(f"| {name} | {' | '.join(cells)} |\n" for name, cells in _with_intervals(comparison, "**"))]
    if trackers[0]["intervals"] is not None:
        parts.append(f"{_caption(comparison)}\n")
    for tracker in trackers:
        parts.append(f"{tracker['name']}\n\n{markdown_table(tracker['report'])}")
        if "differences" in tracker:
            title = f"{tracker['name']} minus {trackers[0]['name']}"
            parts.append(f"{title}\n\n{markdown_table(tracker['differences'], signed=True)}")
    return "\n".join(parts)


def comparison_latex(comparison: Mapping[str, Any]) -> str:
    """Return the comparison as a LaTeX table for the package ``booktabs``, the best values in bold."""
    names = " & ".join(_LATEX_NAMES.get(column, column) for column in COMPARED)
    arrows = " & ".join(r"$\downarrow$" if column in _LOWER_IS_BETTER else r"$\uparrow$" for column in COMPARED)
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{l{'r' * len(COMPARED)}}}",
        "\\toprule",
        f"Tracker & {names} \\\\",
        f" & {arrows} \\\\",
        "\\midrule",
    ]
    for name, cells in _marked(comparison, lambda text: f"\\textbf{{{text}}}"):
        lines.append(f"{_latex_text(name)} & {' & '.join(cells)} \\\\")
    for tracker in comparison["trackers"] if comparison["trackers"][0]["intervals"] is not None else []:
        ends = [_interval(tracker["intervals"][field], False).replace("-", "--") for field in FIELDS]
        blanks = " & " * (len(COMPARED) - len(FIELDS))
        name = _latex_text(tracker["name"])
        lines.append(
            f"\\multicolumn{{1}}{{r}}{{\\scriptsize {name}, 95\\,\\%}} & " + _scriptsize(ends) + f"{blanks}\\\\"
        )
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def comparison_csv(comparison: Mapping[str, Any]) -> str:
    """Return all single numbers as CSV: a row for each tracker and sequence, and for each difference.

    Columns are ``tracker``, ``minus`` (the first tracker in rows of differences, else empty), ``sequence``, then the
    scores in full precision.
    """
    trackers = comparison["trackers"]
    columns = [name for name, value in trackers[0]["report"]["combined"].items() if not isinstance(value, list)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["tracker", "minus", "sequence", *columns])
    for tracker in trackers:
        for minus, scores in (("", tracker["report"]), (trackers[0]["name"], tracker.get("differences"))):
            for name, values in (
                [] if scores is None else [*scores["sequences"].items(), (COMBINED, scores["combined"])]
            ):
                writer.writerow([tracker["name"], minus, name, *(values[column] for column in columns)])
    return text.getvalue()


def sequence_difference_tables(comparison: Mapping[str, Any]) -> list[Table]:
    """Return the differences in each sequence, of two trackers."""
    from fairmot.evaluation.tables import difference_tables

    return difference_tables(comparison["trackers"][1]["differences"])


def _marked(comparison: Mapping[str, Any], mark: Callable[[str], str]) -> Iterator[tuple[str, list[str]]]:
    """Yield name and cells of each tracker; ``mark`` takes the best values where there are several trackers."""
    best = best_values(comparison)
    for tracker in comparison["trackers"]:
        combined = tracker["report"]["combined"]
        cells = [format_score(column, combined[column]) for column in COMPARED]
        chosen = [combined[column] == best[column] for column in COMPARED]
        yield tracker["name"], [mark(cell) if best_one else cell for cell, best_one in zip(cells, chosen, strict=True)]


def _with_intervals(comparison: Mapping[str, Any], mark: str) -> Iterator[tuple[str, list[str]]]:
    for tracker, (name, cells) in zip(
        comparison["trackers"], _marked(comparison, lambda text: f"{mark}{text}{mark}"), strict=True
    ):
        ends = tracker["intervals"]
        yield (
            name,
            [
                f"{cell} ({_interval(ends[column], False)})" if ends is not None and column in ends else cell
                for column, cell in zip(COMPARED, cells, strict=True)
            ],
        )


def _caption(comparison: Mapping[str, Any]) -> str:
    percent = f"{100 * comparison['coverage']:.0f} %"
    return f"In brackets: {percent} bootstrap intervals over sequences. Bold: best."


def _interval(ends: list[float], signed: bool) -> str:
    low, high = (f"{100 * end:{'+' if signed else ''}.1f}" for end in ends)
    return f"{low}..{high}" if signed else f"{low}-{high}"


def _scriptsize(cells: list[str]) -> str:
    return " & ".join(f"{{\\scriptsize {cell}}}" for cell in cells)


def _latex_text(text: str) -> str:
    return "".join(_LATEX_ESCAPES.get(character, character) for character in text)
