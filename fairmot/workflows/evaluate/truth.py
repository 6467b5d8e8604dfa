"""The ground truth of the sequences that are evaluated, read before anything is tracked."""

from __future__ import annotations

from pathlib import Path

from fairmot.evaluation.benchmarks import Benchmark
from fairmot.evaluation.preprocessing import true_boxes_that_count
from fairmot.evaluation.truth import Truth
from fairmot.formats.ground_truth import load_ground_truth
from fairmot.formats.halves import first_index, load_second_half_truth
from fairmot.formats.seqinfo import load_info


def load_truth(folder: Path, rules: Benchmark, half_val: bool = False) -> Truth:
    """Read the ground truth of a sequence, or of its second half.

    Raises:
        InputError: a file is missing or a line is wrong (see ``load_rows``), or the benchmark does not know a class.
    """
    info, rows = load_second_half_truth(folder) if half_val else load_ground_truth(folder)
    first = first_index(load_info(folder).frame_count) if half_val else 0
    return Truth(folder, first, info, rows, true_boxes_that_count(rows, rules))
