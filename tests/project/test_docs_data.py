"""docs/data.md: every command in it is run, from top to bottom, on small sets in the published formats."""

import importlib.util
import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from documents import fairmot_commands
from typer.testing import CliRunner

from fairmot.cli import app
from fairmot.data.checks.findings import KINDS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
COMMANDS = fairmot_commands(TEXT)
# Set -> images, boxes, identities.
COUNTS = {
    "mot17.half": (2, 2, 1),
    "caltech.all": (2, 3, 2),
    "citypersons.train": (1, 2, 0),
    "cuhksysu.train": (2, 4, 2),
    "prw.train": (2, 3, 2),
    "eth.train": (4, 5, 0),
}


def converter_test(name):
    """The module that writes small sources in one format for its converter's tests."""
    path = ROOT / "tests" / "data" / "converters" / f"test_{name}.py"
    spec = importlib.util.spec_from_file_location(f"source_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_image(path, size=(100, 50)):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((size[1], size[0], 3), 90, np.uint8))


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_sequence(folder):
    for number in (1, 2, 3):
        write_image(folder / f"img1/{number:06}.jpg")
    write(folder / "gt/gt.txt", "".join(f"{number},7,10,5,20,40,1,1,1\n" for number in (1, 2, 3)))


def write_sources(folder):
    """Every source that docs/data.md names."""
    for name in ("MOT17/train/MOT17-02-DPM", "MOT17/train/MOT17-02-SDP", "MOT20/train/MOT20-01"):
        write_sequence(folder / name)
    caltech = converter_test("caltech")
    caltech.write_vbb(folder / "caltech/annotations/set00/V000.vbb")
    caltech.write_seq(folder / "caltech/set00/V000.seq", caltech.jpegs(4))
    citypersons = converter_test("citypersons")
    citypersons.write_json(folder / "citypersons", citypersons.BOXES)
    for path in (folder / "citypersons").rglob("*.json"):
        name = path.name.replace("_gtBboxCityPersons.json", "_leftImg8bit.png")
        write_image(folder / "citypersons/leftImg8bit/train/aachen" / name)
    converter_test("cuhksysu").write_source(folder / "CUHK-SYSU", write_image)
    converter_test("prw").write_source(folder / "PRW-v16.04.20", write_image)
    for index in range(4):
        write_image(folder / f"ETHZ/seq/left/image_{index:08}_0.png")
    write(folder / "ETHZ/seq/annot.idl", converter_test("ethz").TEXT)
    crowdhuman = converter_test("crowdhuman")
    for each, split in ((crowdhuman.FIRST, "train"), (crowdhuman.SECOND, "val")):
        write_image(folder / f"CrowdHuman/Images/{each['ID']}.jpg")
        write(folder / f"CrowdHuman/annotation_{split}.odgt", json.dumps(each))
    write_image(folder / "PennFudanPed/PNGImages/FudanPed00001.png")
    box = 'Image size (X x Y x C) : 100 x 50 x 3\nBounding box for object 1 "P" (Xmin, Ymin) - (Xmax, Ymax) : '
    write(folder / "PennFudanPed/Annotation/FudanPed00001.txt", box + "(11, 6) - (30, 45)\n")
    write_image(folder / "zoo/MOT17/images/train/A/img1/000001.jpg")
    write(folder / "zoo/MOT17/labels_with_ids/train/A/img1/000001.txt", "0 3 0.2 0.5 0.2 0.8\n")
    write(folder / "zoo/mot17.train", "MOT17/images/train/A/img1/000001.jpg\n")
    write_image(folder / "shop/train/1.jpg")
    coco = {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 100, "height": 50}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [10, 5, 20, 40]}],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "rider"}],
    }
    write(folder / "shop/annotations/instances_train.json", json.dumps(coco))
    write_image(folder / "yard/images/1.jpg")
    write(folder / "yard/labels/1.txt", "0 0.5 0.5 0.2 0.8\n")
    write_image(folder / "street/images/1.jpg")
    sides = "".join(f"<{k}>{v}</{k}>" for k, v in (("xmin", 11), ("ymin", 6), ("xmax", 30), ("ymax", 45)))
    size = "<size><width>100</width><height>50</height></size>"
    person = f"<object><name>person</name><bndbox>{sides}</bndbox></object>"
    write(folder / "street/annotations/1.xml", f"<annotation>{size}{person}</annotation>")
    cvat = converter_test("cvat")
    for index in range(4):
        write_image(folder / f"walk/images/frame_{index:06}.png")
    write(folder / "walk/annotations.xml", cvat.VIDEO)
    shutil.make_archive(str(folder / "walk"), "zip", folder / "walk")
    for name in ("day/a.png", "b.png"):
        write_image(folder / "task/images" / name)
    write(folder / "task/annotations.xml", cvat.IMAGES)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The folder in which all commands have run, and what each printed."""
    folder = tmp_path_factory.mktemp("docs")
    write_sources(folder)
    (folder / "data").mkdir()
    shutil.copy(ROOT / "data" / "data.json", folder / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        results = [CliRunner().invoke(app, words) for words in COMMANDS]
    return folder, results


@pytest.mark.parametrize("index", range(len(COMMANDS)), ids=[" ".join(words[:4]) for words in COMMANDS])
def test_commands_run(outcome, index):
    result = outcome[1][index]
    assert result.exit_code == 0, (COMMANDS[index], result.output, result.exception)


def test_the_sets_of_mix_are_made_in_their_order(outcome):
    lists = json.loads((outcome[0] / "data/data.json").read_text())["train"]
    assert lists == {name: f"{name}.txt" for name in COUNTS}
    result = next(r for words, r in zip(COMMANDS, outcome[1], strict=True) if words == ["data", "stats", "data"])
    rows = [line.split() for line in result.stdout.splitlines()]
    found = {row[0]: (int(row[1]), int(row[3]), int(row[5])) for row in rows if row and row[0] in COUNTS}
    assert found == COUNTS


def test_every_format_is_shown():
    from fairmot.data import converters

    shown = {words[2] for words in COMMANDS if words[:2] == ["data", "convert"]}
    known = {name.removeprefix("convert_") for name in converters.__all__ if name.startswith("convert_")}
    assert shown == known - {"dataset"}


def test_every_kind_of_finding_is_explained():
    rows = TEXT[TEXT.index("| errors |") :]
    explained = [kind for cell in re.findall(r"^\| ([a-z ,]+) \|", rows, re.MULTILINE) for kind in cell.split(", ")]
    assert set(explained) - {"errors", "warnings"} == set(KINDS)
