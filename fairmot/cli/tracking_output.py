"""What ``fairmot track`` reads of its many outputs, and what it says while and after it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from fairmot.cli.options import stop
from fairmot.errors import InputError

if TYPE_CHECKING:
    from fairmot.media.outputs.outputs import Outputs
    from fairmot.workflows.track.jobs import JobResult
    from fairmot.workflows.track.source_run import TrackRun

_STAGES = {
    "decode": "decoding",
    "prepare": "letterbox",
    "detect": "the network",
    "track": "the tracker",
    "draw_and_encode": "drawing + H.264",
}


def read(
    video: bool,
    images: bool,
    jsonl: bool,
    csv: bool,
    crops: bool,
    heatmap: bool,
    blur: bool,
    lines: list[str] | None,
    zone: Path | None,
    show: bool,
) -> Outputs:
    """Return what is wanted; where there is no screen, say so and go on without the window.

    Raises:
        InputError: a line or zone that is none, or outputs that exclude each other.
    """
    from fairmot.media.outputs.outputs import Outputs
    from fairmot.media.outputs.places import parse_lines, read_zones
    from fairmot.media.outputs.window import screen_problem

    problem = screen_problem() if show else None
    if problem is not None:
        typer.echo(f"fairmot: {problem}", err=True)
    return Outputs(
        video=video,
        images=images,
        jsonl=jsonl,
        csv=csv,
        crops=crops,
        heatmap=heatmap,
        blur=blur,
        lines=parse_lines(lines or []),
        zones=() if zone is None else read_zones(zone),
        show=show and problem is None,
    )


def gap_filling(method: str, jobs: int | None, ray: str | None) -> Callable[[TrackRun, int], TrackRun]:
    """Return what fills the gaps in the rows of a run, given its step from frame to frame.

    Raises:
        InputError: no such method, or jobs are wanted.
    """
    from fairmot.workflows.track.gap_filling import fill_gaps, read_method

    if jobs is not None or ray is not None:
        raise InputError("--interpolate goes without --jobs and --ray")
    checked = read_method(method)

    def filled(run: TrackRun, every: int) -> TrackRun:
        return replace(run, row_count=fill_gaps(run.text, checked, every=every))

    return filled


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[str, int, int | None], None] | None]:
    """Yield a callback that shows one bar a source, or None."""
    from fairmot.cli import console

    if quiet:
        yield None
        return
    with console.frame_progress() as report:
        yield report


def timing_line(run: TrackRun) -> str:
    """Return what each stage of a run took a frame, and which one the others wait for."""
    times = run.milliseconds
    stages = ", ".join(f"{name} {getattr(times, stage):.1f}" for stage, name in _STAGES.items())
    line = f"{run.name}: ms a frame: {stages}; {_STAGES[times.limit]} limits"
    if run.dropped_count or run.reconnect_count:
        line += f"; {run.dropped_count} frames dropped, {run.reconnect_count} times reconnected"
    return line


def count_lines(run: TrackRun) -> list[str]:
    """Return a line for each line and zone: what was counted there."""
    counts = run.counts or {"lines": [], "zones": []}
    crossed = [f"{line['name']}: {line['in']} in, {line['out']} out" for line in counts["lines"]]
    stood = [
        f"{zone['name']}: {zone['identities']} people, at most {zone['most_at_once']} at once, "
        f"{zone['mean']:.2f} on average"
        for zone in counts["zones"]
    ]
    return [f"{run.name}: {each}" for each in crossed + stood]


def end_of_runs(runs: Sequence[TrackRun], as_json: bool, quiet: bool) -> None:
    """Print the results, and leave with the exit code that they call for.

    Raises:
        InputError: something could not be read.
    """
    from fairmot.cli import console

    if as_json:
        typer.echo(json.dumps([asdict(run) for run in runs], default=str, indent=2))
    elif not quiet:
        console.answers().print(console.track_table(list(runs)))
        for line in (line for run in runs for line in count_lines(run)):
            console.answers().print(line, soft_wrap=True, markup=False, highlight=False)
        for run in runs:
            console.notes().print(timing_line(run), soft_wrap=True, markup=False)
    problems = [run.problem for run in runs if run.problem]
    if problems:
        raise InputError("; ".join(problems))
    if any(run.interrupted for run in runs):
        stop("interrupted; the files above are complete up to there", code=130)


@contextmanager
def job_progress(quiet: bool) -> Iterator[dict[str, Any]]:
    """Yield what ``track_many`` is to call: a bar for each video under way, and a line for each that has ended."""
    from fairmot.cli import console

    if quiet:
        yield {}
        return
    with console.job_progress() as (report, end):

        def done(result: JobResult, count: int, total: int) -> None:
            frames = "" if result.run is None else f", {result.run.frame_count} frames"
            problem = "" if result.problem is None else f" ({result.problem})"
            end(result.source, f"[{count}/{total}] {result.source}: {result.outcome}{frames}{problem}")

        yield {"progress": report, "done": done}


def end_of_jobs(results: Sequence[JobResult], as_json: bool) -> None:
    """Print the results, and leave with the exit code that they call for.

    Raises:
        InputError: some videos failed; they are listed.
    """
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results], default=str, indent=2))
    failed = [result.problem or result.source for result in results if result.outcome == "failed"]
    if failed:
        raise InputError(f"{len(failed)} of {len(results)} videos failed: {'; '.join(failed)}")
    if any(result.outcome == "interrupted" for result in results):
        stop("interrupted; the same command goes on with the rest", code=130)
