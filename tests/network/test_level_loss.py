"""The reference of assignment and losses on several levels, against worked examples and a plain second writing."""

import math

import numpy as np
import pytest
from levels import CANVAS, CELLS, STRIDES, level_batch, level_heads, truth_of

from fairmot.config import NetworkConfig
from fairmot.config.sections import LEVEL_STRIDES
from fairmot.geometry import anchor_points
from fairmot.network.architectures import ARCHITECTURES, build_graph
from fairmot.network.level_assignment import assign_cells, overlaps_of, quality_focal
from fairmot.network.level_loss import assign_batch, cells_of, level_losses


def test_the_configuration_knows_the_levels_of_every_graph():
    for name in ARCHITECTURES:
        config = NetworkConfig(architecture=name)
        assert build_graph(config).level_strides == config.level_strides == LEVEL_STRIDES.get(name, ())


def test_nothing_along_boxes_is_normalised_over_a_batch():
    # Boxes are padded to a fixed number: empty slots would enter the statistics.
    for name in LEVEL_STRIDES:
        kinds = {type(n.layer).__name__ for n in build_graph(NetworkConfig(architecture=name)).nodes if not n.stride}
        assert "SampleBoxes" in kinds
        assert "BatchNorm" not in kinds


def test_points_stand_level_by_level_and_row_by_row():
    points, strides = anchor_points(CANVAS, STRIDES)
    assert len(points) == CELLS
    assert points[:2].tolist() == [[0, 0], [8, 0]]
    assert points[12].tolist() == [0, 8]
    assert points[96].tolist() == [0, 0]
    assert points[-1].tolist() == [64, 32]
    assert strides[[0, 95, 96, 119, 120]].tolist() == [8, 8, 16, 16, 32]


def test_a_perfect_box_has_generalised_overlap_1_and_a_far_one_less_than_0():
    box = np.array([0.0, 0, 10, 10])
    assert overlaps_of(box, box, generalised=True) == 1
    # Ten pixels apart: nothing in common, a third of the area around both is empty.
    assert overlaps_of(box, box + np.array([20, 0, 20, 0]), generalised=True) == pytest.approx(-1 / 3)
    assert overlaps_of(box, box + np.array([5, 0, 5, 0])) == pytest.approx(1 / 3)
    assert overlaps_of(box, np.array([8.0, 8, 2, 2])) == 0


def test_the_quality_focal_loss_vanishes_at_its_quality():
    logits = np.array([0.0, math.log(3), math.log(3)])
    loss = quality_focal(logits, np.array([0.5, 0.75, 0.0]))
    assert loss[:2] == pytest.approx([0, 0])
    assert loss[2] == pytest.approx(-math.log(0.25) * 0.75**2)


def test_as_many_cells_as_the_sum_of_overlaps_say():
    points, strides = anchor_points((64, 64), (8,))
    true = np.array([[4.0, 4, 36, 36]])
    boxes = np.tile(true[0], (len(points), 1))
    boxes[:, 2] = 20  # half of the true box: all overlaps are 1 / 2
    logits = np.full((len(points), 1), -2.0)
    assigned = assign_cells(logits, boxes, points, strides, true, np.array([0]))
    # 13 overlaps of one half: six cells, those whose points lie nearest to (20, 20); 12 to 28 lie symmetric.
    taken = points[assigned.owners == 0]
    distances = np.linalg.norm(points - 20, axis=1)
    inside = (points > 4).all(1) & (points < 36).all(1)
    limit = np.sort(distances[inside])[5]
    assert np.array_equal(assigned.owners == 0, inside & (distances <= limit))
    assert len(taken) >= 6
    np.testing.assert_allclose(assigned.qualities, np.where(assigned.owners == 0, 0.5, 0))
    # A better fit outweighs the centre.
    boxes[9] = true[0]
    assert assign_cells(logits, boxes, points, strides, true, np.array([0])).owners[9] == 0


def plain_assignment(logits, boxes, points, strides, true, class_ids):
    """The same rules, pair by pair."""

    def iou(a, b):
        w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        inner = max(w, 0) * max(h, 0)
        areas = [max(each[2] - each[0], 0) * max(each[3] - each[1], 0) for each in (a, b)]
        return inner / max(sum(areas) - inner, 1e-6)

    cost, overlap = {}, {}
    for cell, (x, y) in enumerate(points):
        if not any(l < x < r and t < y < b for l, t, r, b in true):  # noqa: E741
            continue
        for number, box in enumerate(true):
            overlap[cell, number] = iou(boxes[cell], box)
            focal = 0.0
            for kind, logit in enumerate(logits[cell]):
                wanted = overlap[cell, number] if kind == class_ids[number] else 0.0
                score = 1 / (1 + math.exp(-logit))
                focal -= (wanted * math.log(score) + (1 - wanted) * math.log(1 - score)) * abs(wanted - score) ** 2
            away = math.hypot(x - (box[0] + box[2]) / 2, y - (box[1] + box[3]) / 2) / strides[cell]
            cost[cell, number] = focal - 3 * math.log(overlap[cell, number] + 1e-7) + 10 ** (away - 3)
    wanted = {}
    for number in range(len(true)):
        cells = [cell for cell, other in cost if other == number]
        count = max(1, int(sum(sorted((overlap[cell, number] for cell in cells), reverse=True)[:13])))
        for cell in sorted(cells, key=lambda cell: cost[cell, number])[:count]:
            wanted.setdefault(cell, []).append(number)
    owners = np.full(len(points), -1)
    for cell, numbers in wanted.items():
        among = range(len(true)) if len(numbers) > 1 else numbers
        owners[cell] = min(among, key=lambda number: cost[cell, number])
    return owners, [overlap[cell, owner] if owner >= 0 else 0.0 for cell, owner in enumerate(owners)]


@pytest.mark.parametrize("seed", range(4))
def test_the_assignment_equals_the_rules_pair_by_pair(seed):
    batch = level_batch(seed, objects=8, classes=3)
    heads = level_heads(batch, seed, classes=3)
    logits, boxes, points, strides = cells_of(heads, STRIDES)
    assigned = assign_batch(heads, STRIDES, truth_of(batch))
    for image, each in enumerate(assigned):
        slots = np.flatnonzero(batch.is_object[image])
        true, kinds = batch.boxes_xyxy[image, slots].astype(np.float64), batch.class_ids[image, slots]
        owners, qualities = plain_assignment(logits[image], boxes[image], points, strides, true, kinds)
        expected = np.where(owners >= 0, slots[owners], -1)
        np.testing.assert_array_equal(each.owners, expected)
        np.testing.assert_allclose(each.qualities, qualities, atol=1e-9)
        assert len(np.unique(owners)) > 5
        other, _ = plain_assignment(logits[image], boxes[image] + [6, 0, 6, 0], points, strides, true, kinds)
        assert not np.array_equal(other, owners)


def test_the_losses_of_one_cell():
    batch = level_batch(images=1, objects=1)
    batch.is_ignored[...] = False
    batch.boxes_xyxy[batch.is_object] = [20, 20, 44, 44]
    heads = level_heads(batch)
    for name, head in heads.items():
        head[...] = -20.0 if name.startswith("scores") else 0.0
    # The cell with the point (32, 32) at stride 8 sees three quarters of the box; no other has a box.
    heads["scores_8"][0, 0, 4, 4] = 0.0
    heads["distances_8"][0, :, 4, 4] = [1.5, 1.5, 0.75, 1.5]
    found = level_losses(heads, STRIDES, truth_of(batch))
    quality = 18 / 24
    # Their qualities add up to less than 1, so the sums are divided by 1.
    assert found.boxes == pytest.approx(quality * (1 - quality))
    assert found.scores == pytest.approx(math.log(2) * (quality - 0.5) ** 2, abs=1e-7)


def test_an_unassigned_cell_of_an_ignore_region_adds_no_loss():
    batch = level_batch(objects=4)
    heads = level_heads(batch)
    truth, regions = truth_of(batch), batch.is_ignored.copy()
    owners = np.stack([each.owners for each in assign_batch(heads, STRIDES, truth)])
    inside = np.argwhere(regions & (owners < 0))[0]
    before = level_losses(heads, STRIDES, truth)
    loud = {name: head.copy() for name, head in heads.items()}
    _set_score(loud, *inside, 9.0)
    assert level_losses(loud, STRIDES, truth) == before
    batch.is_ignored[...] = False
    quiet = level_losses(heads, STRIDES, truth_of(batch))
    assert level_losses(loud, STRIDES, truth_of(batch)).scores > quiet.scores + 0.2
    # An assigned cell learns inside a region as anywhere else.
    batch.is_ignored[...] = True
    assert level_losses(heads, STRIDES, truth_of(batch)).boxes == before.boxes
    taken = np.argwhere(owners >= 0)[0]
    _set_score(loud, *taken, -9.0)
    assert level_losses(loud, STRIDES, truth_of(batch)).scores != level_losses(heads, STRIDES, truth_of(batch)).scores


def _set_score(heads, image, cell, value):
    for stride in STRIDES:
        head = heads[f"scores_{stride}"]
        if cell < head[0, 0].size:
            head[image].reshape(-1)[cell] = value
            return
        cell -= head[0, 0].size


def test_without_objects_every_score_learns_0():
    batch = level_batch(objects=1)
    batch.is_object[...] = batch.is_ignored[...] = False
    heads = level_heads(level_batch())
    found = level_losses(heads, STRIDES, truth_of(batch))
    assert found.boxes == 0
    logits, *_ = cells_of(heads, STRIDES)
    assert found.scores == pytest.approx(float(quality_focal(logits, np.zeros_like(logits)).sum()))
