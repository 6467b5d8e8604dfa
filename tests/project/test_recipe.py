"""The recipe of the shipped model, on a handful of everything: each step runs on what the one before it made."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fairmot.network.safetensors import load_weights

ROOT = Path(__file__).parents[2]
IDENTITIES = 125
"""100 are held out, and a step needs 18 of the others."""


def copy_some(source, target, count, pattern="*"):
    """Copy the first files of a folder."""
    target.mkdir(parents=True)
    for path in sorted(source.glob(pattern))[:count]:
        shutil.copyfile(path, target / path.name)


@pytest.fixture
def data(shared, tmp_path):
    """A few files of each set, in the layout of the whole."""
    whole, part = shared("data"), tmp_path / "data"
    for name, splits in (("coco_person_multi", ("train", "val")), ("coco_person", ("train2017", "val2017"))):
        for split in splits:
            copy_some(whole / name / "images" / split, part / name / "images" / split, 4)
            copy_some(whole / name / "labels" / split, part / name / "labels" / split, 4)
    shutil.copyfile(whole / "coco_person_multi/ignore_candidates.csv", part / "coco_person_multi/ignore_candidates.csv")
    for name, labels in (
        ("pennfudan", "annotations"),
        ("extra/human_v2", "labels"),
        ("extra/capston2_person", "labels"),
        ("extra/tud_street_person", "annotations"),
    ):
        for folder in ("images", labels):
            copy_some(whole / name / folder, part / name / folder, 4)
    regions = "extra/tud_street_person/ignore_candidates.csv"
    kept = {path.name for path in (part / "extra/tud_street_person/images").iterdir()}
    head, *rows = (whole / regions).read_text().splitlines()
    (part / regions).write_text("\n".join([head, *(row for row in rows if row.split(",")[0] in kept)]) + "\n")
    crops = {path.name[:4]: path for path in sorted((whole / "market1501_train/images").glob("*.jpg"))}
    (part / "market1501_train/images").mkdir(parents=True)
    for path in list(crops.values())[:IDENTITIES]:
        shutil.copyfile(path, part / "market1501_train/images" / path.name)
    for name in ("teachers", "mot"):
        (part / name).symlink_to(whole / name)
    return part


@pytest.mark.slow
def test_the_chain_runs_twice(data, tmp_path):
    words = ["bash", str(ROOT / "scripts/train_lite.sh"), str(data), str(tmp_path / "work"), "--quick"]
    for _ in range(2):  # the second call finds everything made
        done = subprocess.run(words, capture_output=True, text=True, env=dict(os.environ), check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    file = load_weights(tmp_path / "work/lite.safetensors")
    assert file.network.architecture == "lite"
    assert (tmp_path / "work/lite.onnx").stat().st_size > 4e6
