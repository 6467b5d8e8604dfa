"""The classic table equals motmetrics'."""

import copy

import motmetrics
import numpy as np
import pytest

import fairmot
from fairmot.evaluation.benchmarks import BENCHMARKS
from fairmot.evaluation.classic import COLUMNS, classic_scores, count_classic
from fairmot.evaluation.preprocessing import compare
from fairmot.formats.sequences import load_sequence

PRINTED = motmetrics.io.motchallenge_metric_names


def accumulate(folder, results, frames):
    """Feed motmetrics with a sequence without classes."""
    truth = np.loadtxt(folder / "gt" / "gt.txt", delimiter=",", ndmin=2)
    truth = truth[truth[:, 6].astype(int) != 0]
    found = np.loadtxt(results, delimiter=",", ndmin=2) if results.stat().st_size else np.empty((0, 10))
    accumulator = motmetrics.MOTAccumulator()
    for frame in range(1, frames + 1):
        a, b = truth[truth[:, 0] == frame], found[found[:, 0] == frame]
        distances = 1 - motmetrics.distances.boxiou(a[:, None, 2:6], b[None, :, 2:6])
        distances[distances > 0.5] = np.nan
        accumulator.update(a[:, 1].astype(int), b[:, 1].astype(int), distances, frameid=frame)
    return accumulator


def reference(accumulators):
    names = list(motmetrics.metrics.motchallenge_metrics)
    host = motmetrics.metrics.create()
    table = host.compute_many(
        list(accumulators.values()), metrics=[*names, "num_objects"], names=list(accumulators), generate_overall=True
    )
    return {sequence: {PRINTED[name]: float(table.loc[sequence, name]) for name in names} for sequence in table.index}


def assert_equal(ours, expected):
    assert tuple(ours) == COLUMNS
    assert set(expected) == set(COLUMNS)
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equal_to_motmetrics(seed, synthetic, tmp_path):
    truth, results = synthetic.make_benchmark(tmp_path, "none", seed)
    report = fairmot.score(truth, results, "none", classic=True)
    # Ratios of nothing are NaN in motmetrics; those sequences are left to the test below.
    names = [name for name in report["sequences"] if not name.endswith(("no-results", "nobody"))]
    accumulators = {
        name: accumulate(truth / name, results / f"{name}.txt", report["sequences"][name]["Frames"]) for name in names
    }
    expected = reference(accumulators)
    for name in names:
        assert_equal(report["classic"]["sequences"][name], expected[name])
        changed = copy.deepcopy(expected[name])
        changed["IDt"] += 1
        with pytest.raises(AssertionError, match="IDt"):
            assert_equal(report["classic"]["sequences"][name], changed)
    for name in report["sequences"].keys() - set(names):
        (tmp_path / "results" / f"{name}.txt").unlink()
        (truth / name / "gt" / "gt.txt").unlink()
    report = fairmot.score(truth, results, "none", classic=True)
    assert_equal(report["classic"]["combined"], expected["OVERALL"])
    events = report["classic"]["combined"]
    assert min(events["IDs"], events["FM"], events["IDt"], events["IDa"], events["IDm"]) > 0


def test_equal_to_motmetrics_on_a_real_sequence(synthetic, shared, tmp_path):
    truth, results = synthetic.make_shared(tmp_path, shared("data", "mot"), ["TUD-Campus"])
    report = fairmot.score(truth, results, classic=True)
    expected = reference({"TUD-Campus": accumulate(truth / "TUD-Campus", results / "TUD-Campus.txt", 71)})
    assert_equal(report["classic"]["sequences"]["TUD-Campus"], expected["TUD-Campus"])
    with pytest.raises(AssertionError, match="MOTP"):
        assert_equal(
            report["classic"]["sequences"]["TUD-Campus"],
            {**expected["TUD-Campus"], "MOTP": expected["TUD-Campus"]["MOTP"] + 1e-8},
        )


def test_a_match_is_kept_after_a_gap_and_events_are_counted(write_sequence):
    # Person 1 is found by 5, missed once, found by 5 again although 6 fits better; then 6 takes over (ascend).
    # Person 2, never seen before, is then found by 5 (transfer and migration).
    folder, results = write_sequence(
        "1,1,0,0,10,10,1,-1\n2,1,0,0,10,10,1,-1\n3,1,0,0,10,10,1,-1\n4,1,0,0,10,10,1,-1\n4,2,50,0,10,10,1,-1\n",
        "1,5,0,0,10,10,1\n3,5,0,2,10,10,1\n3,6,0,0,10,10,1\n4,6,0,0,10,10,1\n4,5,50,0,10,10,1\n",
        frames=4,
    )
    scores = classic_scores(count_classic(compare(load_sequence(folder, results), BENCHMARKS["none"])))
    assert (scores["IDs"], scores["IDa"], scores["IDt"], scores["IDm"]) == (1, 1, 1, 1)
    assert (scores["FM"], scores["FP"], scores["FN"]) == (1, 1, 1)
    # One distance of 1 - 80/120 among four matches.
    assert scores["MOTP"] == pytest.approx((1 - 80 / 120) / 4, abs=1e-12)


def test_nothing_to_count_gives_zeros(write_sequence):
    folder, results = write_sequence("", "", frames=3)
    report = fairmot.score(folder, results, "none", classic=True)
    assert set(report["classic"]["combined"].values()) == {0}


def test_a_kept_match_does_not_change_the_owner_of_a_result(write_sequence):
    # Result 5: person 1, then 2 (transfer), kept by 1 again, then by 2, its last owner: no second transfer.
    folder, results = write_sequence(
        "1,1,0,0,10,10,1,-1\n2,2,0,0,10,10,1,-1\n3,2,50,0,10,10,1,-1\n3,1,0,0,10,10,1,-1\n4,2,0,0,10,10,1,-1\n",
        "1,5,0,0,10,10,1\n2,5,0,0,10,10,1\n3,6,50,0,10,10,1\n3,5,0,0,10,10,1\n4,5,0,0,10,10,1\n",
        frames=4,
    )
    scores = classic_scores(count_classic(compare(load_sequence(folder, results), BENCHMARKS["none"])))
    assert_equal(scores, reference({"MOT15-99": accumulate(folder, results, 4)})["MOT15-99"])
    assert (scores["IDt"], scores["IDm"], scores["IDs"]) == (1, 1, 2)
