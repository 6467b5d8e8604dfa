"""The command that explains errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairmot.cli import modes, options
from fairmot.cli.settings import read_columns
from fairmot.errors import InputError

if TYPE_CHECKING:
    from fairmot.workflows.explain.explain import Explanation

SHEETS = 50
"""Most contact sheets of one call."""
_WHICH = "Which errors"


def explain(
    context: typer.Context,
    ground_truth: Annotated[
        Path, typer.Argument(metavar="GT", help="Folder of sequences in MOTChallenge layout, or one sequence.")
    ],
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="Folder with NAME.txt for each sequence, or one file.")
    ],
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            rich_help_panel=_WHICH,
            help="Kind of error: switch, fragmentation, miss or 'false positive'; repeatable.",
            show_default="all",
        ),
    ] = None,
    sequence: Annotated[
        str | None, typer.Option(metavar="NAME", rich_help_panel=_WHICH, help="Only this sequence.")
    ] = None,
    frame: Annotated[
        int | None, typer.Option(min=1, metavar="N", rich_help_panel=_WHICH, help="Only this frame number, from 1.")
    ] = None,
    identity: Annotated[
        int | None,
        typer.Option(metavar="ID", rich_help_panel=_WHICH, help="Only this identity, of results or ground truth."),
    ] = None,
    classes: Annotated[str | None, options.classes(" Each class is compared by itself.")] = None,
    benchmark: options.BenchmarkName = "auto",
    half_val: options.HalfVal = False,
    every: Annotated[int, options.every(more=": the one with which the results were tracked")] = 1,
    record_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The tracker's record.",
            show_default="NAME.record.npz beside the results",
        ),
    ] = None,
    sheets: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", rich_help_panel=options.FILES, help="A contact sheet of each error."),
    ] = None,
    source: Annotated[Path | None, options.source("the sequence folder")] = None,
    as_json: options.JsonOut = False,
) -> None:
    """Show each switch, fragmentation, miss and false positive, and the costs that the tracker compared there.

    [bold]fairmot explain MOT17/train runs/evaluate --kind switch --sheets sheets[/bold]
    [bold]fairmot explain MOT17/train runs/evaluate --sequence MOT17-02 --frame 120 --json[/bold]
    """
    from fairmot.evaluation.errors import ERROR_KINDS
    from fairmot.workflows.explain.explain import explain as run_explain

    (modes.EXPLAIN if sheets is None else modes.EXPLAIN_SHEETS).check(context)
    kinds = tuple(kind) if kind else ERROR_KINDS
    explained = run_explain(
        ground_truth,
        results,
        benchmark,
        sequence=sequence,
        kinds=kinds,
        frame=frame,
        identity=identity,
        record=record_file,
        every=every,
        half_val=half_val,
        classes=read_columns(classes),
    )
    paths: dict[str, list[str]] = {}
    if sheets is not None:
        paths = _write_sheets(explained, results, ground_truth, sheets, source, half_val, read_columns(classes))
    if as_json:
        answer: dict[str, Any] = {name: [one.as_json() for one in ones] for name, ones in explained.items()}
        typer.echo(json.dumps({"errors": answer, **({"sheets": paths} if sheets else {})}, indent=2))
        return
    for name, ones in explained.items():
        counts = ", ".join(f"{sum(one.error.kind == each for one in ones)} {each}" for each in kinds)
        typer.echo(f"{name}: {counts}")
        for one in ones:
            typer.echo("\n".join(_lines(one)))
    for path in (path for group in paths.values() for path in group):
        typer.echo(path)


def _write_sheets(
    explained: dict[str, list[Explanation]],
    results: Path,
    ground_truth: Path,
    folder: Path,
    source: Path | None,
    half_val: bool,
    columns: Sequence[int] | None,
) -> dict[str, list[str]]:
    import numpy as np

    from fairmot.evaluation.preprocessing import classes_of
    from fairmot.formats.halves import first_index, load_second_half
    from fairmot.formats.seqinfo import load_info
    from fairmot.formats.sequences import find_sequences, load_sequence, sequence_name
    from fairmot.workflows.explain.contact_sheets import write_sheets

    total = sum(map(len, explained.values()))
    if total > SHEETS:
        raise InputError(
            f"--sheets: {total} errors are too many contact sheets (at most {SHEETS}); choose with --kind, --frame, "
            "--identity"
        )
    if source is not None and len(explained) > 1:
        raise InputError(f"{source}: one source for {len(explained)} sequences; choose one with --sequence")
    written = {}
    for place in find_sequences(ground_truth):
        name = sequence_name(place)
        if not explained.get(name):
            continue
        file = results if results.is_file() else results / f"{name}.txt"
        pair = (load_second_half if half_val else load_sequence)(place, file)
        first = first_index(load_info(place).frame_count) if half_val else 0
        errors = [one.error for one in explained[name]]
        truth, found = pair.truth, pair.results
        if columns is not None:  # boxes of other classes took no part
            truth, found = (rows.select(np.isin(classes_of(rows), columns)) for rows in (truth, found))
        paths = write_sheets(errors, truth, found, source or place, folder / name, first)
        written[name] = [str(path) for path in paths]
    return written


def _lines(one: Explanation) -> list[str]:
    error = one.error
    who = [f"person {error.person}"] if error.person is not None else []
    who += [f"identity {error.identity}"] if error.identity is not None else []
    if error.identity_before is not None:
        who.append(f"before {error.identity_before} (frame {error.last_frame})")
    box = error.true_box or error.box or ()
    lines = [
        f"  frame {error.frame}  {error.kind}: {', '.join(who)}; box {' '.join(f'{value:.0f}' for value in box)};"
        f" IoU {error.iou:.2f}"
    ]
    for row in one.tracks:
        fate = f"took detection {row['detection']} ({row['stage']})" if row["stage"] else row["reason"]
        lines.append(f"    track {row['identity']} ({row['state']}): {fate.replace('_', ' ')}")
    for row in one.detections:
        taken = f" by {row['identity']}" if row["identity"] else ""
        lines.append(f"    detection {row['detection']} (score {row['score']:.2f}): {row['fate']}{taken}")
    for row in one.pairs:
        gate = "" if row["in_gate"] else ", outside the gate"
        lines.append(
            f"    track {row['identity']} - detection {row['detection']}: cost {_shown(row['cost'])}"
            f" (appearance {_shown(row['appearance'])}, motion {_shown(row['motion'])}, IoU {_shown(row['iou'])}{gate})"
            f"{'  matched' if row['matched_in'] else ''}"
        )
    for row in one.events:
        other = f" ({row['other']})" if row["other"] is not None else ""
        lines.append(f"    identity {row['identity']}: {row['event'].replace('_', ' ')}{other}")
    return lines


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
