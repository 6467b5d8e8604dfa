"""Commands that improve and explain a tracker: tune, explain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairmot.cli.evaluation import BenchmarkName, Classes, HalfVal, read_classes
from fairmot.cli.options import JsonOut, TrackerChoice
from fairmot.errors import InputError

if TYPE_CHECKING:
    from fairmot.workflows.explain.explain import Explanation

SHEETS = 50
"""Most contact sheets of one call."""


def tune(
    detections: Annotated[
        Path, typer.Argument(help="Folder of saved detections (NAME.detections.npz) or of det.txt files, or one file.")
    ],
    ground_truth: Annotated[Path, typer.Argument(help="Folder of sequences in MOTChallenge layout, or one sequence.")],
    trials: Annotated[int, typer.Option(min=1, help="Trials in all, those before a resume included.")] = 100,
    aim: Annotated[str, typer.Option(help="HOTA, IDF1, MOTA, AssA, DetA, or a mix: 0.5*HOTA+0.5*IDF1.")] = "HOTA",
    held_out: Annotated[
        list[str] | None, typer.Option(help="A sequence to leave out and score apart; repeatable.")
    ] = None,
    tracker: TrackerChoice = "auto",
    benchmark: BenchmarkName = "auto",
    output: Annotated[Path, typer.Option(help="Folder of the study.")] = Path("runs/tune"),
    resume: Annotated[bool, typer.Option(help="Go on with the study in the folder.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: JsonOut = False,
) -> None:
    """Search for the tracker's constants with the best score, on detections saved once.

    [bold]fairmot evaluate MOT17/train --save-detections --output runs/detected[/bold]
    [bold]fairmot tune runs/detected MOT17/train --trials 200 --held-out MOT17-13[/bold]
    [bold]fairmot track street.mp4 --tracker runs/tune/best.yaml[/bold]
    """
    from fairmot.cli import console
    from fairmot.config import load_tracker_config
    from fairmot.workflows.tune.tune import tune as run_tune

    with console.frame_progress() as progress:
        tuned = run_tune(
            ground_truth,
            detections,
            output=output,
            trials=trials,
            aim=aim,
            held_out=tuple(held_out or ()),
            start=None if tracker == "auto" else load_tracker_config(tracker),
            benchmark=benchmark,
            seed=seed,
            resume=resume,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(tuned.as_json(), indent=2))
        return
    for group, scores in tuned.scores.items():
        for state, values in scores.items():
            shown = "  ".join(f"{k} {v if isinstance(v, int) else f'{100 * v:.2f}'}" for k, v in values.items())
            typer.echo(f"{group + ',':9} {state:7}{shown}")
    typer.echo(f"{tuned.trials} trials, {tuned.pruned} of them given up early; best: {tuned.best}")


def explain(
    results: Annotated[Path, typer.Argument(help="Folder with NAME.txt for each sequence, or one file.")],
    ground_truth: Annotated[Path, typer.Argument(help="Folder of sequences in MOTChallenge layout, or one sequence.")],
    frame: Annotated[int | None, typer.Option(min=1, help="Only errors in this frame number.")] = None,
    identity: Annotated[int | None, typer.Option(help="Only errors of this identity, in results or truth.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="switch, fragmentation, miss or 'false positive'; repeatable.")
    ] = None,
    sequence: Annotated[str | None, typer.Option(help="Only this sequence.")] = None,
    record: Annotated[
        Path | None, typer.Option(help="The tracker's record; left out: NAME.record.npz beside the results.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder for a contact sheet of each error.")] = None,
    source: Annotated[Path | None, typer.Option(help="Video or images; left out: those of the sequence.")] = None,
    every: Annotated[int, typer.Option(min=1, help="As for track: step between tracked frames.")] = 1,
    benchmark: BenchmarkName = "auto",
    half_val: HalfVal = False,
    classes: Classes = None,
    as_json: JsonOut = False,
) -> None:
    """Show each switch, fragmentation, miss and false positive, and what the tracker weighed there.

    [bold]fairmot explain runs/evaluate MOT17/train --kind switch --images sheets[/bold]
    [bold]fairmot explain runs/evaluate MOT17/train --sequence MOT17-02 --frame 120 --json[/bold]
    """
    from fairmot.evaluation.errors import ERROR_KINDS
    from fairmot.workflows.explain.explain import explain as run_explain

    kinds = tuple(kind) if kind else ERROR_KINDS
    explained = run_explain(
        ground_truth,
        results,
        benchmark,
        sequence=sequence,
        kinds=kinds,
        frame=frame,
        identity=identity,
        record=record,
        every=every,
        half_val=half_val,
        classes=read_classes(classes),
    )
    sheets: dict[str, list[str]] = {}
    if images is not None:
        sheets = _write_sheets(explained, results, ground_truth, images, source, half_val)
    if as_json:
        answer: dict[str, Any] = {name: [one.as_json() for one in ones] for name, ones in explained.items()}
        typer.echo(json.dumps({"errors": answer, **({"images": sheets} if images else {})}, indent=2))
        return
    for name, ones in explained.items():
        counts = ", ".join(f"{sum(one.error.kind == each for one in ones)} {each}" for each in kinds)
        typer.echo(f"{name}: {counts}")
        for one in ones:
            typer.echo("\n".join(_lines(one)))
    for paths in sheets.values():
        for path in paths:
            typer.echo(path)


def _write_sheets(
    explained: dict[str, list[Explanation]],
    results: Path,
    ground_truth: Path,
    folder: Path,
    source: Path | None,
    half_val: bool,
) -> dict[str, list[str]]:
    from fairmot.formats.halves import first_index, load_second_half
    from fairmot.formats.seqinfo import load_info
    from fairmot.formats.sequences import find_sequences, load_sequence, sequence_name
    from fairmot.workflows.explain.contact_sheets import write_sheets

    total = sum(map(len, explained.values()))
    if total > SHEETS:
        raise InputError(
            f"{total} errors are too many contact sheets (at most {SHEETS}): use --kind, --frame, --identity"
        )
    if source is not None and len(explained) > 1:
        raise InputError(f"{source}: one source for {len(explained)} sequences; say which one with --sequence")
    written = {}
    for place in find_sequences(ground_truth):
        name = sequence_name(place)
        if not explained.get(name):
            continue
        file = results if results.is_file() else results / f"{name}.txt"
        pair = (load_second_half if half_val else load_sequence)(place, file)
        first = first_index(load_info(place).frame_count) if half_val else 0
        errors = [one.error for one in explained[name]]
        paths = write_sheets(errors, pair.truth, pair.results, source or place, folder / name, first)
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
