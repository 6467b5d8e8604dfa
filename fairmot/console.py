"""What people see while a command works: progress bars, tables and notes, on standard error.

Standard output carries results alone, so that ``--json`` can be piped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from fairmot.network.summary import Summary
    from fairmot.track import TrackRun
    from fairmot.train import Progress as TrainingProgress


def notes() -> Console:
    """Return the console for everything that is not a result."""
    return Console(stderr=True, highlight=False)


def answers() -> Console:
    """Return the console for results."""
    return Console(highlight=False)


def print_scores(report: Mapping[str, Any]) -> None:
    """Print the tables of a report of scores, and what was measured beside them."""
    from fairmot.evaluation.tables import score_tables

    console = answers()
    console.print(f"pre-processing: {report['benchmark']}")
    for table in score_tables(report):
        console.print(table)
    if "detection" in report:
        console.print(f"detections alone: AP@0.5 {report['detection']['combined']['AP50']:.3f}")
        speed = report["speed"]
        console.print(
            f"{speed['frames']} frames at {speed['frames_per_second']:.1f} frames/s; files in {report['output']}"
        )


def _bar(unit: str) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn(unit),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=notes(),
    )


@contextmanager
def frame_progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield a callback that shows one bar a source."""
    tasks: dict[str, Any] = {}
    with _bar("frames") as bar:

        def report(name: str, done: int, expected: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=expected, note="")
            bar.update(tasks[name], completed=done)

        yield report


@contextmanager
def training_progress() -> Iterator[Callable[[TrainingProgress], None]]:
    """Yield a callback that shows epoch, losses and images a second."""
    with _bar("steps") as bar:
        task = bar.add_task("epoch 1", total=None, note="")

        def report(progress: TrainingProgress) -> None:
            shown = " ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
            bar.update(
                task,
                description=f"epoch {progress.epoch + 1}",
                total=progress.total_steps,
                completed=progress.step,
                note=f"{shown} · {progress.images_per_second:.1f} images/s",
            )

        yield report


def track_table(runs: list[TrackRun]) -> Table:
    """Return a table of what was tracked and where the results lie."""
    table = Table("source", "frames", "people", "frames/s", "results", title="Tracked", title_justify="left")
    for run in runs:
        files = "\n".join(str(path) for path in (run.text, run.video) if path)
        table.add_row(run.name, str(run.frame_count), str(run.identity_count), f"{run.frames_per_second:.1f}", files)
    return table


def summary_table(title: str, summary: Summary, layers: bool) -> Table:
    """Return a table of a network: every layer if asked, then heads and totals."""
    table = Table("layer", "kind", "output (C x h x w)", "parameters", "multiply-adds", title=title)
    for layer in summary.layers if layers else ():
        table.add_row(layer.name, layer.kind, _shape(layer.shape), f"{layer.parameters:,}", f"{layer.multiply_adds:,}")
    for head, shape in summary.outputs.items():
        table.add_row(head, "head", _shape(shape), "", "")
    table.add_row("total", "", "", f"{summary.parameters:,}", f"{summary.multiply_adds:,}")
    return table


def _shape(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))
