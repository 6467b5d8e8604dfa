"""Targets and batches of networks on several levels."""

import dataclasses

import numpy as np
import pytest

from fairmot.config import AugmentationConfig
from fairmot.data.annotations import read_images
from fairmot.data.level_targets import LevelBatch, make_level_targets
from fairmot.data.loader import Loader
from fairmot.engines.interface import LevelTrainingBatch
from fairmot.geometry import anchor_points

CANVAS, STRIDES = (96, 64), (8, 16, 32)


def test_a_row_is_a_slot_and_its_box_is_whole():
    rows = np.array([[1, 7, 0.5, 0.5, 0.25, 0.5], [0, -1, 0.0, 0.5, 0.5, 0.5], [0, 3, 0.5, 0.5, 0.0, 0.5]])
    targets = make_level_targets(rows, CANVAS, STRIDES, classes=2, max_objects=5)
    assert targets.is_object.tolist() == [True, True, False, False, False]
    assert targets.boxes_xyxy[:2].tolist() == [[36, 16, 60, 48], [-24, 16, 24, 48]]
    assert targets.class_ids.tolist() == [1, 0, 0, 0, 0]
    assert targets.identities.tolist() == [7, -1, -1, -1, -1]
    assert not targets.boxes_xyxy[2:].any()
    assert not targets.is_ignored.any()
    assert make_level_targets(rows, CANVAS, STRIDES, classes=2, max_objects=1).is_object.tolist() == [True]
    with pytest.raises(ValueError, match="classes 0 to 1 in labels for a network of 1 classes"):
        make_level_targets(rows, CANVAS, STRIDES)


def test_an_ignore_region_takes_cells_and_no_slot():
    # From (24, 16) to (48, 32): its left and upper edge count, the others do not.
    rows = np.array([[-1, -1, 36 / 96, 24 / 64, 24 / 96, 16 / 64], [0, 2, 0.5, 0.5, 0.25, 0.5]])
    targets = make_level_targets(rows, CANVAS, STRIDES, max_objects=1)
    assert targets.identities.tolist() == [2]
    points, strides = anchor_points(CANVAS, STRIDES)
    ignored = np.concatenate([points, strides[:, None]], 1)[targets.is_ignored].astype(int).tolist()
    assert ignored == [[24, 16, 8], [32, 16, 8], [40, 16, 8], [24, 24, 8], [32, 24, 8], [40, 24, 8], [32, 16, 16]]


def test_a_batch_has_the_fields_of_the_engines_protocol():
    fields = [field.name for field in dataclasses.fields(LevelBatch)]
    assert fields == [*LevelTrainingBatch.__annotations__, "paths"]


def loader_of(images, **settings):
    settings = {"level_strides": STRIDES, "max_objects": 6, "augmentation": AugmentationConfig(), **settings}
    return Loader(read_images(images), CANVAS, 2, **settings)


def test_the_loader_makes_the_same_batches_with_any_number_of_workers(images):
    first, second = (list(loader_of(images, workers=workers).epoch(1)) for workers in (0, 3))
    assert len(first) == len(second) == 3
    for one, other in zip(first, second, strict=True):
        assert isinstance(one, LevelBatch)
        assert one.paths == other.paths
        for field in LevelTrainingBatch.__annotations__:
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)
    assert any(batch.is_object.any() for batch in first)


def test_the_boxes_are_those_of_the_image(images):
    loader = loader_of(images, workers=0, augmentation=AugmentationConfig(enabled=False))
    batch = next(loader.epoch(0))
    # 160 x 96 pixels on a canvas of 96 x 64: a ratio of 0.6, and a border of 3.2 pixels above, rounded to 3.
    index = loader.images.paths.index(batch.paths[0])
    row = loader.images.labels(index)[0]
    assert batch.boxes_xyxy[0, 0, 0] == pytest.approx((row[2] - row[4] / 2) * 96, abs=1e-3)
    assert batch.boxes_xyxy[0, 0, 1] == pytest.approx((row[3] - row[5] / 2) * 96 * 0.6 + 3, abs=0.5)
    assert batch.boxes_xyxy[0, 0, 2] - batch.boxes_xyxy[0, 0, 0] == pytest.approx(16 * 0.6, abs=1e-3)
