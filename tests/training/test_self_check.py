"""The self-check passes on a trainer that works, and fails, by name, on trainers that do not."""

import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from small_run import ARCHITECTURE
from typer.testing import CliRunner

from fairmot.cli import app, console
from fairmot.config import parse_config
from fairmot.engines import load_training
from fairmot.errors import InputError
from fairmot.training.self_check import LossFall, SelfCheck, _choose_images, _falls, _settings, self_check

RATE = 6e-3  # the network is tiny


def configuration(description, architecture="yolo", size=(64, 64), **data):
    return parse_config(
        {
            "network": {
                "architecture": architecture,
                "embedding": 8,
                "head_width": 8,
                "input_width_px": size[0],
                "input_height_px": size[1],
            },
            "data": {"description": str(description), "max_objects": 20, **data},
            "train": {"threads": 1},
        },
        "test",
    )


@pytest.fixture(scope="module")
def people(tmp_path_factory, write_people):
    return write_people(tmp_path_factory.mktemp("people"), count=4)


def break_trainer(monkeypatch, engine, change_config=lambda config: config, change_batch=lambda batch: batch):
    """Let the engine make trainers with something wrong in them."""
    module = load_training(engine)
    original = module.create_trainer

    def create_trainer(graph, weights, identity_counts, config, device):
        trainer = original(graph, weights, identity_counts, change_config(config), device)
        step = trainer.step
        trainer.step = lambda batch, rate: step(change_batch(batch), rate)
        return trainer

    monkeypatch.setattr(module, "create_trainer", create_trainer)


@pytest.mark.slow  # the fast suite checks one on several levels: test_docs_training.py
@pytest.mark.parametrize("engine", ["torch", "mindspore"])
def test_eight_images_are_learned_and_all_boxes_found(engine, people):
    pytest.importorskip(engine)
    outcome = self_check(configuration(people), engine, "cpu", max_steps=200, rate=RATE)
    assert outcome.problems == [], outcome
    assert (outcome.boxes, outcome.found, outcome.left_out) == (8, 8, 0)
    assert {each.name for each in outcome.losses} == {"heatmap", "extents", "offsets", "identity"}
    assert all(each.end <= 0.1 * each.start for each in outcome.losses)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torch", "mindspore"])
def test_eight_images_are_learned_on_several_levels(engine, people):
    pytest.importorskip(engine)
    outcome = self_check(configuration(people, ARCHITECTURE, (160, 96)), engine, "cpu", max_steps=160, rate=5e-3)
    assert outcome.problems == [], outcome
    assert (outcome.boxes, outcome.found, outcome.left_out) == (8, 8, 0)
    assert {each.name for each in outcome.losses} == {"scores", "boxes", "identity"}


def test_a_start_that_finds_people_has_little_to_fall():
    first = {"scores": 0.2, "boxes": 0.1, "identity": 2.0}
    falls = {each.name: each for each in _falls(first, {"scores": 0.14, "boxes": 0.1, "identity": 1.0})}
    assert {name: each.passed for name, each in falls.items()} == {"scores": True, "boxes": True, "identity": False}
    assert not next(each for each in _falls(first, first) if each.name == "scores").passed


def test_a_classifier_that_is_not_trained_is_found_out(people, monkeypatch):
    pytest.importorskip("torch")

    def freeze(config):
        optimizer = config.optimizer.model_copy(update={"rate_factors": {"classifier": 0.0}})
        return config.model_copy(update={"optimizer": optimizer})

    break_trainer(monkeypatch, "torch", change_config=freeze)
    outcome = self_check(configuration(people), "torch", "cpu", max_steps=60, rate=RATE)
    line = r"loss identity fell from \S+ to \S+ only, expected \S+ or less"
    assert [each for each in outcome.problems if re.fullmatch(line, each)]


@pytest.mark.slow
def test_shifted_targets_are_found_out(people, monkeypatch):
    pytest.importorskip("torch")

    def shift(batch):  # three cells to the right
        return replace(batch, heatmap=np.roll(batch.heatmap, 3, axis=3))

    break_trainer(monkeypatch, "torch", change_batch=shift)
    outcome = self_check(configuration(people), "torch", "cpu", max_steps=60, rate=RATE)
    assert outcome.problems[-1] == f"{outcome.found} of 8 boxes were found again, expected all"


def test_a_street_is_rendered_where_there_are_no_data(tmp_path):
    notes = []
    config = configuration(tmp_path / "absent.json")
    images = _choose_images(config, tmp_path, notes.append)
    assert len(images) == 8
    assert notes == [f"{tmp_path / 'absent.json'} is absent: a street is rendered instead"]
    assert images.identity_count > 2


def test_images_without_people_say_so(tmp_path, write_people):
    path = write_people(tmp_path, count=2)
    for labels in (tmp_path / "labels_with_ids").iterdir():
        labels.write_text("")
    with pytest.raises(InputError, match="no image has a box"):
        _choose_images(configuration(path), tmp_path, None)


def test_identities_are_numbered_anew_and_drawn_where_there_are_none(tmp_path, write_people):
    path = write_people(tmp_path, count=20)
    few = _choose_images(configuration(path), tmp_path, None)
    assert len(few) == 8
    assert few.identity_count == 5
    for labels in (tmp_path / "labels_with_ids").iterdir():
        labels.write_text(re.sub(r"^0 \d", "0 -1", labels.read_text(), flags=re.MULTILINE))
    assert _choose_images(configuration(path), tmp_path, None).identity_count == 17


def test_on_a_processor_the_canvas_is_small_and_keeps_its_shape():
    large = parse_config({}, "test")
    assert _settings(large, on_processor=False).network == large.network
    assert _settings(large, on_processor=True).network.input_size == (224, 128)
    small = configuration("absent.json")
    assert _settings(small, on_processor=True).network == small.network


def test_the_table_names_what_failed():
    falls = (LossFall("heatmap", 2.0, 0.05, 0.1), LossFall("identity", 2.0, 1.5, 0.2))
    outcome = SelfCheck("torch", 60, 12.0, falls, boxes=8, found=7, left_out=2)
    capture = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    capture.print(console.self_check_table(outcome))
    rows = [line.split() for line in capture.export_text().splitlines()]
    verdicts = {words[1]: words[-2] for words in rows if words and words[0] == "│"}
    assert verdicts == {"heatmap": "ok", "identity": "FAILED", "boxes": "FAILED"}
    capture.file.close()


@pytest.mark.parametrize(("end", "code"), [(0.05, 0), (1.5, 1)])
def test_the_command_ends_with_1_and_names_the_loss(end, code, people, tmp_path, monkeypatch):
    outcome = SelfCheck("torch", 60, 12.0, (LossFall("identity", 2.0, end, 0.2),), boxes=8, found=8, left_out=0)
    monkeypatch.setattr("fairmot.training.self_check.self_check", lambda *_, **__: outcome)
    (tmp_path / "mine.yaml").write_text(configuration(people).model_dump_json())
    result = CliRunner().invoke(app, ["train", str(tmp_path / "mine.yaml"), "--self-check", "--engine", "torch"])
    assert result.exit_code == code, result.output
    line = "fairmot: self-check failed: loss identity fell from 2 to 1.5 only, expected 0.2 or less"
    assert (line in result.stderr) == bool(code)
    assert "identity" in result.stdout
