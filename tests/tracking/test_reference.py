"""The tracker against the plain reference, on scenes that it was not tuned on."""

import copy

import numpy as np
import pytest

GAPS = np.arange(1, 40)


@pytest.mark.parametrize(
    ("seed", "options"),
    [
        (101, {}),
        (102, {"confidence": 0.3}),
        (103, {"confidence": 0.6, "frame_rate": 14}),
        (104, {"confidence": 0.1, "track_buffer": 5}),
        (105, {"frame_rate": 1, "track_buffer": 10}),
        (106, {"frame_rate": 60, "min_box_area": 4000, "max_aspect": 0.42}),
    ],
)
def test_crowds(make_scene, run_tracker, run_published, assert_same_rows, seed, options):
    scene = make_scene(seed, frames=25, people=120)
    assert_same_rows(run_tracker(scene, **options), run_published(scene, **options))


@pytest.mark.parametrize("frame_rate", [1, 5, 10, 14, 20, 25, 30, 60])
def test_gaps(make_scene, run_tracker, run_published, assert_same_rows, frame_rate):
    for seed in (201, 202):
        scene = make_scene(seed + frame_rate, "gaps", frames=120, people=18, gaps=GAPS, clutter=2.0)
        assert_same_rows(run_tracker(scene, frame_rate=frame_rate), run_published(scene, frame_rate=frame_rate))


@pytest.mark.parametrize("buffer", range(7))
def test_short_buffers(make_scene, run_tracker, run_published, assert_same_rows, buffer):
    scene = make_scene(300 + buffer, "gaps", frames=90, people=14, gaps=np.arange(1, 10), clutter=4.0)
    found = run_tracker(scene, track_buffer=buffer)
    assert_same_rows(found, run_published(scene, track_buffer=buffer))


def test_similar_people_that_swap_and_vanish(run_tracker, run_published, assert_same_rows):
    """Random boxes with embeddings of little meaning: ties aside, every branch of the lists is met."""
    from fairmot.detections import Detections

    rng = np.random.default_rng(5)
    for _ in range(40):
        frames, people = 30, 7
        start, speed = rng.uniform(0, 300, (people, 2)), rng.normal(0, 4, (people, 2))
        base = rng.normal(0, 1, (people, 8)) + 2
        scene = []
        for t in range(frames):
            seen = rng.random(people) < 0.6
            centre = start[seen] + speed[seen] * t + rng.normal(0, 3, (seen.sum(), 2))
            size = np.array([30, 80]) * rng.uniform(0.9, 1.1, (seen.sum(), 2))
            boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
            noisy = base[seen] + rng.normal(0, 0.7, (seen.sum(), 8))
            scene.append(Detections(boxes, rng.uniform(0.2, 1, seen.sum()), noisy))
        options = {"track_buffer": int(rng.integers(0, 6)), "confidence": float(rng.choice([0.25, 0.4]))}
        assert_same_rows(run_tracker(scene, **options), run_published(scene, **options))


def test_a_changed_detection_is_noticed(make_scene, run_tracker, run_published, assert_same_rows):
    scene = make_scene(101, frames=8, people=40)
    expected = run_published(scene)
    assert_same_rows(run_tracker(scene), expected)
    wrong = copy.deepcopy(scene)
    wrong[4].boxes_xyxy[0, 0] += 1e-3
    with pytest.raises(AssertionError):
        assert_same_rows(run_tracker(wrong), expected)
