"""The tracker's record: complete, correct, without effect on the tracker."""

import numpy as np
import pytest

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.tracking.matching import Stage
from fairmot.tracking.pair_costs import Reason, TrackState
from fairmot.tracking.record import Event, Fate, TrackerRecord, load_record
from fairmot.tracking.tracker import Tracker

EMPTY = Detections(np.empty((0, 4)), np.empty(0))


def person(*places, score=0.9, axis=0):
    boxes = np.array([[x, 50, x + 40, 150] for x in places], float)
    return Detections(boxes, np.full(len(places), score), np.eye(4)[[axis] * len(places)])


@pytest.fixture(scope="module")
def crowd():
    """Detections of each frame of a crowd in which people vanish and return."""
    rng = np.random.default_rng(3)
    start, speed, appearance = rng.uniform(0, 900, (30, 2)), rng.normal(0, 4, (30, 2)), rng.normal(0, 1, (30, 8))
    frames = []
    for t in range(40):
        seen = rng.random(30) < 0.75
        corner = (start + speed * t)[seen] + rng.normal(0, 3, (seen.sum(), 2))
        boxes = np.column_stack([corner, corner + np.array([30, 80])])
        frames.append(
            Detections(boxes, rng.uniform(0.15, 1, seen.sum()), appearance[seen] + rng.normal(0, 0.4, (seen.sum(), 8)))
        )
    return frames


@pytest.fixture(scope="module", params=["fairmot", "byte", "fused"])
def recorded(crowd, request):
    config = TrackerConfig.preset(request.param, track_buffer_frames=4)
    record, plain = TrackerRecord(), Tracker(config)
    tracker = Tracker(config, record=record)
    reports = []
    for i, found in enumerate(crowd):
        reports.append(tracker._step(found, frame_index=2 * i))
        np.testing.assert_array_equal(
            reports[-1].tracks.boxes_xyxy, plain._step(found, frame_index=2 * i).tracks.boxes_xyxy
        )
    return config, record.tables(), reports


def test_every_returned_row_is_recorded(recorded):
    _, tables, reports = recorded
    assert tables.frames["frame"].tolist() == list(range(0, 80, 2))
    for i, report in enumerate(reports):
        detections = tables.detections[tables.detections["frame"] == 2 * i]
        named = set(detections["identity"][detections["identity"] > 0].tolist())
        dropped = tables.events[(tables.events["frame"] == 2 * i) & (tables.events["kind"] == Event.DUPLICATE)]
        assert set(report.tracks.ids.tolist()) <= named
        events = tables.events[tables.events["frame"] == 2 * i]
        born = set(events["identity"][events["kind"] == Event.BORN].tolist())
        unconfirmed = born if i else set()
        assert named - set(report.tracks.ids.tolist()) - unconfirmed <= set(dropped["identity"].tolist())
    assert (np.bincount(tables.detections["fate"], minlength=3)[1:3] > 10).all()


def test_costs_explain_what_was_matched(recorded):
    config, tables, _ = recorded
    pairs = tables.pairs
    first = pairs[pairs["stage"] == Stage.APPEARANCE]
    assert len(first) > 200
    assert first["in_gate"].all()
    assert (first["motion"] <= config.gate).all()
    assert (first["cost"] < config.max_appearance_cost).all()
    appearance = (1 - config.iou_weight) * first["appearance"] + config.iou_weight * (1 - first["iou"])
    expected = (1 - config.motion_weight) * appearance + config.motion_weight * first["motion"]
    np.testing.assert_allclose(first["cost"], expected, atol=1e-6)
    overlap = pairs[pairs["stage"] == Stage.OVERLAP]
    assert (1 - overlap["iou"] < config.max_iou_distance).all()
    assert (1 - pairs["iou"][pairs["stage"] == Stage.UNCONFIRMED] < config.unconfirmed_max_iou_distance).all()
    low = pairs[pairs["stage"] == Stage.LOW_SCORE]
    assert (len(low) > 10) == config.second_pass
    assert (pairs["in_gate"] | (pairs["iou"] > 0)).all()


def test_tracks_and_pairs_agree(recorded):
    _, tables, _ = recorded
    matched = tables.tracks[tables.tracks["detection"] >= 0]
    chosen = tables.pairs[tables.pairs["stage"] > 0]
    keys = ["frame", "identity", "detection", "stage"]
    assert sorted(matched[keys].tolist()) == sorted(chosen[keys].tolist())
    assert ((tables.tracks["reason"] == Reason.MATCHED) == (tables.tracks["detection"] >= 0)).all()


def test_births_and_ends(recorded):
    _, tables, reports = recorded
    events = tables.events
    born = events[events["kind"] == Event.BORN]["identity"]
    assert born.tolist() == list(range(1, reports[-1].counts.identities + 1))
    ends = events[np.isin(events["kind"], [Event.GIVEN_UP, Event.EXPIRED, Event.DUPLICATE])]
    gone = np.unique(ends["identity"])
    alive = reports[-1].counts.tracked + reports[-1].counts.lost
    assert len(gone) + alive == len(born)


@pytest.mark.parametrize(
    ("frame", "config", "reason"),
    [
        (EMPTY, {}, Reason.NOTHING_NEAR),
        (person(800), {}, Reason.NOTHING_NEAR),
        (person(136), {}, Reason.OUTSIDE_GATE),
        (person(112, axis=1), {"max_iou_distance": 0.2}, Reason.TOO_DIFFERENT),
    ],
)
def test_why_a_track_was_not_matched(frame, config, reason):
    record = TrackerRecord()
    tracker = Tracker(TrackerConfig(**config), record=record)
    for found in [person(100)] * 4 + [frame]:
        tracker.update(found)
    last = record.tables().tracks[-1]
    assert (last["identity"], last["state"], last["reason"]) == (1, TrackState.TRACKED, reason)


def test_a_track_that_another_outbid():
    record = TrackerRecord()
    tracker = Tracker(record=record)
    for found in [person(100, 108)] * 3 + [person(101)]:
        tracker.update(found)
    last = record.tables().tracks[-2:]
    assert last["reason"].tolist() == [Reason.MATCHED, Reason.OUTBID]
    assert last["detection"].tolist() == [0, -1]


def test_a_returned_track_has_its_old_identity_in_the_record():
    record = TrackerRecord()
    tracker = Tracker(TrackerConfig(track_buffer_frames=3, reentry_frames=90), record=record)
    for found in [person(100)] * 2 + [EMPTY] * 8 + [person(500)] * 3:
        tracker.update(found)
    tables = record.tables()
    returned = tables.events[tables.events["kind"] == Event.RETURNED]
    assert returned[["frame", "identity", "other"]].tolist() == [(11, 1, 2)]
    assert tables.detections["identity"].tolist() == [1, 1, 2, 1, 1]
    assert tables.detections["fate"].tolist() == [Fate.STARTED, Fate.MATCHED, Fate.STARTED, Fate.MATCHED, Fate.MATCHED]


def test_a_record_begins_with_no_track_also_where_tracks_have_galleries():
    record = TrackerRecord()
    tracker = Tracker(TrackerConfig(gallery_size=3), record=record)
    for found in [EMPTY, person(100), person(100)]:
        tracker.update(found)
    assert record.tables().frames["tracks"].tolist() == [0, 0, 1]
    assert len(record.tables().pairs) == 1


def test_without_embeddings_appearance_is_nan():
    record = TrackerRecord()
    tracker = Tracker(record=record)
    for _ in range(3):
        tracker.update(Detections(person(100).boxes_xyxy, [0.9]))
    pairs = record.tables().pairs
    assert np.isnan(pairs["appearance"]).all()
    assert pairs["stage"].tolist() == [Stage.APPEARANCE] * 2
    np.testing.assert_allclose(pairs["cost"], 1 - pairs["iou"], atol=1e-6)


def test_saved_and_read_back(recorded, crowd, tmp_path):
    record = TrackerRecord()
    tracker = Tracker(recorded[0], record=record)
    for found in crowd:
        tracker.update(found)
    record.save(tmp_path / "street.npz")
    for found, expected in zip(load_record(tmp_path / "street.npz"), record.tables(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert len(record.tables().pairs) > 100
    tracker.reset()
    assert not any(map(len, record.tables()))
    record.save(tmp_path / "street.npz")
    assert not any(map(len, load_record(tmp_path / "street.npz")))


def test_what_is_no_record_is_refused(tmp_path):
    path = tmp_path / "absent.npz"
    with pytest.raises(InputError, match="cannot be read"):
        load_record(path)
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match="not a tracker's record"):
        load_record(path)
    np.save(tmp_path / "array.npy", np.ones(3))
    with pytest.raises(InputError, match="not a tracker's record"):
        load_record(tmp_path / "array.npy")
    np.savez(path, version=np.array(1), frames=np.ones(3))
    with pytest.raises(InputError, match="not a tracker's record"):
        load_record(path)
    np.savez(path, version=np.array(99))
    with pytest.raises(InputError, match="version 1"):
        load_record(path)
