from itertools import count, product

import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.evaluation.benchmarks import choose_benchmark
from fairmot.evaluation.bootstrap import intervals, resampled_scores
from fairmot.evaluation.scores import combined_scores
from fairmot.evaluation.scoring import count_sequence
from fairmot.formats.ground_truth import load_ground_truth
from fairmot.formats.seqinfo import SequenceInfo
from fairmot.formats.sequences import Sequence


@pytest.fixture
def counted(write_sequence):
    """Counts of sequences of which the share given is found, by name."""

    numbers = count()

    def make(**shares):
        found = {}
        for name, share in shares.items():
            rows = [f"{frame},1,{10 * frame},10,40,90,1,1,1\n" for frame in range(1, 41)]
            folder, _ = write_sequence("".join(rows), "", 40, f"{name}-{next(numbers)}")
            _, truth = load_ground_truth(folder)
            results = truth.select(np.arange(40) < share * 40)
            found[name] = count_sequence(Sequence(SequenceInfo(name, 40), truth, results), choose_benchmark("none", []))
        return found

    return make


def test_intervals_hold_the_score_and_widen_with_the_spread(counted):
    parts = counted(a=1, b=0.5, c=0.25, d=0.75)
    samples = resampled_scores([parts, parts], draws=400)
    whole = combined_scores([part for each in parts.values() for part in each.counts.values()])
    low, high = intervals(samples, 0)["MOTA"]
    assert low < whole["MOTA"] < high
    assert high - low > 0.2
    # The same draws for every tracker: equal trackers differ by nothing.
    assert intervals(samples, 1, base=0)["MOTA"] == [0, 0]
    # Each draw is one of the combinations that draw with replacement gives.
    possible = {round(sum(shares) / 4, 9) for shares in product([1, 0.5, 0.25, 0.75], repeat=4)}
    assert set(np.round(samples["MOTA"][0], 9)) <= possible
    alike = counted(a=0.5, b=0.5)
    low, high = intervals(resampled_scores([alike], draws=50), 0)["MOTA"]
    assert low == high == pytest.approx(0.5)


def test_one_sequence_has_no_interval_and_other_sequences_are_refused(counted):
    assert resampled_scores([counted(a=1)]) is None
    with pytest.raises(InputError, match="different sequences"):
        resampled_scores([counted(a=1, b=1), counted(a=1, c=1)])
