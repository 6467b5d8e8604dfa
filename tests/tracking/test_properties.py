"""Properties that hold for any input, on random scenes."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.tracking.association import assign
from fairmot.tracking.tracker import Tracker

EMPTY = Detections(np.empty((0, 4)), np.empty(0))
SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)


def scene_of(seed, frames=14, people=9):
    rng = np.random.default_rng(seed)
    start, speed, appearance = (
        rng.uniform(0, 260, (people, 2)),
        rng.normal(0, 5, (people, 2)),
        rng.normal(0, 1, (people, 6)),
    )
    scene = []
    for t in range(frames):
        rows = (rng.random(people) < 0.8).nonzero()[0]
        corner = start[rows] + speed[rows] * t + rng.normal(0, 2, (len(rows), 2))
        boxes = np.column_stack([corner, corner + np.array([30, 70])])
        embeddings = appearance[rows] + rng.normal(0, 0.5, (len(rows), 6))
        scene.append(Detections(boxes, rng.uniform(0.05, 1, len(rows)), embeddings, rows % 2))
    return scene


OPTIONS = st.sampled_from(
    [
        {},
        {"second_pass": True},
        {"per_class": True, "reupdate": True},
        {"score_noise": True, "gallery_size": 3, "gallery_interval_frames": 2},
        {"reentry_frames": 90, "track_buffer_frames": 2},
    ]
)


@given(st.integers(0, 10_000), OPTIONS)
@SETTINGS
def test_the_order_of_detections_changes_at_most_the_numbering(seed, options):
    rng = np.random.default_rng(seed)
    one, other, names = Tracker(TrackerConfig(**options)), Tracker(TrackerConfig(**options)), {}
    for found in scene_of(seed):
        a, b = one.update(found), other.update(found.select(rng.permutation(len(found))))
        assert len(a) == len(b)
        order_a, order_b = np.lexsort(a.boxes_xyxy.T), np.lexsort(b.boxes_xyxy.T)
        np.testing.assert_allclose(a.boxes_xyxy[order_a], b.boxes_xyxy[order_b], rtol=1e-9)
        for first, second in zip(a.ids[order_a].tolist(), b.ids[order_b].tolist(), strict=True):
            assert names.setdefault(first, second) == second
    assert len(set(names.values())) == len(names)


@given(st.integers(0, 10_000), OPTIONS)
@SETTINGS
def test_no_identity_is_twice_in_a_frame(seed, options):
    tracker = Tracker(TrackerConfig(**options))
    for found in scene_of(seed):
        doubled = found.select(np.repeat(np.arange(len(found)), 2))  # each box twice
        ids = tracker.update(doubled).ids.tolist()
        assert len(set(ids)) == len(ids)


@given(st.integers(0, 10_000), st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.4, 0.5, 0.7]))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_the_assignment_is_the_optimum_of_the_extended_matrix(published, seed, n, m, limit):
    rng = np.random.default_rng(seed)
    cost = rng.random((n, m))
    cost[rng.random((n, m)) < 0.3] = np.inf
    rows, columns = assign(cost, limit)
    pairs, _, _ = published.assign(cost, limit)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == pairs


@given(st.integers(0, 10_000), st.integers(0, 3), st.sampled_from([np.nan, np.inf, -np.inf]))
@SETTINGS
def test_a_broken_box_is_refused_and_changes_nothing(seed, column, value):
    one, other = Tracker(), Tracker()
    for t, found in enumerate(scene_of(seed, frames=6)):
        if t == 3 and len(found):
            boxes = found.boxes_xyxy.copy()
            boxes[-1, column] = value
            with pytest.raises(InputError, match=f"row {len(found) - 1}"):
                one.update(Detections(boxes, found.scores, found.embeddings))
        np.testing.assert_array_equal(one.update(found).boxes_xyxy, other.update(found).boxes_xyxy)


def test_a_frame_index_far_ahead_takes_no_time():
    tracker = Tracker()
    tracker.update(scene_of(0)[0], frame_index=0)
    assert len(tracker.update(scene_of(0)[1], frame_index=10**12)) == 0


def memory_after(tracker, frames):
    for found in frames:
        tracker.update(found)
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize(
    "options", [{}, {"reentry_frames": 60, "gallery_size": 2, "second_pass": True, "reupdate": True}]
)
def test_memory_stays_flat(options):
    scene = scene_of(1, frames=40, people=20)
    tracker = Tracker(TrackerConfig(**options))
    memory_after(tracker, scene * 2)
    tracemalloc.start()
    try:
        first = memory_after(tracker, scene * 2)
        second = memory_after(tracker, scene * 2)
    finally:
        tracemalloc.stop()
    assert second - first < 20_000


def test_thousands_of_empty_frames():
    tracker = Tracker(TrackerConfig(reentry_frames=10**6))
    for found in scene_of(2):
        tracker.update(found)
    for _ in range(2000):
        assert len(tracker.update(EMPTY)) == 0
    assert len(tracker._table) == 0
