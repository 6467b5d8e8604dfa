"""Each view of the terminal at 80 columns, and in a pipe."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from fairmot.cli import console
from fairmot.cli.tracking_output import timing_line
from fairmot.training.progress import TrainingProgress

LONG = "runs/track/a-camera-over-the-yard-of-the-town-hall-on-a-monday-morning/camera-3.txt"
LOSSES = {"heatmap": 1.234, "extents": 0.345, "offsets": 0.21, "identity": 6.75, "total": 9.5}
WIDTH = 80


def rendered(table, is_terminal):
    target = Console(width=WIDTH, file=io.StringIO(), force_terminal=is_terminal, color_system=None, markup=False)
    target.print(table)
    return target.file.getvalue()


def tables():
    run = SimpleNamespace(
        text=Path(LONG),
        video=Path(LONG).with_suffix(".mp4"),
        name="a camera over the yard",
        frame_count=123456,
        identity_count=4321,
        frames_per_second=1234.5,
    )
    speed = SimpleNamespace(
        network="hrnet_32_with_a_name",
        engine="onnxruntime",
        precision="f32",
        input_size=(1088, 608),
        milliseconds=1234.5,
        quartiles=(1230.1, 1300.2),
        least=1200.1,
        frames_per_second=0.8,
        gflops=123.4,
        ceiling_gflops=190.1,
        ceiling_fraction=0.65,
    )
    training = SimpleNamespace(
        network="lite",
        engine="mindspore",
        precision="f32",
        input_size=(1088, 608),
        batch=12,
        milliseconds=12345.0,
        quartiles=(12000.0, 13000.0),
        images_per_second=0.97,
    )
    layer = SimpleNamespace(
        name="backbone.level_3.tree_1.conv1.weights", kind="Convolution", milliseconds=12.3, fraction=0.5
    )
    loss = SimpleNamespace(name="identity", start=6.75, end=0.1, limit=0.2, passed=True)
    checked = SimpleNamespace(
        engine="mindspore", steps=120, seconds=33.3, losses=[loss], found=12, boxes=12, left_out=3
    )
    return {
        "track": (console.track_table([run]), [LONG, str(Path(LONG).with_suffix(".mp4")), "identities", "123456"]),
        "speed": (console.speed_table([speed]), ["hrnet_32_with_a_name", "onnxruntime"]),
        "training speed": (console.training_speed_table([training]), ["mindspore", "0.97"]),
        "profile": (console.profile_table("lite", [layer], 5), [layer.name, "12.300"]),
        "self-check": (console.self_check_table(checked), ["identity", "6.75", "ok"]),
    }


@pytest.mark.parametrize("is_terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("view", ["track", "speed", "training speed", "profile", "self-check"])
def test_a_table_is_legible(view, is_terminal):
    table, wanted = tables()[view]
    text = rendered(table, is_terminal)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "…" not in text
    # What is folded stands below itself in its column.
    columns = [line.split("│")[1:-1] for line in text.splitlines() if "│" in line]
    joined = ["".join(cell.strip() for cell in column) for column in zip(*columns, strict=True)]
    head = "".join(text.split())
    for part in wanted:
        assert any(part.replace(" ", "") in column.replace(" ", "") for column in joined) or part in head, part


RATIOS = ("HOTA", "DetA", "AssA", "DetRe", "DetPr", "AssRe", "AssPr", "LocA", "MOTA", "MOTP", "IDF1", "IDP", "IDR")
COUNTS = ("CLR_FP", "CLR_FN", "IDSW", "Frag", "MT", "ML", "IDTP", "IDFP", "IDFN", "GT", "PT", "FP", "FN", "IDs", "FM")


def scores_of(sign=1):
    """A report of one sequence of a long name, with large counts: every field in it is different."""
    from fairmot.evaluation.hota import ALPHAS

    values = {name: sign * (0.9012 + 0.0011 * number) for number, name in enumerate((*RATIOS, "Rcll", "Prcn"))}
    values |= {name: sign * (123450 + number) for number, name in enumerate((*COUNTS, "IDt", "IDa", "IDm"))}
    values |= {f"{name}_alpha": [0.5 + 0.01 * n for n in range(len(ALPHAS))] for name in RATIOS}
    return {"sequences": {"MOT17-02-FRCNN-of-a-long-name": values}, "combined": values}


def score_views():
    from fairmot.evaluation import comparison_tables as compared
    from fairmot.evaluation import tables as scored
    from fairmot.evaluation.bootstrap import FIELDS

    report = {**scores_of(), "benchmark": "MOT17", "classic": scores_of(), "class_mean": scores_of()["combined"]}
    report["classes"] = {"1": scores_of(), "3": scores_of()}
    intervals = dict.fromkeys(FIELDS, (0.8765, 0.9876))
    trackers = [
        {"name": name, "report": scores_of(), "differences": scores_of(-1), "intervals": intervals}
        | {"difference_intervals": dict.fromkeys(FIELDS, (-0.1234, -0.0456))}
        for name in ("ours", "a-tracker-of-a-very-long-name", "sort")
    ]
    comparison = {"trackers": trackers, "coverage": 0.95}
    return {
        "scores": scored.score_tables(report),
        "classes": scored.class_tables(report),
        "alpha": scored.alpha_tables(scores_of()),
        "comparison": compared.comparison_tables(comparison),
        "differences": compared.sequence_difference_tables(comparison),
    }


@pytest.mark.parametrize("is_terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("view", ["scores", "classes", "alpha", "comparison", "differences"])
def test_scores_are_legible(view, is_terminal):
    """No number is cut or folded, however many digits it has; long names are folded."""
    from fairmot.evaluation.tables import format_score

    for table in score_views()[view]:
        text = rendered(table, is_terminal)
        assert max(map(len, text.splitlines())) <= WIDTH, text
        assert "…" not in text, text
        numbers = [cell for column in table.columns[1:] for cell in column.cells if cell]
        assert len(numbers) >= len(table.columns) - 1
        for number in numbers:
            assert number in text.split(), (number, text)
    assert format_score("CLR_FP", 123450) == "123450"


def test_a_number_that_is_cut_is_found(monkeypatch):
    from fairmot.evaluation import tables

    monkeypatch.setattr(tables, "_WIDTH", 200)
    with pytest.raises(AssertionError):
        test_scores_are_legible("comparison", True)


@pytest.mark.parametrize("is_terminal", [True, False], ids=["terminal", "pipe"])
def test_a_summary_is_legible(is_terminal):
    from fairmot.workflows.describe import describe

    title, summary = describe("dla_34", (1088, 608))
    text = rendered(console.summary_table(title, summary, True), is_terminal)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "…" not in text
    for layer in (*summary.layers, summary):
        assert f" {layer.parameters:,} " in text
        assert f" {layer.multiply_adds:,} " in text


def test_statistics_of_sets_are_legible(tmp_path, monkeypatch):
    """Through the command: a long name is folded, identities are called so."""
    from people import write_people
    from typer.testing import CliRunner

    from fairmot.cli import app

    write_people(tmp_path, count=6, name="a-set-of-photographs-of-a-yard-with-a-very-long-name.train")
    result = CliRunner().invoke(app, ["data", "stats", str(tmp_path / "data.json")], env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    table = result.stdout[: result.stdout.index("* median")]
    assert max(map(len, table.splitlines())) <= WIDTH
    assert "…" not in table
    assert table.split()[:8] == ["set", "images", "empty", "boxes", "each", "identities", "ignored", "height*"]
    assert "people" not in result.stdout.lower().replace("very", "")


def progress_at(step, epoch):
    return TrainingProgress(step, 400, epoch, LOSSES, 12.34)


def test_the_training_line_at_80_columns(monkeypatch):
    target = Console(width=WIDTH, file=io.StringIO(), force_terminal=True, color_system=None, markup=False)
    monkeypatch.setattr(console, "notes", lambda: target)
    with console.training_progress() as report:
        report(progress_at(120, 2))
    last = target.file.getvalue().split("\x1b[2K")[-1]
    for part in ("epoch 3", "120/400", "steps", "12.3 images/s", *(f"{n} {v:.3f}" for n, v in LOSSES.items())):
        assert part in " ".join(last.split()), part
    assert "…" not in last
    assert max(map(len, last.splitlines())) <= WIDTH


def test_the_training_line_in_a_pipe():
    """A line an epoch and every half minute, with the time left."""
    target, now = Console(file=io.StringIO(), markup=False), [0.0]
    report = console._training_lines(target, lambda: now[0])
    for step in range(1, 401):
        now[0] += 1.0
        report(progress_at(step, (step - 1) // 100))
    lines = target.file.getvalue().splitlines()
    # 1, 31, 61, 91 in each hundred, and the last.
    assert [line.split("step ")[1].split("/")[0] for line in lines[:5]] == ["1", "31", "61", "91", "101"]
    assert len(lines) == 17
    assert lines[1].startswith("epoch 1  step 31/400  heatmap 1.234  extents 0.345")
    assert lines[1].endswith("12.3 images/s  0:06:09 left")
    assert lines[-1].endswith("0:00:00 left")


@pytest.mark.parametrize("unit", ["frames", "trials", "images"])
def test_a_bar_says_what_it_counts_and_cuts_no_name(monkeypatch, unit):
    target = Console(width=WIDTH, file=io.StringIO(), force_terminal=True, color_system=None, markup=False)
    monkeypatch.setattr(console, "notes", lambda: target)
    with console.frame_progress(unit) as report:
        report(LONG, 12, 12)
    last = target.file.getvalue().split("\x1b[2K")[-1]
    assert f"12/12 {unit}" in " ".join(last.split())
    assert "…" not in last
    name = "".join(line[:30].strip() for line in last.splitlines())
    assert name.replace(" ", "").startswith(LONG[:20])


def test_stages_that_did_not_run_are_not_listed():
    times = SimpleNamespace(decode=0.0, prepare=0.0, detect=0.0, track=12.5, draw_and_encode=0.0, limit="track")
    run = SimpleNamespace(name="street", milliseconds=times, dropped_count=0, reconnect_count=0)
    assert timing_line(run) == "street: ms a frame: the tracker 12.5; the tracker limits"
    times.decode = 1.5
    assert timing_line(run) == "street: ms a frame: decoding 1.5, the tracker 12.5; the tracker limits"
