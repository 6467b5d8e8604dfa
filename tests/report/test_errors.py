import numpy as np
import pytest

from fairmot.evaluation.benchmarks import BENCHMARKS
from fairmot.evaluation.preprocessing import compare
from fairmot.evaluation.scores import count
from fairmot.formats.sequences import load_sequence
from fairmot.report.errors import errors_by_kind, spans


def judged(sequence_folder, results, benchmark):
    sequence = load_sequence(sequence_folder, results)
    rules = BENCHMARKS[benchmark]
    comparison = compare(sequence, rules)
    return sequence, comparison, errors_by_kind(sequence, [comparison])


def assert_equal_counts(sequence_folder, results, benchmark):
    _, comparison, errors = judged(sequence_folder, results, benchmark)
    counts = count(comparison).clear
    found = [len(each) for each in (errors.false_positives, errors.misses, errors.switches, errors.fragmentations)]
    assert found == [counts[name] for name in ("CLR_FP", "CLR_FN", "IDSW", "Frag")]
    return counts


def test_each_error_is_found_where_it_was_made(shared_case):
    sequence, _, errors = judged(shared_case.ground_truth / "yard", shared_case.run / "yard.txt", "none")
    truth, results = sequence.truth, sequence.results
    assert results.frames[errors.false_positives].tolist() == [5, 6, 7, 8, 9]
    assert set(results.ids[errors.false_positives]) == {3}
    assert truth.frames[errors.misses].tolist() == [15, 16, 17, 18, 19]
    assert set(truth.ids[errors.misses]) == {7}
    assert results.frames[errors.switches].tolist() == [20]
    assert (truth.ids[errors.switched_truths], results.ids[errors.switches], errors.identities_before) == (1, 4, 1)
    assert results.frames[errors.fragmentations].tolist() == [20]
    assert (truth.ids[errors.fragmented_truths], results.ids[errors.fragmentations]) == (7, 2)


def test_a_lost_row_is_one_more_miss(case):
    file = case.run / "yard.txt"
    before = assert_equal_counts(case.ground_truth / "yard", file, "none")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    after = assert_equal_counts(case.ground_truth / "yard", file, "none")
    assert after["CLR_FN"] == before["CLR_FN"] + 1


@pytest.mark.parametrize("benchmark", ["MOT17", "none"])
def test_rows_are_those_of_the_file_also_where_distractors_are_removed(shared, tmp_path, benchmark):
    folder = shared("data", "mot", "MOT17-02-FRCNN-mini")
    truth = np.loadtxt(folder / "gt" / "gt.txt", delimiter=",")
    results = tmp_path / "results.txt"
    # All people, also on distractors, shifted a little; every fifth row is lost.
    kept = truth[np.arange(len(truth)) % 5 > 0][:, :7]
    kept[:, 2] += 3
    results.write_text("".join(",".join(f"{value:g}" for value in row) + "\n" for row in kept))
    assert_equal_counts(folder, results, benchmark)
    sequence, comparison, errors = judged(folder, results, benchmark)
    if benchmark == "MOT17":
        assert len(comparison.results) < len(sequence.results)
        # What lies on a distractor is no false positive.
        distractors = truth[np.isin(truth[:, 7], (2, 7, 8, 12))]
        on_distractor = {(int(frame) - 1, int(identity)) for frame, identity in distractors[:, :2]}
        rows = sequence.results
        false = {(int(rows.frames[row]), int(rows.ids[row])) for row in errors.false_positives}
        assert false
        assert not false & on_distractor
        assert set(sequence.truth.class_ids[errors.misses]) == {1}


def test_consecutive_frames_of_one_identity_are_one_event():
    ids = np.array([2, 1, 1, 2, 1, 1])
    frames = np.array([4, 3, 4, 5, 5, 9])
    found = spans(ids, frames)
    events = zip(found.ids.tolist(), found.first_frames.tolist(), found.last_frames.tolist(), strict=True)
    assert list(events) == [(1, 3, 5), (2, 4, 5), (1, 9, 9)]
    assert len(spans(ids[:0], frames[:0]).ids) == 0
