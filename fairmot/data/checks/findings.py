"""Findings of the validation of a data set: their kinds, and the report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS: dict[str, str] = {
    # Errors: training would stop, or learn from wrong data.
    "missing list": "error",
    "missing image": "error",
    "missing labels": "error",
    "unreadable image": "error",
    "wrong columns": "error",
    "not a number": "error",
    "not finite": "error",
    "not whole": "error",
    "negative": "error",
    "not normalised": "error",
    "empty box": "error",
    "box outside": "error",
    "identity twice": "error",
    "image in two sets": "error",
    # Warnings: possibly intended.
    "labels without image": "warning",
    "listed twice": "warning",
    "identity jumps": "warning",
    "identity in two videos": "warning",
}
"""Name of each kind -> error or warning, in the order of reports."""


@dataclass(frozen=True, slots=True)
class DataFinding:
    """One fault in a data set."""

    kind: str
    file: Path
    line: int | None
    """Line of the file, from 1."""
    message: str

    @property
    def severity(self) -> str:
        """``error`` or ``warning``."""
        return KINDS[self.kind]

    def __str__(self) -> str:
        place = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.severity}: {self.kind}: {self.message}"


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """All findings, and the number of sets, images and boxes that were checked."""

    findings: tuple[DataFinding, ...]
    sets: int
    images: int
    boxes: int

    @property
    def errors(self) -> int:
        """Findings that are errors."""
        return sum(each.severity == "error" for each in self.findings)

    @property
    def warnings(self) -> int:
        """Findings that are warnings."""
        return len(self.findings) - self.errors

    @property
    def counts(self) -> dict[str, int]:
        """Kind -> how often, of the kinds that were found."""
        counted = Counter(each.kind for each in self.findings)
        return {kind: counted[kind] for kind in KINDS if counted[kind]}

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON takes it."""
        return {
            "sets": self.sets,
            "images": self.images,
            "boxes": self.boxes,
            "errors": self.errors,
            "warnings": self.warnings,
            "counts": self.counts,
            "findings": [
                {
                    "kind": each.kind,
                    "severity": each.severity,
                    "file": str(each.file),
                    "line": each.line,
                    "message": each.message,
                }
                for each in self.findings
            ],
        }
