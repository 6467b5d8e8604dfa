"""The three families of scores together: of one sequence, and of several combined."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from typing import Any

from fairmot.evaluation.clear import Counts, Scores, clear_scores, clear_scores_of_sequence, count_clear
from fairmot.evaluation.hota import HotaCounts, count_hota, hota_scores
from fairmot.evaluation.identity import count_identity, identity_scores
from fairmot.evaluation.preprocessing import Comparison


@dataclass(frozen=True, slots=True)
class SequenceCounts:
    """What was counted in one sequence, or in several. Everything in it adds up."""

    clear: Counts
    identity: Counts
    hota: HotaCounts
    sizes: Counts
    """``Dets``, ``GT_Dets``, ``IDs``, ``GT_IDs`` and ``Frames``."""


def count(comparison: Comparison) -> SequenceCounts:
    """Count one sequence for all families."""
    sizes: Counts = {
        "Dets": len(comparison.results),
        "GT_Dets": len(comparison.truth),
        "IDs": len(comparison.results.id_sizes),
        "GT_IDs": len(comparison.truth.id_sizes),
        "Frames": comparison.frame_count,
    }
    return SequenceCounts(count_clear(comparison), count_identity(comparison), count_hota(comparison), sizes)


def sequence_scores(counts: SequenceCounts) -> Scores:
    """Return the scores of a single sequence."""
    return _scores(counts, clear_scores_of_sequence(counts.clear))


def combined_scores(parts: SequenceOf[SequenceCounts]) -> Scores:
    """Return the scores of all sequences together: counts are added first, ratios taken last."""
    total = SequenceCounts(
        clear=_add([part.clear for part in parts]),
        identity=_add([part.identity for part in parts]),
        hota=_add([part.hota for part in parts]),
        sizes=_add([part.sizes for part in parts]),
    )
    return _scores(total, clear_scores(total.clear))


def _scores(counts: SequenceCounts, clear: Counts) -> Scores:
    return {**hota_scores(counts.hota), **clear, **identity_scores(counts.identity), **counts.sizes}


def _add(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: sum(part[name] for part in parts) for name in parts[0]}
