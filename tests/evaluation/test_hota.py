import numpy as np
import pytest

import fairmot
from fairmot.evaluation.hota import ALPHAS


def test_a_track_cut_in_two_halves(write_sequence):
    truth = "".join(f"{frame},1,0,0,10,20,1,-1\n" for frame in range(1, 11))
    results = "".join(f"{frame},{1 if frame <= 4 else 2},0,0,10,20,1\n" for frame in range(1, 11))
    folder, file = write_sequence(truth, results, 10)
    got = fairmot.score(folder, file)["combined"]
    # Every box is found; 4 of them share 4/10 of the person's life, 6 of them 6/10.
    assert got["DetA"] == 1.0
    assert got["AssA"] == pytest.approx((4 * 0.4 + 6 * 0.6) / 10, abs=1e-12)
    assert got["AssPr"] == 1.0
    assert got["HOTA"] == pytest.approx(np.sqrt(0.52), abs=1e-12)


def test_overlap_decides_at_which_thresholds_a_box_is_found(write_sequence):
    # IoU = 10 x 12 / 10 x 20 = 0.6, at a threshold itself: it counts there too.
    folder, file = write_sequence("1,1,0,0,10,20,1,-1\n", "1,1,0,0,10,12,1\n", 1)
    got = fairmot.score(folder, file)["combined"]
    assert got["HOTA_TP_alpha"] == [int(alpha <= 0.6 + 1e-9) for alpha in ALPHAS]
    assert sum(got["HOTA_TP_alpha"]) == 12
    assert got["LocA_alpha"][0] == pytest.approx(0.6, abs=1e-12)
    assert got["LocA_alpha"][-1] == 1.0
    assert got["HOTA(0)"] == 1.0
    assert got["HOTALocA(0)"] == pytest.approx(0.6, abs=1e-12)
