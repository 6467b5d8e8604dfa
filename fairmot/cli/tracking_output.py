"""What ``fairmot track`` reads of its outputs and recordings, and what it prints while and after it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from fairmot.cli.settings import size_text, stop
from fairmot.errors import InputError

if TYPE_CHECKING:
    from fairmot.formats.recordings import Recording
    from fairmot.media.outputs.outputs import Anchor, Outputs
    from fairmot.progress import Progress
    from fairmot.workflows.track.jobs import JobResult, SourceJob
    from fairmot.workflows.track.track_run import TrackRun

_STAGES = {
    "decode": "decoding",
    "prepare": "letterbox",
    "detect": "the network",
    "track": "the tracker",
    "draw_and_encode": "drawing + H.264",
}


def read_outputs(
    lines: list[str] | None, zone: Path | None, show: bool, anchor: str, line_margin: float, **fields: Any
) -> Outputs:
    """Return the outputs; where there is no screen, say so and go on without the window.

    Args:
        lines: of ``--line``.
        zone: of ``--zone``.
        show: a window is wanted.
        anchor: of ``--anchor``.
        line_margin: of ``--line-margin``.
        fields: of ``Outputs``.

    Raises:
        InputError: a line or zone cannot be read, or outputs exclude each other.
    """
    from fairmot.media.outputs.outputs import Outputs
    from fairmot.media.outputs.places import parse_lines, read_zones
    from fairmot.media.outputs.window import screen_problem

    problem = screen_problem() if show else None
    if problem is not None:
        typer.echo(f"fairmot: {problem}", err=True)
    return Outputs(
        lines=parse_lines(lines or []),
        zones=() if zone is None else read_zones(zone),
        show=show and problem is None,
        anchor=cast("Anchor", anchor),
        line_margin=line_margin,
        **fields,
    )


def read_recordings(paths: Sequence[str | Path], confidence: float | None) -> list[Recording]:
    """Read saved detections; a score threshold replaces the one of the tracker parameters that go with each.

    Raises:
        InputError: there is none, or a file cannot be read.
    """
    from fairmot.formats.recording_files import find_recordings
    from fairmot.formats.recordings import load_recording

    recordings = [load_recording(path) for path in find_recordings(paths)]
    if confidence is None:
        return recordings
    return [
        replace(
            each,
            detector={
                **(each.detector or {}),
                "tracker": each.tracker.changed(confidence=confidence).model_dump(mode="json"),
            },
        )
        for each in recordings
    ]


def gap_filling(method: str | None) -> Callable[[Sequence[TrackRun], Sequence[int]], list[TrackRun]]:
    """Return what fills the gaps in the rows of runs, given the step between frames of each.

    Raises:
        InputError: there is no such method.
    """
    from fairmot.workflows.track.gap_filling import fill_gaps, read_method

    if method is None:
        return lambda runs, steps: list(runs)
    checked = read_method(method)

    def filled(runs: Sequence[TrackRun], steps: Sequence[int]) -> list[TrackRun]:
        return [
            replace(run, row_count=fill_gaps(run.text, checked, every=every))
            for run, every in zip(runs, steps, strict=True)
        ]

    return filled


@contextmanager
def progress(quiet: bool) -> Iterator[Progress | None]:
    """Yield a callback that shows one bar a source, or None."""
    from fairmot.cli import console

    if quiet:
        yield None
        return
    with console.frame_progress() as report:
        yield report


def announce(detector: Any, quiet: bool) -> None:
    """Print which network runs in which engine."""
    from fairmot.cli import console

    if not quiet:
        fitted = ", or its area in the proportions of the images" if getattr(detector, "fits_images", False) else ""
        size = size_text(detector.input_size)
        console.notes().print(f"{detector.architecture} in {detector.engine} at {size}{fitted}{_precision(detector)}")


def _precision(detector: Any) -> str:
    """Return in what the network computes, and why, where that is not plain float32."""
    note = getattr(detector, "precision_note", "f32")
    return "" if note in ("f32", "file") else f"; precision {note}"


def timing_line(run: TrackRun) -> str:
    """Return how long each stage took a frame, and which stage the others wait for."""
    times = run.milliseconds
    # What did not run, as the network over recorded detections, is left out.
    ran = {name: getattr(times, stage) for stage, name in _STAGES.items() if getattr(times, stage) > 0}
    stages = ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in ran.items())
    line = f"{run.name}: ms a frame: {stages}; {_STAGES[times.limit]} limits"
    if run.dropped_count or run.reconnect_count:
        line += f"; {run.dropped_count} frames dropped, {run.reconnect_count} times reconnected"
    return line


def count_lines(run: TrackRun) -> list[str]:
    """Return a line for each counting line and each zone."""
    counts = run.counts or {"lines": [], "zones": []}
    crossed = [f"{line['name']}: {line['in']} in, {line['out']} out" for line in counts["lines"]]
    stood = [
        f"{zone['name']}: {zone['identities']} identities, at most {zone['most_at_once']} at once, "
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
            console.answers().print(line, soft_wrap=True)
        for run in runs:
            console.notes().print(timing_line(run), soft_wrap=True)
    for run in runs if not quiet else ():
        if run.silence is not None:
            typer.echo(f"fairmot: {run.name}: the video has no sound: {run.silence}", err=True)
        for line in run.fallbacks:
            typer.echo(f"fairmot: {run.name}: {line}", err=True)
    problems = [run.problem for run in runs if run.problem]
    if problems:
        raise InputError("; ".join(problems))
    if any(run.interrupted for run in runs):
        stop("interrupted; the files above are complete up to there", code=130)


def track_jobs(
    sources: Sequence[str], output: Path | None, plan: SourceJob, as_json: bool, quiet: bool, **how: Any
) -> None:
    """Track many videos, print what became of them, and leave with the exit code that this calls for.

    Args:
        sources: videos.
        output: folder of the videos' folders; None: the default one.
        plan: how each is tracked.
        as_json: print the results as JSON.
        quiet: print no progress.
        how: ``jobs``, ``ray`` and ``overwrite`` of ``track_many``.

    Raises:
        InputError: some videos failed; they are listed.
    """
    from fairmot.workflows.track.jobs import track_many
    from fairmot.workflows.track.track import DEFAULT_FOLDER

    with _job_progress(quiet) as reports:
        results = track_many(sources, output or DEFAULT_FOLDER, plan=plan, **how, **reports)
    if as_json:
        typer.echo(json.dumps([asdict(result) for result in results], default=str, indent=2))
    failed = [result.problem or result.source for result in results if result.outcome == "failed"]
    if failed:
        raise InputError(f"{len(failed)} of {len(results)} videos failed: {'; '.join(failed)}")
    if any(result.outcome == "interrupted" for result in results):
        stop("interrupted; the same command goes on with the rest", code=130)


@contextmanager
def _job_progress(quiet: bool) -> Iterator[dict[str, Any]]:
    """Yield the callbacks of ``track_many``: a bar for each video under way, and a line for each that has ended."""
    from fairmot.cli import console

    if quiet:
        yield {}
        return
    with console.job_progress() as (report, end):

        def done(result: JobResult, count: int, total: int) -> None:
            frames = "" if result.run is None else f", {result.run.frame_count} frames"
            problem = "" if result.problem is None else f" ({result.problem})"
            lines = "".join(f"; {line}" for line in (result.run.fallbacks if result.run is not None else ()))
            end(result.source, f"[{count}/{total}] {result.source}: {result.outcome}{frames}{problem}{lines}")

        yield {"progress": report, "done": done}
