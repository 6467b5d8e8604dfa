"""The refinement: gaps of one person are linked, noise goes, tracks begin at the first detection."""

import numpy as np
import pytest

from fairmot.detections import Detections, Tracks
from fairmot.errors import InputError
from fairmot.tracking.refine import RefineConfig, refine
from fairmot.tracking.tracklets import TrackletMemory

PLAIN = RefineConfig(smoothing_seconds=0)


def walk(identity, frames, x=100.0, speed=3.0, height=100.0, score=0.9):
    frames = np.asarray(list(frames), dtype=float)
    count = len(frames)
    return np.column_stack(
        [
            frames,
            np.full(count, identity),
            x + speed * frames,
            np.full(count, 50.0),
            np.full(count, 0.4 * height),
            np.full(count, height),
            np.full(count, score),
            np.full(count, 2.0),
        ]
    )


def ids(refined):
    return sorted({int(one) for one in refined.rows[:, 1]})


def test_a_gap_of_one_person_is_closed_and_filled():
    rows = np.concatenate([walk(1, range(10)), walk(7, range(20, 30))])
    refined = refine(rows, 25, PLAIN)
    assert ids(refined) == [1]
    np.testing.assert_allclose(refined.rows, walk(1, range(30)))
    (link,) = refined.links
    assert (link.earlier, link.later, link.last_frame, link.first_frame) == (1, 7, 9, 20)
    assert 0 <= link.cost < PLAIN.link_cost
    assert np.isnan(link.appearance)
    assert refined.filled_count == 10


@pytest.mark.parametrize(
    "other",
    [
        walk(7, range(20, 30), x=170.0),  # too far from where the first one goes
        walk(7, range(20, 30), height=180.0),
        walk(7, range(20, 30), x=400.0, speed=-12.0),  # the same place, but walking the other way
        walk(7, range(60, 70)),  # after too long a time
        walk(7, range(5, 15)),  # at the same time
    ],
)
def test_somebody_else_is_not_linked(other):
    refined = refine(np.concatenate([walk(1, range(10)), other]), 25, PLAIN)
    assert ids(refined) == [1, 7]
    assert refined.links == []


def test_three_pieces_have_one_identity_and_far_gaps_stay_open():
    rows = np.concatenate([walk(4, range(10)), walk(2, range(12, 20)), walk(9, range(28, 40))])
    refined = refine(rows, 25, RefineConfig(smoothing_seconds=0, fill_seconds=0.1))
    assert ids(refined) == [4]
    assert len(refined.links) == 2
    assert len(refined.rows) == 30 + 2  # the two frames of the first gap; the second is too long to be filled


def test_one_assignment_decides_where_two_could_follow():
    # Both starts are near the end of 1; the second of them fits the end of 2 as well, worse.
    rows = np.concatenate(
        [
            walk(1, range(10), speed=0, x=100),
            walk(2, range(10), speed=0, x=118),
            walk(3, range(14, 24), speed=0, x=104),
            walk(4, range(14, 24), speed=0, x=122),
        ]
    )
    refined = refine(rows, 25, PLAIN)
    assert {(link.earlier, link.later) for link in refined.links} == {(1, 3), (2, 4)}


def test_noise_is_removed_after_linking():
    rows = np.concatenate(
        [walk(1, range(4)), walk(2, range(6, 10)), walk(3, range(3), x=600.0), walk(4, range(9), x=900.0, score=0.5)]
    )
    refined = refine(rows, 25, RefineConfig(min_rows=5, min_score=0.7, smoothing_seconds=0))
    assert ids(refined) == [1]
    assert refined.removed == {3: (3, pytest.approx(0.9)), 4: (9, pytest.approx(0.5))}
    assert ids(refine(rows, 25, RefineConfig(min_rows=1))) == [1, 3, 4]


def test_tracks_take_up_free_detections_at_both_ends():
    whole = walk(1, range(20))
    free = whole[[3, 4, 15, 16, 19]].copy()
    free[:, 1] = 0
    far = walk(0, [4], x=160.0)
    refined = refine(whole[5:15], 25, PLAIN, free=np.concatenate([free, far]))
    np.testing.assert_allclose(refined.rows, whole[3:17])  # 19 is not adjacent, and 160 pixels away is somebody else
    assert refined.extended_count == 4
    none = refine(whole[5:15], 25, RefineConfig(extension_seconds=0, smoothing_seconds=0), free=free)
    assert none.extended_count == 0
    assert len(none.rows) == 10


def test_appearance_forbids_and_allows_links():
    rows = np.concatenate([walk(1, range(10)), walk(7, range(20, 30))])
    axes = np.eye(3)
    same = refine(rows, 25, PLAIN, embeddings={1: axes[0], 7: axes[0]})
    assert ids(same) == [1]
    assert same.links[0].appearance == pytest.approx(0)
    assert ids(refine(rows, 25, PLAIN, embeddings={1: axes[0], 7: axes[1]})) == [1, 7]
    # 40 pixels beside the line: too far by motion alone.
    aside = np.concatenate([walk(1, range(10)), walk(7, range(20, 30), x=118.0)])
    assert ids(refine(aside, 25, RefineConfig(link_cost=0.5))) == [1, 7]
    assert ids(refine(aside, 25, RefineConfig(link_cost=0.5), embeddings={1: axes[0], 7: axes[0]})) == [1]


def test_somebody_who_comes_back_keeps_the_identity():
    rows = np.concatenate([walk(1, range(10)), walk(5, range(300, 310), x=-500.0), walk(6, range(300, 310), x=0.0)])
    axes = np.eye(3)
    refined = refine(rows, 25, PLAIN, embeddings={1: axes[0], 5: axes[1], 6: axes[0]})
    assert ids(refined) == [1, 5]
    (link,) = refined.links
    assert (link.earlier, link.later, link.round) == (1, 6, 0)
    off = RefineConfig(return_seconds=0)
    assert ids(refine(rows, 25, off, embeddings={1: axes[0], 5: axes[1], 6: axes[0]})) == [1, 5, 6]


def test_smoothing_takes_the_jitter_away():
    rows = walk(1, range(60))
    noisy = rows.copy()
    noisy[:, 2:4] += np.random.default_rng(0).normal(0, 3, (60, 2))
    smooth = refine(noisy, 25).rows
    assert np.abs(smooth[:, 2] - rows[:, 2]).mean() < 0.6 * np.abs(noisy[:, 2] - rows[:, 2]).mean()


def shaken_people(leap_px, noise_px=0.5):
    """Six people for 40 frames, two of whom are missed for a while, in front of a camera that leaps."""
    rng = np.random.default_rng(3)
    people = [walk(i, range(40), x=200 * i, speed=(-1) ** i * 2) for i in range(1, 7)]
    missed = np.concatenate([np.delete(one, slice(15, 22), axis=0) if i < 2 else one for i, one in enumerate(people)])
    late = (missed[:, 1] <= 2) & (missed[:, 0] >= 22)
    missed[late, 1] += 10
    places = rng.integers(-leap_px, leap_px + 1, (40, 2))
    tables = []
    for rows in (missed, np.concatenate(people)):
        seen = rows.copy()
        seen[:, 2:4] += places[rows[:, 0].astype(int)]
        tables.append(seen)
    tables[0][:, 2:4] += rng.normal(0, noise_px, tables[0][:, 2:4].shape)
    return tables


def test_a_shaking_camera_neither_breaks_links_nor_is_smoothed_away():
    missed, whole = shaken_people(leap_px=30)
    refined = refine(missed, 25)
    assert {(link.earlier, link.later) for link in refined.links} == {(1, 11), (2, 12)}
    assert refined.shake_px > 20
    order = np.lexsort((whole[:, 1], whole[:, 0]))
    np.testing.assert_array_equal(refined.rows[:, :2], whole[order, :2])
    assert np.abs(refined.rows[:, 2:4] - whole[order, 2:4]).max() < 3  # the filled rows too; leaps are up to 60 px


@pytest.mark.parametrize("noise_px", [0.5, 5])
def test_noise_of_each_box_is_no_shake(noise_px):
    assert refine(shaken_people(0, noise_px)[0], 25).shake_px == 0


def test_few_frames_are_no_reason_to_remove_everybody():
    assert ids(refine(walk(1, range(4)), 25)) == [1]
    both = np.concatenate([walk(1, range(4)), walk(2, [1], x=700)])
    assert ids(refine(both, 25)) == [1]  # the twin: one row of four frames is noise
    assert ids(refine(np.concatenate([walk(1, range(4)), walk(3, range(20), x=500)]), 25)) == [3]


def test_the_order_of_rows_does_not_matter_and_the_input_stays():
    rows = np.concatenate([walk(1, range(10)), walk(7, range(20, 30)), walk(3, range(25), x=500.0)])
    mixed = rows[np.random.default_rng(1).permutation(len(rows))]
    before = mixed.copy()
    np.testing.assert_array_equal(refine(mixed, 25).rows, refine(rows, 25).rows)
    np.testing.assert_array_equal(mixed, before)


def test_nothing_to_refine():
    refined = refine(np.empty((0, 8)), 25, free=walk(0, range(3)))
    assert refined.rows.shape == (0, 8)
    assert refined.links == []


@pytest.mark.parametrize(
    ("rows", "rate", "message"),
    [(np.zeros((2, 5)), 25, "expected frame, identity"), (np.zeros((0, 7)), 0, "frame_rate 0: expected a positive")],
)
def test_mistakes_are_named(rows, rate, message):
    with pytest.raises(InputError, match=message):
        refine(rows, rate)


def test_the_memory_keeps_the_detections_boxes_and_mean_embeddings():
    detections = Detections(
        np.array([[0, 0, 10, 20], [50, 0, 60, 20], [90, 0, 99, 20]]),
        np.array([0.9, 0.8, 0.2]),
        np.array([[2.0, 0], [0, 1], [0, 1]]),
        np.array([0, 1, 0]),
    )
    tracks = Tracks(np.array([5]), np.array([[1.0, 1, 12, 22]]), np.array([0.9]), np.array([0]), np.array([0]))
    memory = TrackletMemory(0.4)
    memory.add(3, detections, tracks)
    np.testing.assert_allclose(memory.rows, [[3, 5, 0, 0, 10, 20, 0.9, 0]], atol=1e-6)
    np.testing.assert_allclose(memory.free, [[3, 0, 50, 0, 10, 20, 0.8, 1]], atol=1e-6)
    np.testing.assert_allclose(memory.embeddings[5], [1, 0])
