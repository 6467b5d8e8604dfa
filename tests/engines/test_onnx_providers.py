"""Which execution providers a device means, by what a build of ONNX Runtime has."""

import onnxruntime
import pytest

from fairmot.engines.onnx.detector import create_session
from fairmot.engines.onnx.export import export_heads
from fairmot.engines.onnx.providers import CPU, offered_devices, select_providers
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.lite import LITE

CUDA, TENSORRT, CANN = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CANNExecutionProvider"
EVERYTHING = [TENSORRT, CUDA, CANN, CPU]


@pytest.mark.parametrize(
    ("device", "available", "expected"),
    [
        ("auto", EVERYTHING, [(CPU, {})]),
        ("cpu", [CPU], [(CPU, {})]),
        ("cuda", EVERYTHING, [(CUDA, {}), (CPU, {})]),
        ("cuda:1", [CUDA, CPU], [(CUDA, {"device_id": 1}), (CPU, {})]),
        ("tensorrt", EVERYTHING, [(TENSORRT, {}), (CUDA, {}), (CPU, {})]),
        ("tensorrt:2", [TENSORRT, CPU], [(TENSORRT, {"device_id": 2}), (CPU, {})]),
        ("ascend", EVERYTHING, [(CANN, {}), (CPU, {})]),
        ("ascend:0", EVERYTHING, [(CANN, {"device_id": 0}), (CPU, {})]),
    ],
)
def test_the_device_decides(device, available, expected):
    assert select_providers(device, available) == expected


@pytest.mark.parametrize(("device", "name"), [("cuda", CUDA), ("tensorrt", TENSORRT), ("ascend:1", CANN)])
def test_an_absent_provider_is_one_line(device, name):
    with pytest.raises(InputError, match=f"device {device}: this ONNX Runtime has no {name}; install") as error:
        select_providers(device, [CPU])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("device", ["gpu7", "cpu:1", "cuda:", "cuda:x", ""])
def test_an_unknown_device_is_one_line(device):
    with pytest.raises(InputError, match="the ONNX Runtime engine offers auto, cpu, cuda, tensorrt, ascend"):
        select_providers(device, EVERYTHING)


def test_offered_devices():
    assert offered_devices(EVERYTHING) == ("cpu", "cuda", "tensorrt", "ascend")
    assert offered_devices([CPU]) == ("cpu",)


def test_a_provider_that_does_not_start_is_noticed(monkeypatch):
    """ONNX Runtime falls back to the processor without a word."""
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda model, options, providers: real(model, options, [CPU]))
    graph = build_graph(LITE)
    with pytest.raises(InputError, match="could not start CUDAExecutionProvider"):
        create_session(export_heads(graph, initial_weights(graph)), "cuda")
