"""The slots that MindSpore compiles for on a processor: the fewest that hold a batch's objects, and equal results."""

import numpy as np
import pytest
from levels import level_batch, level_config, tiny_level_trainer
from test_parity import assert_close

pytest.importorskip("mindspore")

from fairmot.engines.mindspore.heads_loss import batch_targets
from fairmot.engines.mindspore.level_loss import SLOTS, slots_needed, slots_of


@pytest.mark.parametrize(
    ("last", "expected"), [(-1, 32), (0, 32), (31, 32), (32, 128), (127, 128), (128, 500), (499, 500)]
)
def test_the_smallest_number_of_slots_holds_the_last_object(last, expected):
    batch = level_batch(slots=500, objects=0)
    if last >= 0:
        batch.is_object[1, last] = True
    assert slots_of(slots_needed(batch), 500) == expected
    assert slots_of(slots_needed(batch), 20) == 20


def test_processes_agree_on_the_largest():
    few, many = level_batch(slots=500, objects=0), level_batch(slots=500, objects=0)
    many.is_object[0, 40] = True
    assert slots_of(slots_needed(few) + slots_needed(many), 500) == 128
    assert slots_of(slots_needed(few) + slots_needed(few), 500) == 32


def test_slots_that_are_left_out_change_nothing():
    short = level_batch(slots=12)
    long = level_batch(slots=12)
    for name in ("is_object", "boxes_xyxy", "class_ids", "identities"):
        array = getattr(short, name)
        setattr(long, name, np.concatenate([array, np.zeros((2, 88, *array.shape[2:]), array.dtype)], 1))
    trainer = tiny_level_trainer("mindspore", level_config())
    assert [array.shape[1] for array in batch_targets(long, SLOTS[0])[:4]] == [SLOTS[0]] * 4
    (losses, ours), (others, theirs) = trainer.gradients(short), trainer.gradients(long)
    assert others.losses == pytest.approx(losses.losses, rel=1e-6)
    assert_close(ours, theirs, ours, 1e-6)
    # An object behind the first slots takes part.
    long.is_object[:, 60], long.boxes_xyxy[:, 60], long.identities[:, 60] = True, (20, 10, 60, 50), 1
    assert trainer.gradients(long)[0].losses["boxes"] != pytest.approx(losses.losses["boxes"], rel=1e-6)
