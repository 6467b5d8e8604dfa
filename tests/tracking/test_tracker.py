"""What holds for every tracker: independence, reset, identities, bad input, frames left out."""

import numpy as np
import pytest

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.tracking.tracker import Tracker

EMPTY = Detections(np.empty((0, 4)), np.empty(0))


def person(x=100.0, score=0.9, width=8, class_id=0, size=(40, 100)):
    """One detection; the embedding points the same way in each frame."""
    embedding = np.ones((1, width)) if width else None
    return Detections(np.array([[x, 50, x + size[0], 50 + size[1]]]), np.array([score]), embedding, [class_id])


def without_embeddings(detections):
    return Detections(detections.boxes_xyxy, detections.scores)


def assert_equal_tracks(first, second):
    np.testing.assert_array_equal(first.ids, second.ids)
    np.testing.assert_array_equal(first.boxes_xyxy, second.boxes_xyxy)
    np.testing.assert_array_equal(first.scores, second.scores)
    np.testing.assert_array_equal(first.class_ids, second.class_ids)


@pytest.fixture
def scene(make_scene):
    return make_scene(7, frames=20, people=40)


def test_two_trackers_at_once_share_nothing(scene, make_scene):
    other_scene = make_scene(8, frames=20, people=30)
    tracker = Tracker()
    alone = [tracker.update(found) for found in scene]
    tracker = Tracker()
    other_alone = [tracker.update(found) for found in other_scene]
    first, second = Tracker(), Tracker()
    for i, (found, other) in enumerate(zip(scene, other_scene, strict=True)):
        assert_equal_tracks(first.update(found), alone[i])
        assert_equal_tracks(second.update(other), other_alone[i])
    assert Tracker()._step(scene[0]).tracks.ids[0] == Tracker()._step(other_scene[0]).tracks.ids[0] == 1
    with pytest.raises(AssertionError):
        assert_equal_tracks(alone[-1], other_alone[-1])


def test_reset_equals_new(scene):
    used, new = Tracker(frame_rate=25), Tracker(frame_rate=25)
    used.update(person(width=3), frame_index=40)
    used.reset()
    for found in scene[5:]:
        used.update(found)
    used.reset()
    for found in scene:
        assert_equal_tracks(used.update(found), new.update(found))


def test_the_arrays_handed_out_and_in_are_left_alone(scene):
    tracker, twin = Tracker(), Tracker()
    for found in scene:
        before = found.boxes_xyxy.copy(), found.scores.copy(), found.embeddings.copy()
        tracks = tracker.update(found)
        assert_equal_tracks(tracks, twin.update(found))
        for array, old in zip((found.boxes_xyxy, found.scores, found.embeddings), before, strict=True):
            np.testing.assert_array_equal(array, old)
        tracks.boxes_xyxy[:] = -1
        tracks.ids[:] = -1
        tracks.scores[:] = -1


@pytest.mark.parametrize("with_embeddings", [True, False])
def test_no_identity_twice_in_a_frame_and_none_comes_back_as_another(scene, with_embeddings):
    tracker, highest = Tracker(TrackerConfig(confidence=0.2)), 0
    for found in scene:
        report = tracker._step(found if with_embeddings else without_embeddings(found))
        ids = report.tracks.ids
        assert len(np.unique(ids)) == len(ids)
        assert ids.min() >= 1
        highest = max(highest, ids.max())
        assert highest <= report.counts.identities
        table_ids = tracker._table["identity"]
        assert len(np.unique(table_ids)) == len(table_ids)
    assert highest > 20


def test_empty_frames_for_a_long_time(scene):
    tracker = Tracker()
    for found in scene:
        tracker.update(found)
    given = tracker._step(EMPTY).counts.identities
    for _ in range(200):
        assert len(tracker.update(EMPTY)) == 0
    assert len(tracker._table) == 0
    report = tracker._step(scene[0])
    assert len(report.tracks) == 0  # only tracks of frame 1 are active at once
    assert report.counts.identities == given + report.counts.above_confidence
    assert len(tracker.update(scene[1])) > 0


def test_nothing_but_empty_frames():
    tracker = Tracker()
    for _ in range(50):
        assert len(tracker.update(EMPTY)) == 0
    assert len(tracker.update(person())) == 0
    assert tracker.update(person()).ids.tolist() == [1]


def test_output_types(scene):
    tracks = Tracker().update(scene[0])
    assert tracks.ids.dtype == np.int64
    assert tracks.boxes_xyxy.dtype == np.float64
    assert tracks.scores.dtype == np.float64
    assert tracks.class_ids.dtype == np.int64
    assert tracks.boxes_xyxy.shape == (len(tracks), 4)
    empty = Tracker().update(EMPTY)
    assert empty.boxes_xyxy.shape == (0, 4)
    assert empty.ids.dtype == np.int64


@pytest.mark.parametrize(
    ("size", "is_kept"), [((10, 10), False), ((10.5, 10), True), ((160, 100), True), ((161, 100), False)]
)
def test_the_output_filter_drops_small_and_wide_rows_and_keeps_the_track(size, is_kept):
    tracker = Tracker()
    report = tracker._step(person(size=size))
    assert len(report.tracks) == 1
    assert report.kept.tolist() == [is_kept]
    assert len(tracker.update(person(size=size))) == is_kept


def test_a_track_found_again_shows_its_old_score_once():
    tracker = Tracker()
    tracker.update(person(score=0.9))
    tracker.update(EMPTY)
    assert tracker.update(person(score=0.5)).scores[0] == pytest.approx(0.9)
    assert tracker.update(person(score=0.5)).scores[0] == pytest.approx(0.5)


@pytest.mark.parametrize(("frame_rate", "buffer"), [(30, 30), (14, 14), (25, 25), (59.94, 59), (1, 1)])
def test_buffer_and_one_more_missing_frames_are_bridged(frame_rate, buffer):
    for missing, identity in ((buffer, 1), (buffer + 1, 1), (buffer + 2, 2)):
        tracker = Tracker(frame_rate=frame_rate)
        tracker.update(person())
        for _ in range(missing):
            tracker.update(EMPTY)
        tracker.update(person())
        assert tracker.update(person()).ids.tolist() == [identity], missing


def test_a_track_found_in_the_extra_frame_is_dropped_when_it_is_lost_again():
    def identity_after(missing):
        tracker = Tracker(TrackerConfig(track_buffer_frames=5))
        tracker.update(person())
        for _ in range(missing):
            tracker.update(EMPTY)
        assert tracker.update(person()).ids.tolist() == [1]
        tracker.update(EMPTY)
        tracker.update(person())
        return tracker.update(person()).ids.tolist()

    assert identity_after(5) == [1]
    assert identity_after(6) == [2]


def test_the_class_is_that_of_the_last_match():
    tracker = Tracker()
    assert tracker.update(person(class_id=3)).class_ids.tolist() == [3]
    assert tracker.update(person(class_id=5)).class_ids.tolist() == [5]


def test_without_embeddings_people_are_followed_by_place(scene):
    tracker = Tracker()
    for step in range(30):
        boxes = np.array([[100 + 4 * step, 50, 140 + 4 * step, 150], [600 - 4 * step, 50, 640 - 4 * step, 150]])
        found = Detections(boxes, np.array([0.9, 0.8])) if step % 7 != 6 else EMPTY
        tracks = tracker.update(found)
        if step % 7 != 6:
            assert tracks.ids.tolist() == [1, 2]
            np.testing.assert_allclose(tracks.boxes_xyxy, boxes, atol=3)


def test_without_embeddings_the_motion_gates():
    """A box of the same place but of twice the height overlaps by half and is still another person."""
    tracker = Tracker(TrackerConfig(motion_max_iou_distance=0.99, max_iou_distance=0.0))
    for _ in range(10):
        tracker.update(person(width=0))
    assert len(tracker.update(person(width=0, size=(40, 160)))) == 0
    wide = Tracker(TrackerConfig(motion_max_iou_distance=0.99, max_iou_distance=0.0, gate=1e9))
    for _ in range(10):
        wide.update(person(width=0))
    assert len(wide.update(person(width=0, size=(40, 160)))) == 1


@pytest.mark.parametrize(
    "bad",
    [
        Detections(np.array([[0, 0, 9, 20], [0, np.nan, 9, 20]]), np.array([0.9, 0.1]), np.ones((2, 8))),
        Detections(np.array([[0, 0, 9, 20], [0, 0, np.inf, 20]]), np.array([0.9, 0.1]), np.ones((2, 8))),
        Detections(np.array([[0, 0, 9, 20], [0, 0, 9, 20]]), np.array([0.9, np.nan]), np.ones((2, 8))),
        Detections(np.array([[0, 0, 9, 20], [0, 0, 9, 20]]), np.array([0.9, np.inf]), np.ones((2, 8))),
    ],
)
def test_a_bad_row_is_named_and_the_tracker_unchanged(bad):
    tracker, twin = Tracker(), Tracker()
    assert_equal_tracks(tracker.update(person()), twin.update(person()))
    with pytest.raises(InputError, match="row 1"):
        tracker.update(bad)
    for _ in range(3):
        assert_equal_tracks(tracker.update(person()), twin.update(person()))


@pytest.mark.parametrize(("first", "second"), [(8, 16), (8, 0), (0, 8)])
def test_the_embedding_width_must_stay(first, second):
    tracker = Tracker()
    tracker.update(person(width=first))
    tracker.update(EMPTY)
    with pytest.raises(InputError, match="need one width"):
        tracker.update(person(width=second))
    assert tracker.update(person(width=first)).ids.tolist() == [1]
    tracker.reset()
    assert tracker.update(person(width=second)).ids.tolist() == [1]


@pytest.mark.parametrize("frame_rate", [0, -5, np.nan, np.inf])
def test_an_impossible_frame_rate_is_refused(frame_rate):
    with pytest.raises(InputError, match="frame_rate"):
        Tracker(frame_rate=frame_rate)


def test_an_image_of_another_size_is_refused():
    tracker = Tracker(image_size=(64, 48))
    tracker.update(person(), np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(InputError, match="expected"):
        tracker.update(person(), np.zeros((64, 48, 3), np.uint8))
    assert tracker.update(person()).ids.tolist() == [1]


def test_frame_indices_in_a_row_change_nothing(scene):
    plain, counted = Tracker(), Tracker()
    for i, found in enumerate(scene):
        assert_equal_tracks(plain.update(found), counted.update(found, frame_index=100 + i))


def test_frame_indices_must_grow():
    tracker = Tracker()
    tracker.update(person(), frame_index=3)
    for index in (3, 2, 0):
        with pytest.raises(InputError, match="must grow"):
            tracker.update(person(), frame_index=index)
    tracker.update(person())
    with pytest.raises(InputError, match="must grow"):
        tracker.update(person(), frame_index=4)
    tracker.update(person(), frame_index=5)


def test_motion_follows_the_frame_index():
    """8 px a frame, every third frame: with the frames counted the prediction lies on the person."""
    tracker = Tracker()
    for index in range(0, 60, 3):
        tracks = tracker.update(person(x=100.0 + 8 * index), frame_index=index)
        assert tracks.ids.tolist() == [1] if index > 30 else True
    identity = tracks.ids[0]
    tracks = tracker.update(person(x=100.0 + 8 * 69), frame_index=69)  # twelve frames on
    assert tracks.ids.tolist() == [identity]
    np.testing.assert_allclose(tracks.boxes_xyxy[0, 0], 100 + 8 * 69, atol=2)


@pytest.mark.parametrize("lost_first", [False, True])
def test_frames_left_out_count_as_missing(lost_first):
    for missing, identity in ((6, 1), (7, 2)):
        tracker = Tracker(TrackerConfig(track_buffer_frames=5))
        tracker.update(person())
        if lost_first:
            tracker.update(EMPTY)
        tracker.update(person(), frame_index=missing + 1)
        assert tracker.update(person()).ids.tolist() == [identity]


def test_a_lost_track_does_not_outlive_a_jump():
    """Landing on the last frame in which it could be found, without finding it, ends it."""
    tracker = Tracker(TrackerConfig(track_buffer_frames=5))
    tracker.update(person())
    tracker.update(EMPTY)
    tracker.update(EMPTY, frame_index=7)
    tracker.update(person())
    assert tracker.update(person()).ids.tolist() == [2]
