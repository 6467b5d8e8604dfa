"""The preset ``boxes`` tracks a street equally well at 5, 10, 25 and 50 frames/s."""

import numpy as np
import pytest

import fairmot
from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.geometry import tlwh_to_xyxy
from fairmot.street import render_street
from fairmot.tracking.tracker import Tracker

RATE = 50
STEPS = {50: 1, 25: 2, 10: 5, 5: 10}
SECONDS = 8
SIZE = (256, 144)


@pytest.fixture(scope="module")
def street():
    """Identities, boxes and jittered detections of each frame at 50 frames/s; people are missed now and then."""
    rng = np.random.default_rng(0)
    frames = []
    for frame in render_street(people=10, frames=SECONDS * RATE, seed=5, size=SIZE, frame_rate=RATE):
        seen = frame.visibility >= 0.3
        ids, boxes = frame.ids[seen], frame.boxes_tlwh[seen]
        found = (boxes + rng.normal(0, 0.02, boxes.shape) * boxes[:, 3:])[rng.random(len(boxes)) < 0.92]
        frames.append((ids, boxes, found))
    return frames


def hota(street, step, config, folder):
    """Write truth and results of every ``step``-th frame, and score them."""
    place, results = folder / "truth" / "street", folder / "results"
    (place / "gt").mkdir(parents=True)
    results.mkdir()
    tracker = Tracker(config, frame_rate=RATE / step)
    truth, rows = [], []
    chosen = street[::step]
    for number, (ids, boxes, found) in enumerate(chosen, start=1):
        truth += [f"{number},{i},{','.join(f'{v:.3f}' for v in box)},1,1,1" for i, box in zip(ids, boxes, strict=True)]
        tracks = tracker.update(Detections(tlwh_to_xyxy(found), np.full(len(found), 0.95)))
        corner, size = tracks.boxes_xyxy[:, :2], np.diff(tracks.boxes_xyxy.reshape(-1, 2, 2), axis=1)[:, 0]
        rows += [
            f"{number},{i},{','.join(f'{v:.3f}' for v in box)},1,-1,-1,-1"
            for i, box in zip(tracks.ids, np.concatenate([corner, size], axis=1), strict=True)
        ]
    (place / "gt" / "gt.txt").write_text("\n".join(truth) + "\n")
    (results / "street.txt").write_text("\n".join(rows) + "\n")
    (place / "seqinfo.ini").write_text(
        f"[Sequence]\nname=street\nframeRate={RATE // step}\nseqLength={len(chosen)}\n"
        f"imWidth={SIZE[0]}\nimHeight={SIZE[1]}\n"
    )
    return 100 * fairmot.score(folder / "truth", results, "none")["combined"]["HOTA"]


def spread(street, config, folder):
    scores = {rate: hota(street, step, config, folder / str(rate)) for rate, step in STEPS.items()}
    return max(scores.values()) - min(scores.values())


def test_hota_differs_by_at_most_three_points(street, tmp_path):
    config = TrackerConfig.preset("boxes", min_box_area_px=0)
    assert spread(street, config, tmp_path / "boxes") <= 3
    # The twin: noise per frame, whatever its length.
    assert spread(street, config.changed(noise_rate=0), tmp_path / "per frame") > 3
