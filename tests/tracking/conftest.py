"""Scenes, the plain reference, and how both trackers are run over a scene."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.tracking.tracker import Tracker


def load_module(path: Path):
    spec = importlib.util.spec_from_file_location(f"loaded_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def published():
    """The module of the plain reference."""
    return load_module(Path(__file__).with_name("published_tracker.py"))


@pytest.fixture
def make_scene(shared):
    """``make_scene(seed, kind, ...)`` of the shared recipe, cut into the Detections of each frame."""
    recipe = load_module(shared("oracles", "recipe.py"))

    def make(seed, kind="crowd", frames=60, **options):
        scene = recipe.make_scene(seed, kind, frames=frames, **options)
        return frames_of(scene["frame"], scene["tlbr"], scene["score"], scene["feat"], frames)

    return make


def frames_of(frame, boxes, scores, embeddings, count):
    return [
        Detections(boxes[frame == number], scores[frame == number], embeddings[frame == number])
        for number in range(1, count + 1)
    ]


ROW_COLUMNS = ("frame", "identity", "x", "y", "w", "h")


@pytest.fixture
def run_tracker():
    """Run the tracker over Detections; rows before the output filter, as in the shared traces."""

    def run(detections, confidence=0.4, frame_rate=30, track_buffer=30, min_box_area=100.0, max_aspect=1.6):
        config = TrackerConfig(
            confidence=confidence,
            track_buffer_frames=int(track_buffer),
            min_box_area_px=min_box_area,
            max_aspect=max_aspect,
        )
        tracker = Tracker(config, frame_rate=frame_rate)
        reports = [tracker._step(found) for found in detections]
        rows = [
            np.column_stack(
                [
                    np.full(len(report.tracks), number),
                    report.tracks.ids,
                    report.tracks.boxes_xyxy[:, :2],
                    report.tracks.boxes_xyxy[:, 2:] - report.tracks.boxes_xyxy[:, :2],
                ]
            )
            for number, report in enumerate(reports, 1)
        ]
        return SimpleNamespace(
            rows=np.concatenate(rows),
            scores=np.concatenate([report.tracks.scores for report in reports]),
            kept=np.concatenate([report.kept for report in reports]),
            counts=np.array([report.counts for report in reports]),
        )

    return run


@pytest.fixture
def run_published(published):
    """Run the plain reference over Detections; the same rows."""

    def run(detections, **options):
        tracker = published.PublishedTracker(**options)
        found, counts = [], []
        for d in detections:
            found.append(tracker.update(d.boxes_xyxy, d.scores, d.embeddings))
            counts.append(tracker.counts)
        rows = np.array([(number, *row) for number, frame in enumerate(found, 1) for row in frame])
        rows = rows.reshape(-1, 8)
        return SimpleNamespace(
            rows=rows[:, :6], scores=rows[:, 6], kept=rows[:, 7].astype(bool), counts=np.array(counts)
        )

    return run


@pytest.fixture
def assert_same_rows():
    """Row for row: frames and identities equal, boxes to 1e-6 px, scores, what the filter keeps, counts."""

    def check(found, expected):
        assert found.rows.shape == expected.rows.shape
        np.testing.assert_array_equal(found.rows[:, :2], expected.rows[:, :2])
        np.testing.assert_allclose(found.rows[:, 2:], expected.rows[:, 2:], rtol=0, atol=1e-6)
        np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=1e-7)
        np.testing.assert_array_equal(found.kept, expected.kept)
        np.testing.assert_array_equal(found.counts, expected.counts)

    return check


@pytest.fixture
def trace(oracle):
    """``trace(file)``: the Detections of each frame, and (options, expected rows) of each configuration."""

    def load(name):
        z = oracle(name)
        detections = frames_of(z["det_frame"], z["det_tlbr"], z["det_score"], z["det_feat"], int(z["frames"]))
        names = {
            "frame_rate": "frame_rate",
            "track_buffer": "track_buffer",
            "conf_thres": "confidence",
            "min_box_area": "min_box_area",
            "max_w_over_h": "max_aspect",
        }
        keys = [names[column] for column in z["config_columns"]]
        runs = []
        for i, values in enumerate(z["configs"]):
            expected = SimpleNamespace(
                rows=z[f"out_{i}"], scores=z[f"out_score_{i}"], kept=z[f"out_kept_{i}"], counts=z[f"counts_{i}"]
            )
            runs.append((dict(zip(keys, values.tolist(), strict=True)), expected))
        return detections, runs

    return load
