"""The detection behind each track, and supervision's detections on their way through the tracker."""

from typing import get_overloads

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fairmot
from fairmot.config import TrackerConfig
from fairmot.detections import Detections, Tracks, with_tracker_ids
from fairmot.geometry import pairwise_iou
from fairmot.tracking.record import TrackerRecord
from fairmot.tracking.tracker import Tracker

SIZE = (1920, 1080)
CONFIGS = [
    {},
    {"second_pass": True},
    {"per_class": True, "reupdate": True},
    {"clip_boxes": True, "confidence": 0.3},
    {"score_noise": True, "gallery_size": 3, "reentry_frames": 300, "track_buffer_frames": 2, "second_pass": True},
]


def crowd(make_scene, frames=25):
    """Crowded frames of two classes; some boxes have no area, are too small or too wide to be returned, or double."""
    rng = np.random.default_rng(4)
    for found in make_scene(31, frames=frames, people=60):
        boxes = found.boxes_xyxy.copy()
        boxes[:3, 2:] = boxes[:3, :2] + [[0, 9], [9, 9], [300, 20]]
        rows = np.concatenate([np.arange(len(found)), np.arange(len(found) - 3, len(found))])
        yield Detections(boxes[rows], found.scores[rows], found.embeddings[rows], rng.integers(0, 2, len(rows)))


def assert_rows_of_the_record(tracks, record, index):
    """The record notes which identity took each detection; the index comes from the table of tracks."""
    seen = record.tables().detections
    seen = seen[(seen["frame"] == index) & (seen["identity"] > 0)]
    order = seen["identity"].argsort()
    assert set(tracks.ids.tolist()) <= set(seen["identity"].tolist())
    expected = seen["detection"][order][np.searchsorted(seen["identity"][order], tracks.ids)]
    np.testing.assert_array_equal(tracks.detection_indices, expected)


@pytest.mark.parametrize("options", CONFIGS)
def test_each_track_names_the_detection_that_updated_it(make_scene, options):
    record = TrackerRecord()
    tracker, rows, unordered = Tracker(TrackerConfig(**options), image_size=SIZE, record=record), 0, 0
    for index, found in enumerate(crowd(make_scene)):
        report = tracker._step(found)
        assert_rows_of_the_record(report.tracks, record, index)
        tracks = report.filtered
        assert_rows_of_the_record(tracks, record, index)
        assert tracks.detection_indices.dtype == np.int64
        np.testing.assert_array_equal(tracks.class_ids, found.class_ids[tracks.detection_indices])
        wrong = tracks.select(np.arange(len(tracks)))
        wrong.detection_indices[[0, 1]] = wrong.detection_indices[[1, 0]]
        with pytest.raises(AssertionError):
            assert_rows_of_the_record(wrong, record, index)
        rows, unordered = rows + len(tracks), unordered + int((np.diff(tracks.detection_indices) < 0).sum())
    assert rows > 600
    assert unordered > 50  # or counting from 0 would pass


@given(st.integers(0, 10_000), st.sampled_from(CONFIGS))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_boxes_of_tracks_lie_on_their_detections(seed, options):
    rng = np.random.default_rng(seed)
    start, speed, appearance = rng.uniform(100, 800, (12, 2)), rng.normal(0, 3, (12, 2)), rng.normal(0, 1, (12, 6))
    tracker, others = Tracker(TrackerConfig(**options), image_size=SIZE), 0
    for t in range(14):
        people = rng.permutation(12)[: rng.integers(6, 13)]
        corner = start[people] + speed[people] * t + rng.normal(0, 1, (len(people), 2))
        boxes = np.column_stack([corner, corner + np.array([40, 90])])
        scores = rng.uniform(0.3, 1, len(people))
        tracks = tracker.update(Detections(boxes, scores, appearance[people], people % 2))
        overlap = pairwise_iou(tracks.boxes_xyxy, boxes)
        assert (tracks.detection_indices >= 0).all()
        own = overlap[np.arange(len(tracks)), tracks.detection_indices]
        assert (own > 0.6).all()
        others += int((overlap[np.arange(len(tracks)), np.roll(tracks.detection_indices, 1)] < 0.6).sum())
    assert others > 20  # another row would be noticed


def test_tracks_are_picked_with_their_detections():
    tracks = Tracks(np.arange(1, 4), np.zeros((3, 4)), np.ones(3), np.zeros(3, np.int64), [5, -1, 2])
    assert tracks.select(np.array([2, 0])).detection_indices.tolist() == [2, 5]
    assert tracks.select(tracks.detection_indices >= 0).ids.tolist() == [1, 3]
    bare = Tracks(tracks.ids, tracks.boxes_xyxy, tracks.scores, tracks.class_ids)
    assert bare.detection_indices.tolist() == [-1, -1, -1]
    with pytest.raises(ValueError, match=r"detection_indices \(2,\): expected \[3\]"):
        Tracks(tracks.ids, tracks.boxes_xyxy, tracks.scores, tracks.class_ids, [5, 2])


def supervised(found):
    """The same detections as supervision's: with masks, names of classes, a number each, embeddings, a source."""
    sv = pytest.importorskip("supervision")
    count = len(found)
    return sv.Detections(
        xyxy=found.boxes_xyxy.copy(),
        confidence=found.scores.copy(),
        class_id=found.class_ids.copy(),
        mask=np.arange(count * 12).reshape(count, 3, 4) % 5 == 0,
        data={
            "class_name": np.array(["walker", "rider"])[found.class_ids],
            "number": np.arange(count),
            "embedding": found.embeddings.copy(),
            "words": [f"row {row}" for row in range(count)],
        },
        metadata={"source": "street"},
    )


def assert_rows_behind_tracks(result, given, tracks):
    rows = tracks.detection_indices
    assert type(result) is type(given)
    np.testing.assert_array_equal(result.tracker_id, tracks.ids)
    np.testing.assert_array_equal(result.xyxy, given.xyxy[rows])
    np.testing.assert_array_equal(result.mask, given.mask[rows])
    np.testing.assert_array_equal(result.confidence, given.confidence[rows])
    np.testing.assert_array_equal(result.class_id, given.class_id[rows])
    assert set(result.data) == set(given.data)
    for name in ("class_name", "number", "embedding"):
        np.testing.assert_array_equal(result.data[name], given.data[name][rows])
    assert result.data["words"] == [given.data["words"][row] for row in rows]
    assert result.metadata == given.metadata


@pytest.mark.parametrize("options", [{}, {"per_class": True, "second_pass": True}])
def test_supervision_goes_in_and_comes_back(make_scene, options):
    plain, supervising = (Tracker(TrackerConfig(**options)) for _ in range(2))
    rows = 0
    for index, found in enumerate(crowd(make_scene, frames=12)):
        given, untouched = supervised(found), supervised(found)
        if index == 7:
            found, given, untouched = found.select(np.empty(0, int)), given[[]], untouched[[]]
        tracks, result = plain.update(found), supervising.update(given)
        assert_rows_behind_tracks(result, given, tracks)
        assert given == untouched
        assert given.tracker_id is None
        rows += len(result)
        if len(tracks):
            wrong = tracks.select(np.arange(len(tracks)))
            wrong.detection_indices[0] = np.setdiff1d(np.arange(len(found)), wrong.detection_indices)[0]
            with pytest.raises(AssertionError):
                assert_rows_behind_tracks(result, given, wrong)
            result.xyxy[:] = -1  # the caller's to change
    assert rows > 250


def test_tracks_without_a_detection_have_no_row_and_old_numbers_are_replaced():
    given = supervised(Detections(np.array([[0, 0, 9, 9], [5, 5, 9, 9]]), [0.9, 0.8], np.eye(2), [0, 1]))
    given.tracker_id = np.array([70, 71])
    tracks = Tracks(np.array([3, 4]), np.zeros((2, 4)), np.ones(2), np.zeros(2, np.int64), [-1, 1])
    result = with_tracker_ids(given, tracks)
    assert result.tracker_id.tolist() == [4]
    assert result.data["class_name"].tolist() == ["rider"]
    assert given.tracker_id.tolist() == [70, 71]


def test_supervision_without_anything_but_boxes():
    sv = pytest.importorskip("supervision")
    tracker = Tracker()
    empty = sv.Detections.empty()
    assert len(tracker.update(empty)) == 0
    assert empty.tracker_id is None
    box = sv.Detections(xyxy=np.array([[0.0, 0, 40, 90]]))
    tracker.update(box)
    result = tracker.update(box)
    assert (result.tracker_id.tolist(), result.confidence, result.class_id) == ([1], None, None)


def test_a_detector_of_supervision_tracks_a_whole_video(tmp_path):
    sv = pytest.importorskip("supervision")
    (tmp_path / "street").mkdir()
    for number in range(4):
        cv2.imwrite(str(tmp_path / "street" / f"{number}.png"), np.zeros((96, 128, 3), np.uint8))
    box = np.array([[10.0, 5, 40, 80]])
    detectors = (
        lambda image: sv.Detections(xyxy=box, confidence=np.array([0.9])),
        lambda image: Detections(box, [0.9]),
    )
    runs = [
        fairmot.track(tmp_path / "street", detector, output=tmp_path / name, video=False, save_detections=True)[0]
        for name, detector in zip(("supervision", "own"), detectors, strict=True)
    ]
    assert runs[0].text.read_text() == runs[1].text.read_text()
    assert (runs[0].row_count, runs[0].identity_count) == (4, 1)


def test_type_checkers_see_both_kinds():
    returned = [overload.__annotations__["return"] for overload in get_overloads(Tracker.update)]
    assert returned == ["Tracks", "supervision.Detections"]
