"""The workflow benchmark: what is timed, what is counted, and what cannot be measured."""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from fairmot import benchmark
from fairmot.benchmark import (
    ceiling_subject,
    find_subject,
    measure,
    measure_training,
    profile,
    subjects,
    timing,
    training,
    training_markdown,
)
from fairmot.benchmark.subjects import CEILING_SIZE
from fairmot.cli import app
from fairmot.config import NetworkConfig
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph, published_config
from fairmot.network.initial import initial_weights
from fairmot.network.lite import LITE
from fairmot.network.safetensors import save_weights
from fairmot.network.summary import summarize

SIZE = (64, 32)


@pytest.fixture
def small_ceiling(monkeypatch):
    monkeypatch.setattr(subjects, "CEILING_SIZE", (32, 32))
    monkeypatch.setattr(subjects, "CEILING_CHANNELS", 16)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    config = NetworkConfig(architecture="lite", embedding=8, head_width=16, input_width_px=64, input_height_px=32)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_weights(path, config, initial_weights(build_graph(config)), {})
    return str(path)


@pytest.mark.parametrize("raw", [False, True])
def test_rows_are_consistent(weights, small_ceiling, raw):
    rows, skipped = measure([weights], ["onnxruntime"], ["f32", "bf16"], raw=raw, seconds=0)
    (row,) = rows
    assert (row.network, row.engine, row.precision, row.input_size) == ("lite", "onnxruntime", "f32", SIZE)
    assert row.least <= row.quartiles[1]
    assert row.frames_per_second == pytest.approx(1000 / row.milliseconds)
    multiply_adds = summarize(find_subject(weights).graph, SIZE).multiply_adds
    assert row.gflops == pytest.approx(2 * multiply_adds / (row.least / 1000) / 1e9)
    assert row.ceiling_fraction == pytest.approx(row.gflops / row.ceiling_gflops)
    assert [(each.precision, each.reason) for each in skipped] == [
        ("bf16", "precision bf16: engine onnxruntime does not compute in it; it has f32")
    ]


def test_the_clock_shows_what_a_call_takes():
    calls = []

    def slow():
        calls.append("slow")
        time.sleep(0.004)

    slow_times, fast_times = timing.time_in_turns([slow, lambda: calls.append("fast")], 0)
    assert len(slow_times) == timing.LEAST_ROUNDS
    assert min(slow_times) >= 4 > min(fast_times)
    assert calls == ["slow", "fast"] * (timing.LEAST_ROUNDS + timing.WARM_UPS)


def test_the_ceiling_is_one_convolution():
    summary = summarize(ceiling_subject().graph, CEILING_SIZE)
    largest = max(layer.multiply_adds for layer in summary.layers)
    assert largest == 9 * 256 * 256 * 128 * 96
    assert largest > 0.99 * summary.multiply_adds


@pytest.mark.parametrize("precision", ["f16", "int8"])
def test_short_precisions_are_measured_as_exported(weights, small_ceiling, precision):
    rows, skipped = measure([weights], ["onnxruntime"], [precision], seconds=0)
    assert [row.precision for row in rows] == [precision]
    assert not skipped


def test_training_steps(weights, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(timing, "LEAST_ROUNDS", 2)
    rows, skipped = measure_training([weights], ["torch"], ["f32", "bf16"], batch=2, seconds=0)
    assert [(row.engine, row.precision, row.batch, row.input_size) for row in rows] == [
        ("torch", "f32", 2, SIZE),
        ("torch", "bf16", 2, SIZE),
    ]
    assert rows[0].images_per_second == pytest.approx(2000 / rows[0].milliseconds)
    assert not skipped
    assert training_markdown(rows).splitlines()[2].startswith("| `lite` | torch | f32 | 64 x 32 | 2 | ")


def test_a_precision_reaches_the_trainer(weights, monkeypatch):
    seen = []

    def create_trainer(graph, arrays, identities, config, device):
        seen.append(config.train.precision)
        raise InputError("not here")

    monkeypatch.setattr(training, "load_training", lambda name: SimpleNamespace(create_trainer=create_trainer))
    rows, skipped = measure_training([weights], ["torch"], ["f32", "bf16", "f16"], seconds=0)
    assert seen == ["f32", "bf16", "f16"]
    assert not rows
    assert [(each.precision, each.reason) for each in skipped] == [
        (name, "not here") for name in ("f32", "bf16", "f16")
    ]


MINDSPORE_HAS_NO_MEMORY = "Allocate memory failed\n\n----\n- C++ Call Stack: (For framework developers)\n----"


@pytest.mark.parametrize(
    ("raised", "line"),
    [
        (
            RuntimeError(MINDSPORE_HAS_NO_MEMORY),
            r"^lite in torch, f32: out of memory with 7 images of 64 x 32 a step; .*$",
        ),
        (MemoryError(), r"out of memory with 7 images"),
        (RuntimeError("sizes do not match"), "^sizes do not match$"),  # no shortage: a fault stays a fault
    ],
)
def test_a_step_that_does_not_fit_is_one_line(weights, monkeypatch, raised, line):
    def step(batch, rate):
        raise raised

    trainer = SimpleNamespace(create_trainer=lambda *_: SimpleNamespace(step=step))
    monkeypatch.setattr(training, "load_training", lambda name: trainer)
    with pytest.raises(RuntimeError if "sizes" in line else InputError, match=line) as caught:
        measure_training([weights], ["torch"], batch=7, seconds=0)
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_is_left_out_beside_what_fits(weights, monkeypatch):
    def create_trainer(graph, arrays, identities, config, device):
        if config.train.precision == "f32":
            raise RuntimeError(MINDSPORE_HAS_NO_MEMORY)
        return SimpleNamespace(step=lambda batch, rate: None)

    monkeypatch.setattr(training, "load_training", lambda name: SimpleNamespace(create_trainer=create_trainer))
    rows, skipped = measure_training([weights], ["torch"], ["f32", "bf16"], seconds=0)
    assert [row.precision for row in rows] == ["bf16"]
    assert [(each.precision, each.out_of_memory) for each in skipped] == [("f32", True)]


def test_architectures_have_their_published_sizes():
    assert find_subject("yolo").graph.config == published_config("yolo")
    assert find_subject("lite").graph.config == LITE


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_profiles_name_the_slowest_operators_first(weights, engine):
    pytest.importorskip(engine)
    layers = profile(weights, engine)
    times = [layer.milliseconds for layer in layers]
    assert times == sorted(times, reverse=True)
    assert sum(layer.fraction for layer in layers) == pytest.approx(1)
    assert any("onv" in layer.kind for layer in layers)
    with pytest.raises(InputError, match="engine 'torch' has no profiling; engines that have it: onnx"):
        profile(weights, "torch")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: find_subject("dla34"),
            "neither a .safetensors file nor an architecture (did you mean 'dla_34'?)",
        ),
        (lambda: find_subject("x.onnx"), "x.onnx: is exported already"),
        (lambda: measure(["lite"], ["onnx"]), "engine 'onnx' is unknown"),
        (lambda: measure(["lite"], input_size=(100, 64)), "input size 100 x 64"),
        (lambda: profile("lite", "onnxruntime", (100, 64)), "input size 100 x 64"),
        (lambda: measure_training(["lite"], ["onnxruntime"]), "engine 'onnxruntime' cannot train"),
        (lambda: measure_training(["lite"], precisions=["int8"]), "precision int8: no training in it"),
        (lambda: measure_training(["lite"], input_size=(64, 33)), "input size 64 x 33"),
        (lambda: benchmark.use_threads(0), "0 threads"),
    ],
)
def test_mistakes_are_one_line(call, message):
    with pytest.raises(InputError) as error:
        call()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_threads_reach_the_engines(weights, monkeypatch):
    from fairmot.engines.onnx.detector import thread_count

    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    benchmark.use_threads(1)
    assert thread_count() == 1


def test_the_command_prints_json_and_tables(weights, small_ceiling):
    arguments, brief = ["benchmark", weights, "--engines", "onnxruntime"], ["--seconds", "0"]
    result = CliRunner().invoke(app, [*arguments, *brief, "--json"])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["network"] == "lite"
    assert np.isfinite(row["ceiling_fraction"])
    for extra, expected in (([], "GFLOP/s"), (["--profile", "3"], "total by kind")):
        result = CliRunner().invoke(app, [*arguments, *extra], env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output
        assert expected in result.stdout


def test_the_command_prints_what_the_readme_shows(weights, small_ceiling):
    arguments = ["benchmark", weights, "--engines", "onnxruntime", "--seconds", "0", "--markdown"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    titles, rule, row = result.stdout.splitlines()
    assert titles.count("|") == rule.count("|") == row.count("|") == 10
    assert row.startswith("| `lite` | onnxruntime | f32 | 64 x 32 | ")
    assert row.endswith("% |")
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert str(result.exception) == "give either --markdown or --json"
