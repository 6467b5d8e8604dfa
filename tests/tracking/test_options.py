"""Methods later than the published tracker: each option works as described, and is off by default."""

import numpy as np
import pytest

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.tracking import kalman
from fairmot.tracking.correction import replayed
from fairmot.tracking.tracker import Tracker

EMPTY = Detections(np.empty((0, 4)), np.empty(0))


def found(*people, size=(40, 100)):
    """Detections of (x, score[, axis[, class]]): the embedding is the unit vector of that axis, of four."""
    boxes = [[x, 50, x + size[0], 50 + size[1]] for x, *_ in people]
    embeddings = np.eye(4)[[(p[2] if len(p) > 2 else 0) for p in people]]
    classes = [(p[3] if len(p) > 3 else 0) for p in people]
    return Detections(np.array(boxes), np.array([p[1] for p in people]), embeddings, classes)


def run(config, frames, **options):
    tracker = Tracker(config, **options)
    return [tracker.update(frame) for frame in frames]


def test_byte_follows_through_low_scores():
    frames = [found((100, 0.9))] * 3 + [found((100, 0.2))] * 3 + [found((100, 0.9))]
    plain, byte = run(TrackerConfig(), frames), run(TrackerConfig.preset("byte"), frames)
    assert [len(tracks) for tracks in plain] == [1, 1, 1, 0, 0, 0, 1]
    assert [tracks.ids.tolist() for tracks in byte] == [[1]] * 7
    np.testing.assert_allclose(byte[3].scores, 0.2)


def test_without_appearance_embeddings_change_nothing():
    # Two people swap embeddings in one frame: by appearance identities follow the embeddings, by motion the places.
    frames = [found((100, 0.9, 0), (118, 0.9, 1))] * 4 + [found((100, 0.9, 1), (118, 0.9, 0))] * 2
    bare = [Detections(frame.boxes_xyxy, frame.scores) for frame in frames]
    by_appearance, by_motion = run(TrackerConfig(), frames), run(TrackerConfig(appearance=False), frames)
    without = run(TrackerConfig(), bare)
    for mine, theirs in zip(by_motion, without, strict=True):
        np.testing.assert_array_equal(mine.ids, theirs.ids)
        np.testing.assert_array_equal(mine.boxes_xyxy, theirs.boxes_xyxy)
    order = by_motion[-1].boxes_xyxy[:, 0].argsort()
    assert by_motion[-1].ids[order].tolist() == [1, 2]
    order = by_appearance[-1].boxes_xyxy[:, 0].argsort()
    assert by_appearance[-1].ids[order].tolist() == [2, 1]


def test_fused_costs_hold_where_either_cue_fails():
    fused = TrackerConfig.preset("fused")

    def identities(config, frames):
        last = run(config, frames)[-1]
        return last.ids[last.boxes_xyxy[:, 0].argsort()].tolist()

    # The embeddings are swapped for a moment: the places identify the people.
    swapped = [found((100, 0.9, 0), (118, 0.9, 1))] * 4 + [found((100, 0.9, 1), (118, 0.9, 0))]
    assert identities(fused, swapped) == [1, 2]
    assert identities(TrackerConfig(), swapped) == [2, 1]
    # The camera jerks by the distance of the two people: the embeddings identify them.
    jerked = [found((100, 0.9, 0), (118, 0.9, 1))] * 4 + [found((118, 0.9, 0), (136, 0.9, 1))]
    assert identities(fused, jerked) == [1, 2]
    assert identities(TrackerConfig.preset("motion"), jerked) != [1, 2]


def test_low_scores_start_nothing_and_find_no_lost_track():
    byte = TrackerConfig.preset("byte")
    assert [len(tracks) for tracks in run(byte, [found((100, 0.3))] * 4)] == [0] * 4
    frames = [found((100, 0.9)), EMPTY, found((100, 0.3)), found((100, 0.3))]
    assert [len(tracks) for tracks in run(byte, frames)] == [1, 0, 0, 0]


def test_the_second_pass_takes_scores_between_its_bounds():
    def followed(score, **options):
        return len(run(TrackerConfig.preset("byte", **options), [found((100, 0.9)), found((100, score))])[1])

    assert followed(0.1) == 0
    assert followed(0.11) == 1
    assert followed(0.4) == 1  # not above the confidence, and so not below it either
    assert followed(0.15, low_confidence=0.2) == 0


def test_a_low_score_at_another_place_continues_no_track():
    byte = TrackerConfig.preset("byte")
    assert len(run(byte, [found((100, 0.9)), found((115, 0.2))])[1]) == 0  # IoU .45
    assert len(run(byte, [found((100, 0.9)), found((110, 0.2))])[1]) == 1  # IoU .6


def test_no_identity_crosses_a_class():
    frames = [found((100, 0.9, 0, 0), (300, 0.9, 1, 1)), *[found((100, 0.9, 0, 1), (300, 0.9, 1, 0))] * 2]
    mixed, apart = run(TrackerConfig(), frames), run(TrackerConfig(per_class=True), frames)
    assert mixed[2].ids.tolist() == [1, 2]
    assert sorted(apart[2].ids.tolist()) == [3, 4]
    class_of = {}
    for tracks in apart:
        for identity, class_id in zip(tracks.ids.tolist(), tracks.class_ids.tolist(), strict=True):
            assert class_of.setdefault(identity, class_id) == class_id


def test_per_class_tracking_is_that_of_one_tracker_a_class(make_scene):
    scene = make_scene(11, frames=25, people=60)
    rng = np.random.default_rng(0)
    classed = [Detections(d.boxes_xyxy, d.scores, d.embeddings, rng.integers(0, 3, len(d))) for d in scene]
    together = run(TrackerConfig(per_class=True), classed)
    alone = [run(TrackerConfig(), [d.select(d.class_ids == c) for d in classed]) for c in range(3)]
    seen = [np.concatenate([t.boxes_xyxy[t.class_ids == c] for t in together]) for c in range(3)]
    for c in range(3):
        np.testing.assert_array_equal(seen[c], np.concatenate([t.boxes_xyxy for t in alone[c]]))
    identities = [{*np.concatenate([t.ids[t.class_ids == c] for t in together]).tolist()} for c in range(3)]
    assert sum(map(len, identities)) == len(set.union(*identities))


def test_confident_boxes_correct_more():
    def position(score, **options):
        frames = [found((100, 0.9))] * 5 + [found((106, score))]
        return run(TrackerConfig(**options), frames)[-1].boxes_xyxy[0, 0]

    assert position(0.95) == position(0.5)
    plain, unsure, sure = position(0.5), position(0.5, score_noise=True), position(0.95, score_noise=True)
    assert plain < unsure < sure < 106
    assert position(1.0, score_noise=True) == pytest.approx(106)
    assert position(120.0, score_noise=True) == pytest.approx(106)  # scores of other detectors may exceed 1


def test_the_variance_is_multiplied_by_that_factor(published):
    mean, covariance = kalman.initiate(np.array([[100.0, 100, 0.4, 80]]))
    shared, _ = kalman.update(mean, covariance, mean[:, :4] + 5, noise_factor=np.array([0.25]))
    halved, _ = kalman.update(
        mean,
        covariance,
        mean[:, :4] + 5,
        kalman.Noise.of(TrackerConfig())._replace(measurement=kalman.PUBLISHED.measurement * 0.25),
    )
    np.testing.assert_allclose(shared, halved, rtol=1e-14)


def test_replaying_a_gap_equals_having_seen_the_line():
    rng = np.random.default_rng(0)
    first = rng.uniform([0, 0, 0.3, 50], [500, 500, 0.6, 200], (6, 4))
    mean, covariance = kalman.initiate(first)
    gaps = np.array([1, 2, 3, 7, 12, 30])
    last = first + rng.normal(0, [20, 20, 0.02, 8], (6, 4))
    found_mean, found_covariance = replayed(mean, covariance, first, last, gaps)
    for i, gap in enumerate(gaps):
        m, c = mean[i : i + 1], covariance[i : i + 1]
        width = np.array([first[i, 2] * first[i, 3], last[i, 2] * last[i, 3]])
        for step in range(1, gap):
            box = first[i] + (last[i] - first[i]) * step / gap
            box[2] = (width[0] + (width[1] - width[0]) * step / gap) / box[3]
            m, c = kalman.update(*kalman.predict(m, c), box[None])
        m, c = kalman.predict(m, c)
        np.testing.assert_allclose(found_mean[i], m[0], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(found_covariance[i], c[0], rtol=1e-10)


def test_reupdate_follows_a_turn_behind_an_obstacle():
    """A person walks right at 6 px a frame and slows while hidden: the new box counts more than the old velocity."""
    frames = [found((100 + 6 * t, 0.9)) for t in range(12)] + [EMPTY] * 6 + [found((178, 0.9))]

    def error(**options):
        return abs(run(TrackerConfig(**options), frames)[-1].boxes_xyxy[0, 0] - 178)

    assert error(reupdate=True) < 0.8 * error()


def embedding_at(angle):
    return np.array([[np.cos(angle), np.sin(angle), 0, 0]])


def seen_from(angle, x=100.0):
    return Detections(np.array([[x, 50, x + 40, 150]]), np.array([0.9]), embedding_at(angle))


def test_the_gallery_keeps_an_earlier_embedding():
    """Front, slowly round to the back, hidden, and front again after a jump that only appearance can bridge."""
    frames = [seen_from(min(t * 0.05, 2.0)) for t in range(80)] + [EMPTY, seen_from(0.0, 115), seen_from(0.0, 115)]
    assert run(TrackerConfig(max_iou_distance=0.1), frames)[-1].ids.tolist() == [2]
    assert run(TrackerConfig(max_iou_distance=0.1, gallery_size=10), frames)[-1].ids.tolist() == [1]
    # Two places hold only the back by then.
    assert run(TrackerConfig(max_iou_distance=0.1, gallery_size=2), frames)[-1].ids.tolist() == [2]


def absence(length, returning=0, **options):
    config = TrackerConfig(reentry_frames=200, track_buffer_frames=10, **options)
    frames = [found((100, 0.9, 0)), found((100, 0.9, 0))] + [EMPTY] * length + [found((400, 0.9, returning))] * 2
    return run(config, frames)[-1].ids.tolist()


def test_a_person_returns_after_a_long_absence():
    assert absence(60) == [1]
    assert absence(198) == [1]
    assert absence(205) == [2]
    assert absence(60, returning=1) == [2]
    assert absence(60, reentry_max_distance=0.0) == [2]
    assert absence(60, gallery_size=3) == [1]


def test_no_new_track_takes_the_identity_of_a_present_one():
    config = TrackerConfig(reentry_frames=900, track_buffer_frames=5)
    tracker = Tracker(config)
    tracker.update(found((100, 0.9, 0)))
    for _ in range(10):
        tracker.update(EMPTY)
    for _ in range(4):
        tracks = tracker.update(found((400, 0.9, 0), (800, 0.9, 0)))
    assert len(set(tracks.ids.tolist())) == 2
    assert 1 in tracks.ids


def test_archived_classes_stay_apart():
    config = TrackerConfig(reentry_frames=900, track_buffer_frames=5, per_class=True)
    frames = [found((100, 0.9, 0, 1))] * 2 + [EMPTY] * 10 + [found((400, 0.9, 0, 2))] * 2
    assert run(config, frames)[-1].ids.tolist() == [2]


@pytest.mark.parametrize(
    "options",
    [
        {"second_pass": True},
        {"per_class": True},
        {"score_noise": True},
        {"reupdate": True},
        {"gallery_size": 4},
        {"reentry_frames": 300, "gallery_size": 3, "reupdate": True, "second_pass": True, "score_noise": True},
    ],
)
def test_with_any_option_no_identity_is_twice_in_a_frame(make_scene, options):
    tracker = Tracker(TrackerConfig(track_buffer_frames=4, **options))
    rows = 0
    for d in make_scene(21, "gaps", frames=70, people=18, gaps=np.arange(1, 30)):
        tracks = tracker.update(d)
        assert len(set(tracks.ids.tolist())) == len(tracks)
        table = tracker._table["identity"]
        assert len(np.unique(table)) == len(table)
        assert np.isfinite(tracks.boxes_xyxy).all()
        rows += len(tracks)
    assert rows > 400


def test_without_embeddings_the_options_of_appearance_do_nothing():
    frames = [Detections(np.array([[100 + 3 * t, 50, 140 + 3 * t, 150]]), np.array([0.9])) for t in range(5)]
    plain = run(TrackerConfig(), frames)
    for tracks, expected in zip(run(TrackerConfig(gallery_size=4, reentry_frames=99), frames), plain, strict=True):
        np.testing.assert_array_equal(tracks.boxes_xyxy, expected.boxes_xyxy)
