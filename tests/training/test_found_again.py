"""Which boxes can be asked for; that they are found again is tested with the self-check."""

import numpy as np

from fairmot.training.found_again import can_be_told_apart, survives_suppression


def test_only_boxes_that_decoding_can_give_back_are_asked_for():
    boxes = np.array([[0, 0, 20, 40], [8, 0, 28, 40], [11, 0, 31, 40], [40, 0, 44, 40], [-30, 0, 10, 40]], float)
    canvas = (64, 64)
    # The second and third have centres in neighbouring cells, the fourth is 4 px wide, the fifth's centre is outside.
    assert can_be_told_apart(np.zeros(5), boxes, canvas).tolist() == [True, False, False, False, False]
    assert can_be_told_apart(np.array([0, 1, 0, 0, 0]), boxes, canvas).tolist() == [True, True, True, False, False]


def test_on_several_levels_boxes_are_asked_for_that_no_other_suppresses():
    boxes = np.array([[0, 0, 20, 40], [3, 0, 23, 40], [16, 0, 36, 40], [40, 0, 51, 40], [-30, 0, 10, 40]], float)
    canvas = (64, 64)
    # The first two overlap by 0.74, the fourth is narrower than a cell and a half, the fifth's centre is outside.
    assert survives_suppression(np.zeros(5), boxes, canvas, 8).tolist() == [False, False, True, False, False]
    assert survives_suppression(np.array([0, 1, 0, 0, 0]), boxes, canvas, 8).tolist() == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert survives_suppression(np.zeros(5), boxes, canvas, 4).tolist() == [False, False, True, True, False]
