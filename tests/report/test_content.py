import numpy as np

from fairmot.detections import Tracks
from fairmot.media.outputs.drawing import Annotator
from fairmot.report.content import identity_colors


def test_an_identity_has_the_colour_that_drawn_videos_give_it():
    annotator = Annotator((320, 180), trail_seconds=0)
    ids = np.array([1, 2, 20, 21, 22, 340])
    for identity, color in zip(ids, identity_colors(ids), strict=True):
        tracks = Tracks(
            np.array([identity]), np.array([[100.0, 60, 160, 150]]), np.ones(1, np.float32), np.zeros(1, int)
        )
        drawn = annotator.draw(np.zeros((180, 320, 3), np.uint8), tracks)
        blue, green, red = drawn[150, 130]
        assert color == f"#{red:02x}{green:02x}{blue:02x}"
    assert len(set(identity_colors(np.arange(1, 22)))) == 21
