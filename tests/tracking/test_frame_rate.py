"""The preset ``boxes`` at 5, 10, 25 and 50 frames/s: the mean HOTA of eight streets differs little.

On a single street the rates differ by more (docs/tracking.md, frame rates): one identity more or less is some points.
"""

import numpy as np
import pytest
from rated_street import STEPS, hota, make_street

from fairmot.config import TrackerConfig


@pytest.mark.slow
def test_the_mean_hota_of_eight_streets_differs_by_at_most_three_points():
    streets = [make_street(seed, seconds=6) for seed in range(8)]
    config = TrackerConfig.preset("boxes", min_box_area_px=0)
    means = {rate: np.mean([hota(street, rate, config) for street in streets]) for rate in STEPS}
    assert max(means.values()) - min(means.values()) <= 3, means
    # The twin: limits that suit the small steps of 50 frames/s alone.
    strict = config.changed(motion_max_iou_distance=0.3, max_iou_distance=0.3, unconfirmed_max_iou_distance=0.3)
    assert means[50] - np.mean([hota(street, 5, strict) for street in streets]) > 3
