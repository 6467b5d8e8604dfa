import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.evaluation.benchmarks import BENCHMARKS
from fairmot.evaluation.preprocessing import compare, true_boxes_that_count
from fairmot.formats.ground_truth import load_ground_truth
from fairmot.formats.sequences import load_sequence

# Side by side: a pedestrian, a static person (7), a non-motorised vehicle (6), a car (3), an ignored pedestrian.
TRUTH = (
    "1,1,0,0,10,20,1,1,1\n1,2,100,0,10,20,1,7,1\n1,3,200,0,10,20,1,6,1\n1,4,300,0,10,20,1,3,1\n1,5,400,0,10,20,0,1,1\n"
)
# One result on each of them, and one on nothing.
RESULTS = "".join(f"1,{i + 10},{x},0,10,20,1,-1,-1,-1\n" for i, x in enumerate([0, 100, 200, 300, 400, 900]))


@pytest.mark.parametrize(
    ("benchmark", "true_count", "kept"),
    [
        ("MOT15", 4, [10, 11, 12, 13, 14, 15]),
        ("none", 4, [10, 11, 12, 13, 14, 15]),
        ("MOT16", 1, [10, 12, 13, 14, 15]),
        ("MOT17", 1, [10, 12, 13, 14, 15]),
        ("MOT20", 1, [10, 13, 14, 15]),
    ],
)
def test_what_each_benchmark_leaves_out(write_sequence, benchmark, true_count, kept):
    folder, results = write_sequence(TRUTH, RESULTS, frames=2)
    comparison = compare(load_sequence(folder, results), BENCHMARKS[benchmark])
    assert len(comparison.truth) == true_count
    assert len(comparison.results) == len(kept)
    assert comparison.frame_count == 2
    partners = {12: 200, 13: 300, 10: 0, 11: 100}
    expected = sum(1 for number in partners if number in kept) if true_count == 4 else 1
    assert len(comparison.pairs) == expected
    np.testing.assert_array_equal(comparison.pairs.similarity, np.ones(expected))


def test_a_result_on_a_distractor_stays_if_a_person_fits_too(write_sequence):
    # The result overlaps both; the assignment gives it to the pedestrian, whose overlap is larger.
    folder, results = write_sequence(
        "1,1,0,0,10,20,1,1,1\n1,2,2,0,10,20,1,8,1\n", "1,7,0,0,10,20,1,-1,-1,-1\n", frames=1
    )
    assert len(compare(load_sequence(folder, results), BENCHMARKS["MOT17"]).results) == 1
    results.write_text("1,7,2,0,10,20,1,-1,-1,-1\n")
    assert len(compare(load_sequence(folder, results), BENCHMARKS["MOT17"]).results) == 0
    results.write_text("1,7,0,0,10,20,1,-1,-1,-1\n1,8,2,0,10,20,1,-1,-1,-1\n")
    comparison = compare(load_sequence(folder, results), BENCHMARKS["MOT17"])
    assert len(comparison.results) == 1
    assert comparison.pairs.similarity.tolist() == [1.0]


def test_identities_are_renumbered_without_gaps(write_sequence):
    folder, results = write_sequence(
        "1,900,0,0,9,9,1,-1\n2,900,0,0,9,9,1,-1\n2,5,0,0,9,9,1,-1\n2,6,0,0,9,9,0,-1\n",
        "1,1000000007,0,0,9,9,1\n",
        frames=2,
    )
    comparison = compare(load_sequence(folder, results), BENCHMARKS["MOT15"])
    assert comparison.truth.ids.tolist() == [1, 1, 0]
    assert comparison.truth.id_sizes.tolist() == [1, 2]
    assert comparison.results.ids.tolist() == [0]
    assert comparison.truth.starts.tolist() == [0, 1, 3]


def test_a_mark_below_one_leaves_a_box_out(write_sequence):
    folder, results = write_sequence("1,1,0,0,9,9,0.9,-1\n1,2,0,0,9,9,1,-1\n", "", frames=1)
    assert len(compare(load_sequence(folder, results), BENCHMARKS["MOT15"]).truth) == 1


@pytest.mark.parametrize(
    ("benchmark", "expected"),
    [("MOT15", [1, 1, 1, 1, 0]), ("none", [1, 1, 1, 1, 0]), ("MOT17", [1, 0, 0, 0, 0]), ("MOT20", [1, 0, 0, 0, 0])],
)
def test_the_boxes_that_count(write_sequence, benchmark, expected):
    folder, _ = write_sequence(TRUTH, "", frames=1)
    counts = true_boxes_that_count(load_ground_truth(folder)[1], BENCHMARKS[benchmark])
    assert counts.tolist() == [bool(mark) for mark in expected]


def test_coordinates_in_the_world_are_no_classes(write_sequence):
    folder, results = write_sequence("1,1,0,0,9,9,1,-3.2,7.9,0\n1,2,50,0,9,9,1,2.4,8.8,0\n", "", frames=1)
    assert true_boxes_that_count(load_ground_truth(folder)[1], BENCHMARKS["MOT15"]).all()
    assert len(compare(load_sequence(folder, results), BENCHMARKS["MOT15"]).truth) == 2
    with pytest.raises(InputError, match=r"gt.txt:1: class -3 is none of MOT17's"):
        true_boxes_that_count(load_ground_truth(folder)[1], BENCHMARKS["MOT17"])


def test_unknown_classes(write_sequence):
    folder, results = write_sequence("1,1,0,0,9,9,1,1,1\n1,2,0,0,9,9,1,-1,1\n", "1,1,0,0,9,9,1,3,1,1\n", frames=1)
    with pytest.raises(InputError, match=r"MOT15-99.txt:1: class 3; only pedestrians"):
        compare(load_sequence(folder, results), BENCHMARKS["MOT15"])
    results.write_text("1,1,0,0,9,9,1,1,1,1\n")
    with pytest.raises(InputError, match=r"gt.txt:2: class -1 is none of MOT17's 1 to 13"):
        compare(load_sequence(folder, results), BENCHMARKS["MOT17"])
    compare(load_sequence(folder, results), BENCHMARKS["none"])
