"""Files of scores: ``scores.json`` with the whole report, and one table as CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairmot.errors import InputError
from fairmot.files import read_json, replacing

FILE = "scores.json"
COMBINED = "COMBINED"
"""Name of the row of all sequences together."""


def write_scores(report: Mapping[str, Any], path: Path | str) -> None:
    """Write a whole report as JSON."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def load_scores(path: Path) -> dict[str, Any]:
    """Read a report.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        scores = read_json(path)
    except InputError as error:
        raise InputError(f"{error}; evaluate again, or move the file away") from error
    if not _is_report(scores):
        raise InputError(f"{path}: not scores of fairmot evaluate; evaluate again, or move the file away")
    report: dict[str, Any] = scores
    return report


def _is_report(scores: Any) -> bool:
    """Whether this has the form of a report: names of sequences, and numbers or lists of numbers for each."""
    if not isinstance(scores, dict) or not {"benchmark", "sequences", "combined"} <= scores.keys():
        return False
    classic = scores.get("classic", {"sequences": {}, "combined": {}})
    parts = [scores, classic] if isinstance(classic, dict) else [{}]
    return isinstance(scores["benchmark"], str) and all(
        isinstance(part.get("sequences"), dict)
        and all(_are_numbers(values) for values in (*part["sequences"].values(), part.get("combined")))
        for part in parts
    )


def _are_numbers(values: Any) -> bool:
    return isinstance(values, dict) and all(
        isinstance(value, int | float)
        or (isinstance(value, list) and all(isinstance(each, int | float) for each in value))
        for value in values.values()
    )


def write_scores_csv(scores: Mapping[str, Any], path: Path | str) -> None:
    """Write all single numbers of a report, or of its part ``"classic"``: in full precision, one row a sequence."""
    columns = [name for name, value in scores["combined"].items() if not isinstance(value, list)]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sequence", *columns])
        for name, values in [*scores["sequences"].items(), (COMBINED, scores["combined"])]:
            writer.writerow([name, *(values[column] for column in columns)])
