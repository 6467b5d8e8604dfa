"""The tracker against the stored traces of the published code."""

import copy

import pytest

from fairmot.tracking.report import FrameCounts


@pytest.fixture
def trace_names(shared):
    names = sorted(path.name for path in shared("oracles").glob("tracker_*.npz"))
    assert len(names) >= 2
    return names


def test_every_trace_is_reproduced(trace_names, trace, run_tracker, assert_same_rows):
    for name in trace_names:
        detections, runs = trace(name)
        for options, expected in runs:
            assert_same_rows(run_tracker(detections, **options), expected)


def test_the_reference_reproduces_every_trace(trace_names, trace, run_published, assert_same_rows):
    for name in trace_names:
        detections, runs = trace(name)
        for options, expected in runs:
            assert_same_rows(run_published(detections, **options), expected)


@pytest.mark.parametrize(
    ("array", "index", "change"),
    [("rows", (700, 4), 2e-6), ("rows", (700, 1), 1), ("scores", 700, 1e-6), ("kept", 700, 1), ("counts", (70, 5), 1)],
)
def test_a_changed_trace_is_noticed(trace, run_tracker, assert_same_rows, array, index, change):
    detections, [(options, expected), *_] = trace("tracker_gaps_s1.npz")
    found = run_tracker(detections, **options)
    wrong = copy.deepcopy(expected)
    values = getattr(wrong, array)
    values[index] = not values[index] if array == "kept" else values[index] + change
    with pytest.raises(AssertionError):
        assert_same_rows(found, wrong)


@pytest.mark.parametrize(
    "changed",
    [
        {"confidence": 0.8},
        {"frame_rate": 24.0},
        {"track_buffer": 29},
        {"min_box_area": 1e4},
        {"max_aspect": 0.4},
    ],
)
def test_each_option_matters(trace, run_tracker, assert_same_rows, changed):
    detections, [(options, expected), *_] = trace("tracker_gaps_s1.npz")
    with pytest.raises(AssertionError):
        assert_same_rows(run_tracker(detections, **{**options, **changed}), expected)


def test_counts_have_the_columns_of_the_traces(oracle):
    z = oracle("tracker_gaps_s1.npz")
    columns = ["detections", "above_conf", "tracked_list", "activated", "lost_list", "removed_list", "ids_given"]
    assert z["counts_columns"].tolist() == columns
    ours = ("detections", "above_confidence", "tracked", "confirmed", "lost", "removals", "identities")
    assert FrameCounts._fields == ours
