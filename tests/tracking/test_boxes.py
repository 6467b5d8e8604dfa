"""The options of the preset ``boxes``: each does what it says, and nothing where it is off."""

import numpy as np
import pytest

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.tracking import kalman
from fairmot.tracking.association import iou_distance, overlap_distance
from fairmot.tracking.record import TrackerRecord
from fairmot.tracking.tracker import Tracker


def found(*boxes, score=0.95):
    return Detections(np.array(boxes, dtype=float).reshape(-1, 4), np.full(len(boxes), score))


PERSON = (100, 50, 140, 150)


def counts(frames, **options):
    tracker = Tracker(TrackerConfig(**options))
    return [len(tracker.update(frame)) for frame in frames]


def test_a_lower_score_continues_a_track_and_starts_none():
    falling = [found(PERSON, score=score) for score in (0.95, 0.95, 0.5, 0.5)]
    rising = [found(PERSON, score=0.5)] * 3
    assert counts(falling, start_confidence=0.9) == [1, 1, 1, 1]
    assert counts(rising, start_confidence=0.9) == [0, 0, 0]
    assert counts(rising, start_confidence=0.3) == counts(rising) == [1, 1, 1]


@pytest.mark.parametrize("hits", [1, 2, 3, 4])
def test_a_track_is_returned_from_its_nth_detection_on(hits):
    frames = [found(), *[found(PERSON)] * 5]  # tracks of the first frame are confirmed at once
    assert counts(frames, confirmation_hits=hits) == [0, *[0] * (hits - 1), *[1] * (6 - hits)]


def test_the_mean_score_confirms_a_track():
    """The mean is that of about the last two detections, and none below the threshold is returned before."""
    rising = [found(), *[found(PERSON, score=score) for score in (0.5, 0.5, 0.6, 0.9, 0.5, 0.5)]]
    assert counts(rising, confirmation_score=0.7) == [0, 0, 0, 0, 1, 1, 1]  # means .5, .5, .55, .725
    assert counts(rising, confirmation_score=0.73) == [0] * 7
    assert counts(rising) == [0, 0, 1, 1, 1, 1, 1]


def test_the_first_frame_needs_the_score_too():
    first = [found(PERSON, score=score) for score in (0.6, 0.9, 0.9)]
    assert counts(first) == [1, 1, 1]
    assert counts(first, confirmation_score=0.7) == [0, 1, 1]
    assert counts(first, confirmation_score=0.6) == [1, 1, 1]


def test_a_track_that_waits_for_its_score_follows_its_motion():
    """Three frames are skipped, in which the person walks further than the box is wide."""
    tracker = Tracker(TrackerConfig(confirmation_score=0.7))
    ids = []
    for index, score in zip((0, *range(1, 9), 12), (None, *[0.6] * 8, 0.9), strict=True):
        shift = 15 * index
        frame = found() if score is None else found(np.add(PERSON, (shift, 0, shift, 0)), score=score)
        ids.append(tracker.update(frame, frame_index=index).ids.tolist())
    assert ids == [[]] * 9 + [[1]]


def test_a_miss_before_the_confirmation_ends_the_track():
    frames = [found(), found(PERSON), found(PERSON), found(), found(PERSON), found(PERSON), found(PERSON)]
    assert counts(frames, confirmation_hits=3) == [0, 0, 0, 0, 0, 0, 1]
    assert counts(frames, confirmation_hits=2) == [0, 0, 1, 0, 1, 1, 1]


def test_unconfirmed_tracks_follow_their_motion():
    # 20 pixels a frame: half a width, so that IoU with the place before is a third.
    walk = [found(), *[found((100 + 20 * step, 50, 140 + 20 * step, 150)) for step in range(6)]]
    limits = {"confirmation_hits": 4, "unconfirmed_max_iou_distance": 0.7}
    assert counts(walk, **limits)[-1] == 1


def test_the_height_decides_between_people_who_overlap():
    track = np.array([[100.0, 50, 140, 150]])
    both = np.array([[104.0, 50, 144, 150], [101, 50, 139, 126]])
    plain, cued = TrackerConfig(), TrackerConfig(height_exponent=2)
    np.testing.assert_array_equal(overlap_distance(track, both, plain), iou_distance(track, both))
    near = iou_distance(track, both)[0]
    with_height = overlap_distance(track, both, cued)[0]
    np.testing.assert_allclose(with_height, 1 - (1 - near) * np.array([1, 0.76**2]), rtol=1e-12)
    with pytest.raises(AssertionError):  # another power gives another cost
        np.testing.assert_allclose(overlap_distance(track, both, TrackerConfig(height_exponent=1))[0], with_height)


def test_the_record_has_the_cost_with_the_height():
    record = TrackerRecord()
    tracker = Tracker(TrackerConfig(height_exponent=2, gate=1000), record=record)
    for box in (PERSON, PERSON, (101, 50, 139, 126)):
        tracker.update(found(box))
    last = record.tables().pairs[-1]
    assert last["cost"] == pytest.approx(1 - last["iou"] * 0.76**2, abs=1e-4)
    assert last["stage"] == 1


def random_states(count=7):
    rng = np.random.default_rng(3)
    mean = np.column_stack([rng.uniform(50, 500, (count, 4)), np.zeros((count, 4))])
    mean, covariance = kalman.initiate(mean[:, :4])
    mean[:, 4:] = rng.normal(0, 3, (count, 4))
    mean[:, 7] = 0  # the height stays, and with it the scale of the noise
    covariance[:, kalman.CROSS] = 0.01 * covariance[:, kalman.POSITION]
    return mean, covariance


@pytest.mark.parametrize("frames", [1, 2, 6])
def test_a_prediction_over_whole_frames_is_that_of_each_of_them(frames):
    whole = kalman.predict_over(*random_states(), frames)
    steps = random_states()
    for _ in range(frames):
        steps = kalman.predict(*steps)
    for mine, theirs in zip(whole, steps, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(kalman.predict_over(*random_states(), frames + 0.1)[1], steps[1], rtol=1e-3)


def test_two_predictions_after_each_other_are_one_over_both_times():
    halves = kalman.predict_over(*kalman.predict_over(*random_states(), 0.6), 2.3)
    whole = kalman.predict_over(*random_states(), 2.9)
    for mine, theirs in zip(halves, whole, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9)


def test_at_the_reference_rate_the_noise_is_the_published_one():
    frames = [found((100 + 3 * step, 50, 140 + 3 * step, 150)) for step in range(10)]
    plain, referred = (Tracker(TrackerConfig(noise_rate=rate), frame_rate=30) for rate in (0, 30))
    for frame in frames:
        mine, theirs = plain.update(frame), referred.update(frame)
        np.testing.assert_allclose(mine.boxes_xyxy, theirs.boxes_xyxy, rtol=1e-9)
