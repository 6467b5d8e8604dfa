"""The tables of ``fairmot benchmark`` in Markdown, as docs/speed.md shows them."""

from __future__ import annotations

from collections.abc import Sequence

from fairmot.benchmark.inference import Speed
from fairmot.benchmark.training import TrainingSpeed


def speed_markdown(rows: Sequence[Speed]) -> str:
    """Return detection speeds as a Markdown table."""
    return table(
        ("network", "engine", "precision", "input", "ms (quartiles)", "least ms", "frames/s", "GFLOP/s", "of ceiling"),
        4,
        [
            (
                *_subject(row),
                f"{row.milliseconds:.1f} ({row.quartiles[0]:.1f}-{row.quartiles[1]:.1f})",
                f"{row.least:.1f}",
                f"{row.frames_per_second:.1f}",
                f"{row.gflops:.0f} of {row.ceiling_gflops:.0f}",
                f"{row.ceiling_fraction:.0%}",
            )
            for row in rows
        ],
    )


def training_markdown(rows: Sequence[TrainingSpeed]) -> str:
    """Return training speeds as a Markdown table."""
    return table(
        ("network", "engine", "precision", "input", "batch", "ms a step (quartiles)", "images/s"),
        4,
        [
            (
                *_subject(row),
                str(row.batch),
                f"{row.milliseconds:.0f} ({row.quartiles[0]:.0f}-{row.quartiles[1]:.0f})",
                f"{row.images_per_second:.2f}",
            )
            for row in rows
        ],
    )


def _subject(row: Speed | TrainingSpeed) -> tuple[str, str, str, str]:
    width, height = row.input_size
    return f"`{row.network}`", row.engine, row.precision, f"{width} x {height}"


def table(titles: Sequence[str], words: int, rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first ``words`` columns are words, the others numbers."""
    rule = "".join("--|" if column < words else "--:|" for column in range(len(titles)))
    return "\n".join([f"| {' | '.join(titles)} |", f"|{rule}", *(f"| {' | '.join(row)} |" for row in rows)])
