"""Files of scores: ``scores.json`` with the whole report, and one table as CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairmot.errors import InputError
from fairmot.files import replacing

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
        scores = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); evaluate again, or move the file away") from error
    if not isinstance(scores, dict) or not {"benchmark", "sequences", "combined"} <= scores.keys():
        raise InputError(f"{path}: not scores of fairmot evaluate; evaluate again, or move the file away")
    return scores


def write_scores_csv(scores: Mapping[str, Any], path: Path | str) -> None:
    """Write all single numbers of a report, or of its part ``"classic"``: in full precision, one row a sequence."""
    columns = [name for name, value in scores["combined"].items() if not isinstance(value, list)]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sequence", *columns])
        for name, values in [*scores["sequences"].items(), (COMBINED, scores["combined"])]:
            writer.writerow([name, *(values[column] for column in columns)])
