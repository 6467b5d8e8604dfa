"""Weights carry the constants of the tracker that they were chosen with, and every command goes by them."""

import hashlib
import json

import numpy as np
import pytest

from fairmot import load_detector
from fairmot.cli import app
from fairmot.config import NetworkConfig, TrackerConfig
from fairmot.detector import weights_tracker
from fairmot.errors import InputError
from fairmot.formats.recordings import load_recording
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.safetensors import TRACKER_NOTE, save_weights
from fairmot.workflows.export import export
from fairmot.workflows.track.replay import replay
from fairmot.workflows.track.track import track

CONFIG = NetworkConfig(architecture="lite", embedding=8, head_width=16, input_width_px=96, input_height_px=64)
FUSED = TrackerConfig.preset("fused", confidence=0.11)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """``with`` and ``without`` a note, and three images."""
    cv2 = pytest.importorskip("cv2")
    folder = tmp_path_factory.mktemp("weights")
    arrays = initial_weights(build_graph(CONFIG), seed=2)
    for name in [name for name in arrays if name.startswith("bbox_head.rtm_cls.")]:
        if name.endswith(".bias"):  # untrained, it gives each box 0.01
            arrays[name] = arrays[name] + np.float32(2.6)  # 0.12
    save_weights(folder / "with.safetensors", CONFIG, arrays, {TRACKER_NOTE: FUSED.note()})
    save_weights(folder / "without.safetensors", CONFIG, arrays, {})
    (folder / "images").mkdir()
    for number in range(3):
        image = np.random.default_rng(number).integers(0, 256, (64, 96, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / "images" / f"{number}.png"), image)
    return folder


def test_a_note_says_what_differs():
    assert TrackerConfig().note() == ""
    assert json.loads(FUSED.note()) == {
        "iou_weight": 0.67,
        "motion_weight": 0.0,
        "max_appearance_cost": 0.6,
        "confidence": 0.11,
    }
    assert TrackerConfig.from_note(FUSED.note(), "here") == FUSED
    assert TrackerConfig.from_note(None, "here") == TrackerConfig.from_note("", "here") == TrackerConfig()


@pytest.mark.parametrize("note", ["{", "[1]", '"byte"', '{"overlap": 1}', '{"confidence": 2}'])
def test_a_damaged_note_is_said(note):
    with pytest.raises(InputError, match=r"here: this version cannot read its tracker parameters"):
        TrackerConfig.from_note(note, "here")


def test_detectors_have_the_constants_of_their_weights(folder):
    for name, expected in (("with", FUSED), ("without", TrackerConfig())):
        path = folder / f"{name}.safetensors"
        assert load_detector(path).tracker == weights_tracker(path) == expected
    assert weights_tracker() == load_detector().tracker


@pytest.mark.parametrize("suffix", [".onnx", pytest.param(".xml", marks=pytest.mark.slow)])
def test_exports_keep_them(folder, tmp_path, suffix):
    if suffix == ".xml":
        pytest.importorskip("openvino")
    for name, expected in (("with", FUSED), ("without", TrackerConfig())):
        path = export(folder / f"{name}.safetensors", tmp_path / f"{name}{suffix}").path
        assert load_detector(path).tracker == weights_tracker(path) == expected


def used(folder, *options):
    app(["track", str(folder / "images"), "--no-video", "--quiet", *map(str, options)], standalone_mode=False)


def test_results_name_their_weights(folder, tmp_path):
    path = folder / "with.safetensors"
    used(folder, "--weights", path, "--output", tmp_path / "a")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    detector = json.loads((tmp_path / "a" / "run.json").read_text())["detector"]
    assert detector["weights"] == f"with.safetensors sha256:{digest[:16]}"


def told(output):
    return TrackerConfig(**json.loads((output / "run.json").read_text())["tracker"])


def test_track_uses_the_parameters_of_the_weights_by_default(folder, tmp_path):
    weights = ("--weights", folder / "with.safetensors")
    used(folder, *weights, "--output", tmp_path / "a")
    assert told(tmp_path / "a") == FUSED
    used(folder, *weights, "--output", tmp_path / "b", "--confidence", "0.2")
    assert told(tmp_path / "b") == FUSED.changed(confidence=0.2)
    used(folder, *weights, "--output", tmp_path / "c", "--tracker", "fairmot")
    assert told(tmp_path / "c") == TrackerConfig()
    used(folder, *weights, "--output", tmp_path / "d", "--jobs", "1")
    assert told(tmp_path / "d" / "images") == FUSED
    track(folder / "images", load_detector(folder / "with.safetensors"), output=tmp_path / "e", video=False)
    assert told(tmp_path / "e") == FUSED
    track(folder / "images", load_detector(folder / "without.safetensors"), output=tmp_path / "f", video=False)
    assert told(tmp_path / "f") == TrackerConfig()


def test_recordings_keep_them(folder, tmp_path):
    used(folder, "--weights", folder / "with.safetensors", "--output", tmp_path / "a", "--save-detections")
    recording = load_recording(tmp_path / "a" / "images.detections.npz")
    assert recording.tracker == FUSED
    (again,) = replay([recording], output=tmp_path / "b")
    (published,) = replay([recording], TrackerConfig(confidence=0.1), output=tmp_path / "c")
    rows = (tmp_path / "a" / "images.txt").read_text()
    assert again.text.read_text() == rows != published.text.read_text()


def test_track_loads_the_weights_of_a_path_or_the_shipped_ones(folder, tmp_path):
    path = folder / "with.safetensors"
    (by_path,) = track(folder / "images", path, output=tmp_path / "a", video=False)
    (by_detector,) = track(folder / "images", load_detector(path), output=tmp_path / "b", video=False)
    assert by_path.text.read_bytes() == by_detector.text.read_bytes()
    assert told(tmp_path / "a") == FUSED
    track(folder / "images", output=tmp_path / "c", video=False)
    noted = json.loads((tmp_path / "c" / "run.json").read_text())["detector"]
    assert noted["weights"] == load_detector().weights
    with pytest.raises(InputError, match=r"absent\.safetensors"):
        track(folder / "images", str(tmp_path / "absent.safetensors"), output=tmp_path / "never")
    assert not (tmp_path / "never").exists()
