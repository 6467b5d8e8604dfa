import dataclasses

import numpy as np
import pytest

from fairmot.data.targets import IGNORED_TARGET, gaussian_radii, make_targets

ORACLES = ["targets_typical_s1.npz", "targets_outside_s2.npz"]


def targets_of(arrays):
    labels = arrays["labels"].astype(np.float64)
    labels[labels[:, 1] >= 0, 1] += arrays["id_offset"]
    width, height = arrays["canvas_wh"] // arrays["stride"]
    return make_targets(labels, (int(width), int(height)), max_objects=int(arrays["max_objs"]))


def assert_equal_to_published(targets, arrays):
    np.testing.assert_allclose(targets.heatmap, arrays["hm"], rtol=0, atol=3e-8)
    np.testing.assert_allclose(targets.extents, arrays["wh"], rtol=0, atol=6e-5)
    np.testing.assert_allclose(targets.offsets, arrays["reg"], rtol=0, atol=6e-5)
    np.testing.assert_array_equal(targets.is_object, arrays["reg_mask"].astype(bool))
    np.testing.assert_array_equal(targets.cells, arrays["ind"])
    np.testing.assert_array_equal(targets.identities, arrays["ids"])


@pytest.mark.parametrize("name", ORACLES)
def test_targets_equal_the_published_ones(oracle, name):
    arrays = oracle(name)
    targets = targets_of(arrays)
    assert_equal_to_published(targets, arrays)
    assert (targets.heatmap.reshape(-1)[targets.cells[targets.is_object]] == 1).all()


@pytest.mark.parametrize(
    ("key", "change"), [("hm", 1e-6), ("wh", 2e-4), ("reg", 2e-4), ("reg_mask", 1), ("ind", 1), ("ids", 1)]
)
def test_one_changed_number_is_noticed(oracle, key, change):
    arrays = oracle(ORACLES[0])
    targets = targets_of(arrays)
    changed = arrays[key].copy()
    changed.reshape(-1)[3] = changed.reshape(-1)[3] - change
    with pytest.raises(AssertionError):
        assert_equal_to_published(targets, arrays | {key: changed})


def test_rows_without_area_leave_their_slot_empty():
    rows = [
        [0, 4, 0.5, 0.5, 0.1, 0.2],
        [0, 5, 0.5, 0.5, 0.0, 0.2],
        [0, 6, 0.5, 0.5, -0.1, 0.2],
        [0, 7, 0.2, 0.2, 0.1, 0.1],
    ]
    targets = make_targets(np.array(rows), (40, 24), max_objects=6)
    assert targets.is_object.tolist() == [True, False, False, True, False, False]
    assert targets.identities.tolist() == [4, 0, 0, 7, 0, 0]
    assert (targets.extents[[1, 2, 4, 5]] == 0).all()
    assert np.count_nonzero(targets.heatmap == 1) == 2


def test_rows_beyond_the_slots_are_dropped():
    rows = np.array([[0, -1, 0.1 + 0.2 * k, 0.5, 0.05, 0.1] for k in range(4)])
    targets = make_targets(rows, (40, 24), max_objects=3)
    assert targets.is_object.all()
    assert np.count_nonzero(targets.heatmap == 1) == 3


def test_an_image_without_objects_is_all_background():
    targets = make_targets(np.zeros((0, 6)), (40, 24), classes=2, max_objects=3)
    assert targets.heatmap.shape == (2, 24, 40)
    assert not targets.heatmap.any()
    assert not targets.is_object.any()


def test_classes_have_their_own_maps():
    rows = np.array([[0, -1, 0.25, 0.5, 0.1, 0.2], [2, -1, 0.75, 0.5, 0.1, 0.2]])
    heatmap = make_targets(rows, (40, 24), classes=3).heatmap
    assert [np.count_nonzero(plane == 1) for plane in heatmap] == [1, 0, 1]
    with pytest.raises(ValueError, match="2 classes"):
        make_targets(rows, (40, 24), classes=2)


def test_ignore_regions_raise_their_cells_and_take_no_slot():
    person = [0, 3, 0.5, 0.5, 0.1, 0.3]
    region = [-1, -1, 0.5, 0.5, 0.4, 0.5]  # cells 12 to 28 of 40, 6 to 18 of 24
    plain = make_targets(np.array([person]), (40, 24), classes=2, max_objects=4)
    targets = make_targets(np.array([region, person]), (40, 24), classes=2, max_objects=4)
    inside = np.zeros((24, 40), dtype=bool)
    inside[6:18, 12:28] = True
    for raised, before in zip(targets.heatmap, plain.heatmap, strict=True):
        np.testing.assert_array_equal(raised[~inside], before[~inside])
        np.testing.assert_array_equal(raised[inside], np.maximum(before, IGNORED_TARGET)[inside])
    assert targets.heatmap[0, 12, 20] == 1
    assert np.count_nonzero(targets.heatmap == 1) == 1
    assert targets.is_object.tolist() == [True, False, False, False]
    assert targets.identities[0] == 3
    assert (1 - float(IGNORED_TARGET)) ** 4 < 2e-8


@pytest.mark.parametrize(
    "region", [[-1, -1, 2.0, 0.5, 0.1, 0.1], [-1, -1, -0.5, 0.5, 0.2, 0.1], [-1, -1, 0.5, 0.5, 0, 0.1]]
)
def test_ignore_regions_beside_the_canvas_change_nothing(region):
    assert not make_targets(np.array([region]), (40, 24)).heatmap.any()


def test_ignore_region_over_the_edge_is_cut():
    heatmap = make_targets(np.array([[-1, -1, 0.0, 1.0, 0.2, 0.5]]), (40, 24)).heatmap[0]
    assert np.count_nonzero(heatmap) == 4 * 6
    assert (heatmap[18:, :4] == IGNORED_TARGET).all()


def test_radius_grows_with_the_box():
    # By hand, the third case: (-28 + sqrt(28^2 + 11.2 * 30)) / 2 = 2.7; (-196 + sqrt(196^2 + 11.2 * 1200)) / 2 = 15.9.
    assert gaussian_radii(np.array([[10.0, 10.0], [1.0, 1.0], [40.0, 100.0]])).tolist() == [2, 0, 15]


def boxes_in_cells(targets, width):
    """Left, top, right, bottom of each slot's box, cells."""
    slots = targets.is_object
    corner = np.stack([targets.cells[slots] % width, targets.cells[slots] // width], axis=1)
    centre = corner + targets.offsets[slots]
    return np.concatenate([centre - targets.extents[slots, :2], centre + targets.extents[slots, 2:]], axis=1)


def test_cells_around_a_centre_tell_the_same_box_without_identity():
    rows = np.array([[0, 7, 0.52, 0.55, 0.2, 0.5]])
    plain = make_targets(rows, (40, 24), max_objects=12)
    wide = make_targets(rows, (40, 24), max_objects=12, box_radius=1)
    assert wide.is_object.sum() == 9
    assert len(np.unique(wide.cells[wide.is_object])) == 9
    np.testing.assert_allclose(boxes_in_cells(wide, 40), np.repeat(boxes_in_cells(plain, 40), 9, axis=0), atol=1e-5)
    assert wide.identities[wide.is_object].tolist() == [7] + [-1] * 8
    np.testing.assert_array_equal(wide.heatmap, plain.heatmap)
    moved = wide.offsets.copy()
    moved[3] += 0.01
    changed = dataclasses.replace(wide, offsets=moved)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(boxes_in_cells(changed, 40), boxes_in_cells(wide, 40), atol=1e-5)


def test_a_cell_learns_one_box_and_centres_come_first():
    # Centres one cell apart: each keeps its own cell, and the cells between belong to the nearer.
    rows = np.array([[0, 1, 20.5 / 40, 0.5, 0.2, 0.5], [0, 2, 21.5 / 40, 0.5, 0.3, 0.4]])
    targets = make_targets(rows, (40, 24), max_objects=50, box_radius=2)
    cells = targets.cells[targets.is_object]
    assert len(np.unique(cells)) == len(cells) == 30
    assert targets.identities[:2].tolist() == [1, 2]
    columns = cells % 40
    left_person = np.isclose(targets.extents[targets.is_object, 0], targets.extents[0, 0])
    assert left_person[columns <= 19].all()
    assert not left_person[columns >= 22].any()


def test_cells_around_stay_on_the_map_and_within_the_slots():
    rows = np.array([[0, -1, 0.0, 0.0, 0.2, 0.5], [0, -1, 0.9, 0.9, 0.2, 0.5]])
    corner = make_targets(rows, (40, 24), max_objects=40, box_radius=1)
    assert corner.is_object.sum() == 4 + 9
    full = make_targets(rows, (40, 24), max_objects=5, box_radius=1)
    assert full.is_object.all()
    assert full.cells[:2].tolist() == make_targets(rows, (40, 24), max_objects=5).cells[:2].tolist()
    assert not make_targets(np.zeros((0, 6)), (40, 24), max_objects=3, box_radius=1).is_object.any()
