import base64

import cv2
import numpy as np

from fairmot.report.footage import drawn_footage
from fairmot.report.thumbnails import best_rows, cut_thumbnails


def decoded(uri):
    data = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_the_best_row_is_large_certain_and_inside():
    boxes = np.array([[10, 10, 20, 40], [10, 10, 30, 60], [290, 10, 60, 90], [5, 5, 10, 10], [5, 5, 10, 10]], float)
    scores = np.array([0.9, 0.9, 0.9, 0.5, 0.8])
    assert best_rows(np.array([0, 0, 0, 1, 1]), boxes, scores, (320, 180)).tolist() == [1, 4]


def test_images_are_cut_from_the_moments_asked_for(shared_case):
    footage = drawn_footage(shared_case.run / "yard.mp4")
    boxes = np.array([[20, 20, 40, 60], [30, 30, 60, 30], [400, 20, 40, 60], [20, 20, 40, 60]], float)
    images, scene = cut_thumbnails(footage, np.array([30, 3, 5, 99]), boxes, "yard")
    assert images[2] is None  # outside of the image
    assert images[3] is None  # after the end of the video
    first, second = decoded(images[0]), decoded(images[1])
    assert abs(first.mean() - 160) < 4
    assert abs(second.mean() - 52) < 4
    assert first.shape[0] == 96
    assert first.shape[1] < 96
    assert second.shape[1] == 96
    assert decoded(scene).shape == (405, 720, 3)
    # An odd frame has a repeated row and column in the video, which is no smaller form of it.
    assert drawn_footage(shared_case.run / "yard.mp4", (319, 179)).size == (320, 180)
    assert drawn_footage(shared_case.run / "yard.mp4", (318, 178)).size == (318, 178)
    # Tracked in frames of twice the size, of which the video shows a smaller form.
    large = drawn_footage(shared_case.run / "yard.mp4", (640, 360))
    assert cut_thumbnails(large, np.array([30, 3]), 2 * boxes[:2], "yard")[0] == images[:2]
    assert cut_thumbnails(large, np.array([30, 3]), boxes[:2], "yard")[0] != images[:2]
