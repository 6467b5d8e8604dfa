"""What people see while a command works: progress bars, tables and notes, on standard error.

Standard output carries results alone, so that ``--json`` can be piped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from fairmot.benchmark import Speed, TrainingSpeed
    from fairmot.network.summary import Summary
    from fairmot.training.progress import TrainingProgress
    from fairmot.training.self_check import SelfCheck
    from fairmot.workflows.track.track import TrackRun

_LINE_SECONDS = 30.0
_PLAIN: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
"""Paths and names of files may hold brackets and colons; these consoles, and tables on them, print every character."""


def notes() -> Console:
    """Return the console for everything that is not a result. It prints text as it is: ``[x]`` is no markup."""
    return Console(stderr=True, **_PLAIN)


def answers() -> Console:
    """Return the console for results. It prints text as it is: ``[x]`` is no markup."""
    return Console(**_PLAIN)


def print_scores(report: Mapping[str, Any]) -> None:
    """Print the tables of a report of scores, and what was measured beside them."""
    from fairmot.evaluation.tables import score_tables

    console = answers()
    console.print(f"pre-processing: {report['benchmark']}")
    for table in score_tables(report):
        console.print(table)
    if "classic" in report:
        console.print(
            "MOTA, MOTP, MT and ML stand twice because the tables match differently. CLEAR follows TrackEval: each "
            "frame prefers the pairs of the frame before, and MT needs more than 80 %. The classic table follows "
            "motmetrics: a pair is kept as long as it overlaps by half, also after a gap, MT needs 80 %, and MOTP is a "
            "distance."
        )
    if "detection" in report:
        console.print(f"detections alone: AP@0.5 {report['detection']['combined']['AP50']:.3f}")
        speed = report["speed"]
        console.print(
            f"{speed['frames']} frames in {speed['seconds']:.1f} s, {speed['frames_per_second']:.1f} frames/s; "
            f"files in {report['output']}"
        )


class _Bar(Progress):
    """Bars, and below them a line that may take several rows."""

    line = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the bars, then the line."""
        yield from super().get_renderables()
        if self.line:
            yield Text(self.line, overflow="fold")


def _bar(unit: str) -> _Bar:
    return _Bar(
        # A long name takes several rows, and is never cut.
        TextColumn("{task.description}", markup=False, table_column=Column(overflow="fold", ratio=2)),
        BarColumn(bar_width=None, table_column=Column(ratio=1)),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=notes(),
        expand=True,
    )


@contextmanager
def frame_progress(unit: str = "frames") -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield a callback that shows one bar a source; ``unit`` is what is counted."""
    tasks: dict[str, Any] = {}
    with _bar(unit) as bar:

        def report(name: str, done: int, expected: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=expected)
            bar.update(tasks[name], completed=done)

        yield report


@contextmanager
def job_progress() -> Iterator[tuple[Callable[[str, int, int | None], None], Callable[[str, str], None]]]:
    """Yield a callback that shows a bar of each job under way, and one that puts a line in its bar's place."""
    tasks: dict[str, Any] = {}
    ended: set[str] = set()
    with _bar("frames") as bar:

        def report(name: str, done: int, expected: int | None) -> None:
            if name in ended:
                return
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=expected)
            bar.update(tasks[name], completed=done)

        def end(name: str, line: str) -> None:
            ended.add(name)
            if name in tasks:
                bar.remove_task(tasks.pop(name))
            bar.console.print(line, soft_wrap=True)

        yield report, end


@contextmanager
def training_progress() -> Iterator[Callable[[TrainingProgress], None]]:
    """Yield a callback that shows epoch, step, losses, images a second and the time left.

    Where standard error is no terminal it prints a line at most every half minute, and one for each epoch.
    """
    if not notes().is_terminal:
        yield _training_lines(notes())
        return
    with _bar("steps") as bar:
        task = bar.add_task("epoch 1", total=None)

        def report(progress: TrainingProgress) -> None:
            bar.line = _training_text(progress)
            epoch = f"epoch {progress.epoch + 1}"
            bar.update(task, description=epoch, total=progress.total_steps, completed=progress.step)

        yield report


def _training_text(progress: TrainingProgress) -> str:
    losses = "  ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
    return f"{losses}  {progress.images_per_second:.1f} images/s"


def _training_lines(
    console: Console, clock: Callable[[], float] = time.monotonic
) -> Callable[[TrainingProgress], None]:
    first: tuple[float, int] | None = None
    shown: tuple[float, int] | None = None

    def report(progress: TrainingProgress) -> None:
        nonlocal first, shown
        now = clock()
        first = first or (now, progress.step)
        last = progress.step >= progress.total_steps
        if shown is not None and progress.epoch == shown[1] and now - shown[0] < _LINE_SECONDS and not last:
            return
        shown = (now, progress.epoch)
        taken = progress.step - first[1]
        left = ""
        if taken:
            seconds = round((now - first[0]) / taken * (progress.total_steps - progress.step))
            left = f"  {timedelta(seconds=seconds)} left"
        head = f"epoch {progress.epoch + 1}  step {progress.step}/{progress.total_steps}"
        # A pipe has no width: one line stays one line.
        console.print(f"{head}  {_training_text(progress)}{left}", soft_wrap=True)

    return report


def _folding(*columns: str, **settings: Any) -> Table:
    """Return a table in which whatever is too wide goes on in the next line; nothing is cut."""
    return Table(*(Column(name, overflow="fold") for name in columns), **settings)


def self_check_table(outcome: SelfCheck) -> Table:
    """Return a table of how each loss fell in a self-check, and of the boxes that were found again."""
    title = f"Self-check in {outcome.engine}: {outcome.steps} steps, {outcome.seconds:.0f} s"
    table = _folding("", "start", "end", "expected", "", title=title, title_justify="left")
    for each in outcome.losses:
        verdict = "ok" if each.passed else "FAILED"
        table.add_row(each.name, f"{each.start:.4g}", f"{each.end:.4g}", f"<= {each.limit:.4g}", verdict)
    verdict = "ok" if outcome.found == outcome.boxes else "FAILED"
    table.add_row("boxes found", "", str(outcome.found), str(outcome.boxes), verdict)
    if outcome.left_out:
        table.caption = f"{outcome.left_out} boxes are too small or too close to each other for this canvas"
    return table


def track_table(runs: list[TrackRun]) -> Table:
    """Return a table of what was tracked and where the results lie."""
    table = _folding("source", "frames", "identities", "frames/s", "results", title="Tracked", title_justify="left")
    for run in runs:
        files = "\n".join(str(path) for path in (run.text, run.video) if path)
        counts = (str(run.frame_count), str(run.identity_count), f"{run.frames_per_second:.1f}")
        table.add_row(run.name, *counts, files)
    return table


def summary_table(title: str, summary: Summary, layers: bool) -> Table:
    """Return a table of a network: every layer if ``layers``, then heads and totals."""
    table = _folding("layer", "kind", title=title)
    for name in ("output (C x h x w)", "parameters", "multiply-adds"):
        table.add_column(name, justify="right", no_wrap=True)  # a name may be folded, a number may not
    for layer in summary.layers if layers else ():
        table.add_row(layer.name, layer.kind, _shape(layer.shape), f"{layer.parameters:,}", f"{layer.multiply_adds:,}")
    for head, shape in summary.outputs.items():
        table.add_row(head, "head", _shape(shape), "", "")
    table.add_row("total", "", "", f"{summary.parameters:,}", f"{summary.multiply_adds:,}")
    return table


def _shape(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))


def speed_table(rows: Sequence[Speed]) -> Table:
    """Return the table of ``fairmot benchmark``."""
    table = _folding(
        *(
            "network",
            "engine",
            "precision",
            "size",
            "ms (quartiles)",
            "minimum ms",
            "frames/s",
            "GFLOP/s",
            "fraction of ceiling",
        ),
        caption="GFLOP/s count every layer everywhere; detectors of onnxruntime and openvino compute all heads but the "
        "heatmap at peaks only (--raw: everywhere). Ceiling: one 3x3 convolution in turns with the network.",
    )
    for row in rows:
        low, high = row.quartiles
        table.add_row(
            *(row.network, row.engine, row.precision, "x".join(map(str, row.input_size))),
            *(f"{row.milliseconds:.1f} ({low:.1f}-{high:.1f})", f"{row.least:.1f}", f"{row.frames_per_second:.1f}"),
            *(f"{row.gflops:.0f} of {row.ceiling_gflops:.0f}", f"{row.ceiling_fraction:.0%}"),
        )
    return table


def training_speed_table(rows: Sequence[TrainingSpeed]) -> Table:
    """Return the table of ``fairmot benchmark --training``."""
    table = _folding("network", "engine", "precision", "size", "batch", "ms a step (quartiles)", "images/s")
    for row in rows:
        low, high = row.quartiles
        milliseconds = f"{row.milliseconds:.0f} ({low:.0f}-{high:.0f})"
        size = "x".join(map(str, row.input_size))
        rate = f"{row.images_per_second:.2f}"
        table.add_row(row.network, row.engine, row.precision, size, str(row.batch), milliseconds, rate)
    return table


def profile_table(network: str, layers: Sequence[Any], count: int) -> Table:
    """Return the slowest operators, and the sum of each kind."""
    table = _folding("operator", "kind", "ms", "fraction", title=f"{network}: {len(layers)} operators")
    for layer in layers[:count]:
        table.add_row(layer.name, layer.kind, f"{layer.milliseconds:.3f}", f"{layer.fraction:.1%}")
    kinds: dict[str, tuple[float, float]] = {}
    for layer in layers:
        milliseconds, fraction = kinds.get(layer.kind, (0.0, 0.0))
        kinds[layer.kind] = (milliseconds + layer.milliseconds, fraction + layer.fraction)
    table.add_section()
    for kind, (milliseconds, fraction) in sorted(kinds.items(), key=lambda item: -item[1][0])[:10]:
        table.add_row("total by kind", kind, f"{milliseconds:.3f}", f"{fraction:.1%}")
    return table
