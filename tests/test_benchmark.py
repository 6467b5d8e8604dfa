"""The journey benchmark: what is timed, what is counted, and what cannot be measured."""

import json
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from fairmot import benchmark
from fairmot.benchmark import CEILING_SIZE, ceiling_subject, find_subject, measure, measure_training, profile
from fairmot.cli import app
from fairmot.config import NetworkConfig
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.summary import summarize
from fairmot.network.weights import save_weights

SIZE = (64, 32)


@pytest.fixture
def small_ceiling(monkeypatch):
    monkeypatch.setattr(benchmark, "CEILING_SIZE", (32, 32))
    monkeypatch.setattr(benchmark, "CEILING_CHANNELS", 16)


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
    assert row.ceiling_share == pytest.approx(row.gflops / row.ceiling_gflops)
    assert [(each.precision, each.reason) for each in skipped] == [("bf16", "engine onnxruntime does not run in bf16")]


def test_the_clock_shows_what_a_call_takes():
    calls = []

    def slow():
        calls.append("slow")
        time.sleep(0.004)

    slow_times, fast_times = benchmark._in_turns(slow, lambda: calls.append("fast"), 0)
    assert len(slow_times) == benchmark.LEAST_ROUNDS
    assert min(slow_times) >= 4 > min(fast_times)
    assert calls == ["slow", "fast"] * (benchmark.LEAST_ROUNDS + benchmark.WARM_UPS)


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
    monkeypatch.setattr(benchmark, "LEAST_ROUNDS", 2)
    (row,) = measure_training([weights], ["torch"], batch=2, seconds=0)
    assert (row.engine, row.batch, row.input_size) == ("torch", 2, SIZE)
    assert row.images_per_second == pytest.approx(2000 / row.milliseconds)
    with pytest.raises(InputError, match="'onnxruntime' cannot train"):
        measure_training([weights], ["onnxruntime"])


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_profiles_name_the_slowest_operators_first(weights, engine):
    pytest.importorskip(engine)
    layers = profile(weights, engine)
    times = [layer.milliseconds for layer in layers]
    assert times == sorted(times, reverse=True)
    assert sum(layer.share for layer in layers) == pytest.approx(1)
    assert any("onv" in layer.kind for layer in layers[:5])
    with pytest.raises(InputError, match="engine torch tells no times"):
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
    arguments = ["benchmark", weights, "--engine", "onnxruntime", "--seconds", "0"]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["network"] == "lite"
    assert np.isfinite(row["ceiling_share"])
    for extra, expected in (([], "GFLOP/s"), (["--profile", "3"], "all of a kind")):
        result = CliRunner().invoke(app, [*arguments, *extra], env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output
        assert expected in result.stdout
