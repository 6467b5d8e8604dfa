"""What the refinement wrote beside its rows: ``NAME.refined.json`` and the online rows in ``NAME.online.txt``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairmot.errors import InputError

ONLINE_SUFFIX = ".online.txt"
"""Ending of the online rows, after the name of the source."""
REFINED_SUFFIX = ".refined.json"
"""Ending of the refinement's record: links with their costs, removed tracks, counts."""


def load_refinement(rows: Path) -> dict[str, Any] | None:
    """Return the record that lies beside a file of refined rows, ``NAME.txt``; None where there is none.

    Raises:
        InputError: it is no such record.
    """
    path = rows.with_name(f"{rows.stem}{REFINED_SUFFIX}")
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        for link in record["links"]:
            _ = (int(link["identity"]), int(link["earlier"]), int(link["later"]), float(link["cost"]))
            _ = (int(link["first_frame"]), int(link["last_frame"]), int(link["round"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the record of a refinement ({type(error).__name__}); track again") from error
    return dict(record)
