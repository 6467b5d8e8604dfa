"""Names that look like markup, ``[x]`` and ``:x:``, are printed as they are: in every table, note and answer."""

from pathlib import Path

import pytest
import synthetic
from rich.console import Console
from typer.testing import CliRunner

import fairmot.benchmark
from fairmot.benchmark.inference import Speed
from fairmot.benchmark.subjects import Skipped
from fairmot.benchmark.training import TrainingSpeed
from fairmot.cli import app, console, tracking_output
from fairmot.engines.interface import LayerTime
from fairmot.evaluation.tables import score_tables
from fairmot.network.summary import LayerSummary, Summary

NAMES = ["a[b].onnx", "conv[relu]", "runs[/x]", "fairmot[torch]", "a:warning:b"]


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")


def profile(name):
    return console.profile_table(name, [LayerTime(name, name, 1.0, 1.0)], 3), 4


def summary(name):
    layer = LayerSummary(name, name, (1, 2, 3), 4, 5)
    return console.summary_table(name, Summary((layer,), {name: (1, 2, 3)}), layers=True), 4


def speed(name):
    return console.speed_table([Speed(name, name, "f32", (64, 32), 1, (1, 1), 1, 1, 1, 1, 1)]), 2


def training_speed(name):
    return console.training_speed_table([TrainingSpeed(name, name, "f32", (64, 32), 2, 1, (1, 1), 1)]), 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("build", [profile, summary, speed, training_speed])
def test_tables_print_names_as_they_are(capsys, build, name):
    table, count = build(name)
    console.answers().print(table)
    assert capsys.readouterr().out.count(name) == count


@pytest.mark.parametrize("name", NAMES)
def test_notes_and_answers_print_lines_as_they_are(capsys, name):
    console.answers().print(f"in {name}")
    console.notes().print(f"left out: {name}")
    assert capsys.readouterr() == (f"in {name}\n", f"left out: {name}\n")


def test_a_console_that_reads_markup_is_found(capsys):
    Console().print(profile("conv[relu]")[0])
    assert "conv[relu]" not in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_bars_print_names_as_they_are(capsys, name):
    with console.frame_progress() as progress:
        progress(name, 1, 1)
    assert name in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_the_network_in_use_is_printed_as_it_is(capsys, name):
    detector = type(
        "Detector", (), {"architecture": name, "engine": "torch", "input_size": (64, 32), "fits_images": False}
    )
    tracking_output.announce(detector, quiet=False)
    assert capsys.readouterr().err == f"{name} in torch at 64x32\n"


def test_what_the_benchmark_leaves_out_is_printed_as_it_is(monkeypatch):
    def measure(*arguments, log, **options):
        log("lite[a] in torch")
        return [], [Skipped("lite[a]", "torch", "f32", "pip install 'fairmot[torch]'")]

    monkeypatch.setattr(fairmot.benchmark, "measure", measure)
    result = CliRunner().invoke(app, ["benchmark", "lite"], catch_exceptions=False)
    assert result.stderr.splitlines() == [
        "lite[a] in torch ...",
        "left out: lite[a] in torch, f32: pip install 'fairmot[torch]'",
    ]


def test_score_compares_folders_and_sequences_with_brackets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    truth, results = synthetic.make_benchmark(tmp_path, "MOT17", 1)
    sequence = sorted(truth.iterdir())[0]
    name = "MOT17-01[x]"
    sequence.rename(truth / name)
    for folder in ("runs[/x]", "other[b]"):
        Path(folder).mkdir(parents=True)
        (Path(folder) / f"{name}.txt").write_bytes((results / f"{sequence.name}.txt").read_bytes())
    command = ["score", str(truth / name), "runs[/x]", "other[b]", "--alpha"]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "other[b] minus x]: fractions in percentage points" in result.stdout
    assert result.stdout.count(name) == 6  # three families of scores, and of differences


def test_names_of_sequences_are_no_markup_on_a_console_of_ones_own(capsys):
    from fairmot.evaluation.tables import FAMILIES

    values = dict.fromkeys([column for columns in FAMILIES.values() for column in columns], 0.5)
    for table in score_tables({"sequences": {"a[b]": values}, "combined": values}):
        Console().print(table)
    assert capsys.readouterr().out.count("a[b]") == len(FAMILIES)
