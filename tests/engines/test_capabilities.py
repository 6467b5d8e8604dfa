"""Every engine has what the table of capabilities claims, to the last parameter."""

import importlib
import inspect
import subprocess
import sys
from types import ModuleType
from typing import Protocol, get_args

import pytest

from fairmot import engines
from fairmot.engines import EXPORTED, MODULES, TRAINING_ENGINES, Capability, capabilities, engines_with
from fairmot.errors import InputError

PROTOCOLS = {
    "inference": capabilities.InferenceEngine,
    "training": capabilities.TrainingEngine,
    "launching": capabilities.Launcher,
    "network export": capabilities.NetworkExporter,
    "detector export": capabilities.DetectorExporter,
    "checkpoints": capabilities.CheckpointFormat,
    "profiling": capabilities.Profiler,
    "kernels": capabilities.KernelChoice,
}
CLAIMS = [(engine, capability) for engine, modules in MODULES.items() for capability in modules]


def functions(protocol):
    return {name: each for name, each in vars(protocol).items() if inspect.isfunction(each) and name[0] != "_"}


def differences(module, protocol):
    """What of a protocol a module lacks or has with other parameters, a line each."""
    for name in protocol.__annotations__:
        if not isinstance(getattr(module, name, None), tuple):
            yield f"{name} is no tuple"
    for name, expected in functions(protocol).items():
        found = getattr(module, name, None)
        if found is None:
            yield f"{name} is missing"
            continue
        wanted = inspect.signature(expected)
        wanted = wanted.replace(parameters=list(wanted.parameters.values())[1:])  # without self
        # Names, kinds, defaults and annotations; those are texts on both sides.
        if str(inspect.signature(found)) != str(wanted):
            yield f"{name}{inspect.signature(found)}: expected {wanted}"


@pytest.mark.parametrize(("engine", "capability"), CLAIMS)
def test_an_engine_has_what_the_table_claims(engine, capability):
    if capability != "launching":
        pytest.importorskip(engine)
    module = importlib.import_module(MODULES[engine][capability])
    assert list(differences(module, PROTOCOLS[capability])) == []


@pytest.mark.parametrize(("engine", "capability"), CLAIMS)
def test_what_the_table_does_not_claim_is_not_there(engine, capability):
    """A capability that an engine gains is entered in the table, or nobody can use it."""
    if capability != "launching":
        pytest.importorskip(engine)
    module = importlib.import_module(MODULES[engine][capability])
    for other, protocol in PROTOCOLS.items():
        if other not in MODULES[engine]:
            assert list(differences(module, protocol)), other


def twin(protocol, **changes):
    """A module with everything of a protocol, but for the changes (None: taken away)."""
    module = ModuleType("twin")
    for name in protocol.__annotations__:
        setattr(module, name, ("f32",))
    for name, function in functions(protocol).items():
        signature = inspect.signature(function)

        def stand_in(*arguments):
            raise AssertionError

        stand_in.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])
        setattr(module, name, stand_in)
    for name, change in changes.items():
        if change is None:
            delattr(module, name)
        else:
            setattr(module, name, change)
    return module


@pytest.mark.parametrize("protocol", PROTOCOLS.values())
def test_a_missing_function_is_found(protocol):
    assert list(differences(twin(protocol), protocol)) == []
    for name in functions(protocol):
        assert list(differences(twin(protocol, **{name: None}), protocol)) == [f"{name} is missing"]
    for name in protocol.__annotations__:
        assert list(differences(twin(protocol, **{name: None}), protocol)) == [f"{name} is no tuple"]


def test_another_parameter_default_or_type_is_found():
    protocol = PROTOCOLS["profiling"]
    right = inspect.signature(twin(protocol).profile_detector)
    runs = right.parameters["runs"]
    for changed in (runs.replace(name="rounds"), runs.replace(default=11), runs.replace(annotation="float")):
        wrong = lambda: None  # noqa: E731
        parameters = [*list(right.parameters.values())[:-1], changed]
        wrong.__signature__ = right.replace(parameters=parameters)
        (line,) = differences(twin(protocol, profile_detector=wrong), protocol)
        assert line.startswith("profile_detector(")


def test_an_absent_capability_names_the_engines_that_have_it():
    for load, engine, message in (
        (
            engines.load_training,
            "openvino",
            "engine 'openvino' has no training; engines that have it: torch, mind",
        ),
        (
            engines.load_detector_exporter,
            "mindspore",
            "no detector export; engines that have it: onnxruntime",
        ),
        (
            engines.load_network_exporter,
            "torch",
            "no network export; engines that have it: onnxruntime, openvino",
        ),
        (engines.load_profiler, "mindspore", "has no profiling; engines that have it: onnxruntime, openvino"),
        (engines.load_inference, "onnx", "engine 'onnx' is unknown"),
    ):
        with pytest.raises(InputError) as error:
            load(engine)
        assert message in str(error.value)


def test_every_capability_has_its_protocol():
    protocols = {each for each in vars(capabilities).values() if inspect.isclass(each) and Protocol in each.__bases__}
    own = {each for each in protocols if each.__module__ == capabilities.__name__}
    assert set(PROTOCOLS) == set(get_args(Capability))
    assert set(PROTOCOLS.values()) == own


def test_the_lists_of_engines_agree_with_the_table():
    assert set(TRAINING_ENGINES) == set(engines_with("training")) == set(engines_with("launching"))
    assert set(engines_with("inference")) == set(MODULES)
    for readers in EXPORTED.values():
        assert set(readers) <= set(engines_with("network export"))
        assert engines.export_suffix(readers[0]) in EXPORTED
    assert set(engines.CHECKPOINTS.values()) == set(engines_with("checkpoints"))
    with pytest.raises(InputError, match="writes no exported files"):
        engines.export_suffix("torch")


def test_a_process_finds_its_place_without_a_framework():
    program = """
import sys
from fairmot.training.process import current_process
assert current_process({"RANK": "1", "WORLD_SIZE": "2"}).rank == 1
assert not {"torch", "mindspore"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
