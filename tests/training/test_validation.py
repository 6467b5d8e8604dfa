"""Validation: scores of held-out images and sequences, the best kept, images to look at."""

import json

import cv2
import numpy as np
import pytest
import small_run
from walk import write_walk

from fairmot.data.loader import create_loader
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.safetensors import load_weights
from fairmot.training import validation
from fairmot.training.checkpoint import load_checkpoint
from fairmot.training.loop import train
from fairmot.training.samples import Sample, draw_boxes, draw_heatmap, spaced
from fairmot.training.validation import Validation, Validator


@pytest.fixture
def people(tmp_path, write_people):
    """Six images to train on and two that are held out."""
    write_people(tmp_path / "people", count=6)
    return write_people(tmp_path / "people", count=2, name="held", part="val", seed=1)


@pytest.fixture
def sequence(tmp_path):
    """Four frames."""
    return write_walk(tmp_path / "sequences", 4)


def configuration(description, output, data=(), **train_settings):
    return small_run.configuration(description, output, data=data, **{"validate_every_epochs": 1, **train_settings})


def validations_of(run):
    return [json.loads(line) for line in (run / "validation.jsonl").read_text().splitlines()]


class FindsWhatIsLabelled:
    """A detector that sees people as the fixture draws them, and one box where nobody is."""

    def __init__(self, *_):
        pass

    def __call__(self, image):
        bright = (image[..., 1] > 150).astype(np.uint8)
        stats = cv2.connectedComponentsWithStats(bright)[2][1:]
        stats = stats[stats[:, 4] > 200]
        boxes = np.concatenate([stats[:, :2], stats[:, :2] + stats[:, 2:4]], axis=1).astype(np.float32)
        boxes = np.concatenate([boxes, [[0, 0, 12, 12]]])
        scores = np.append(np.full(len(stats), 0.9), 0.95).astype(np.float32)
        return Detections(boxes, scores, np.tile(np.float32([1, 0]), (len(boxes), 1)))

    def batch(self, images):
        return [self(image) for image in images]


def test_held_out_images_and_sequences_are_scored_and_logged(people, sequence, tmp_path):
    pytest.importorskip("torch")
    run, notes = tmp_path / "run", []
    data = {"validation": str(sequence.parent), "validation_benchmark": "none"}
    train(configuration(people, run, data, sample_images=2), "torch", "cpu", log=notes.append)
    lines = validations_of(run)
    assert [line["step"] for line in lines] == [3, 6]
    for line in lines:
        assert line.keys() == {"step", "AP50", "AP50_sequences", "HOTA", "MOTA", "IDF1"}
    folder = run / "validation" / "epoch-0002"
    assert json.loads((folder / "scores.json").read_text())["combined"]["Frames"] == 4
    assert (folder / "walk.txt").exists()
    assert sorted(path.name for path in (folder / "samples").iterdir()) == [
        f"{number:02}-{kind}.jpg" for number in (1, 2) for kind in ("boxes", "heatmap")
    ]
    assert sum(note.startswith("epoch ") for note in notes) == 2
    best, step = load_checkpoint(run / "best.safetensors"), lines[0]["step"]
    assert best.epoch * 3 + best.step_in_epoch in (3, 6)
    assert load_weights(run / "best_weights.safetensors").notes["AP50"] == f"{max(x['AP50'] for x in lines):.6f}"
    assert step == 3
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    (events,) = (run / "tensorboard").iterdir()
    values = [v for event in loader.LegacyEventFileLoader(str(events)).Load() for v in event.summary.value]
    assert {"validation/AP50", "validation/HOTA", "scores"} <= {value.tag for value in values}
    (image,) = [v.image for v in values if v.tag == "validation/01-boxes"][:1]
    decoded = cv2.imdecode(np.frombuffer(image.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (96, 160, 3) == (image.height, image.width, 3)


def test_scores_are_those_of_the_detector_on_the_true_boxes(people, sequence, tmp_path, monkeypatch):
    monkeypatch.setattr(validation, "Detector", FindsWhatIsLabelled)
    data = {"validation": str(sequence), "validation_benchmark": "none"}
    config = configuration(people, tmp_path / "run", data, sample_images=0)
    weights = initial_weights(build_graph(config.network))
    scores = Validator(config, "cpu")(weights, tmp_path / "out").scores
    # The false box of each image scores higher than all true ones.
    assert scores["AP50"] == pytest.approx(4 / 6)
    assert scores["AP50_sequences"] == pytest.approx(4 / 8)
    assert scores["IDF1"] == pytest.approx(2 * 4 / (2 * 4 + 4))  # four false boxes in four frames
    config = configuration(people, tmp_path / "run", sample_images=0)
    assert Validator(config, "cpu")(weights, tmp_path / "out").scores.keys() == {"AP50"}


def test_the_best_is_chosen_by_the_named_score(people, sequence, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    given = iter([{"AP50": 0.1, "IDF1": 0.5}, {"AP50": 0.9, "IDF1": 0.7}, {"AP50": 0.95, "IDF1": 0.6}])
    monkeypatch.setattr(Validator, "__call__", lambda *_: Validation(next(given), {}))
    data = {"validation": str(sequence), "validation_benchmark": "none"}
    config = configuration(people, tmp_path / "run", data, epochs=3, best_score="IDF1")
    train(config, "torch", "cpu")
    assert load_checkpoint(tmp_path / "run" / "best.safetensors").epoch == 2
    assert load_weights(tmp_path / "run" / "best_weights.safetensors").notes["IDF1"] == "0.700000"


def test_a_run_killed_while_it_validates_owes_the_validation(people, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    original = Validator.__call__

    def killed(*_):
        raise SystemExit

    monkeypatch.setattr(Validator, "__call__", killed)
    config = configuration(people, tmp_path / "run", sample_images=0)
    with pytest.raises(SystemExit):
        train(config, "torch", "cpu")
    monkeypatch.setattr(Validator, "__call__", original)
    train(config, "torch", "cpu", resume=True)
    train(config, "torch", "cpu", resume=True)
    assert [line["step"] for line in validations_of(tmp_path / "run")] == [3, 6]


def test_training_never_reads_the_held_out_lists(people, tmp_path):
    pytest.importorskip("torch")
    config = configuration(people, tmp_path / "run", validate_every_epochs=0, epochs=1)
    assert not [path for path in create_loader(config).images.paths if "held" in path.name]
    (people.parent / "held.txt").unlink()
    for path in people.parent.glob("*/held-*"):
        path.unlink()
    train(config, "torch", "cpu")


def test_held_out_images_that_are_trained_on_too_are_mentioned(people, tmp_path):
    pytest.importorskip("torch")
    (people.parent / "held.txt").write_text("images/made-0.png\nimages/held-0.png\n")
    notes = []
    config = configuration(people, tmp_path / "run", epochs=1, sample_images=0)
    train(config, "torch", "cpu", log=notes.append)
    assert [note for note in notes if note.startswith("1 held-out images are training images too")]


@pytest.mark.parametrize(
    ("settings", "data", "message"),
    [
        ({}, {"validation_sets": ["hold"]}, "no set 'hold' under 'val'.*did you mean 'held'"),
        ({"best_score": "HOTA"}, {}, "best_score HOTA: only sequences give it"),
        ({}, {"validation": "absent"}, "absent: no such folder"),
    ],
)
def test_mistakes_are_found_before_training(settings, data, message, people, tmp_path):
    config = configuration(people, tmp_path / "run", data, **settings)
    with pytest.raises(InputError, match=message):
        train(config, "torch", "cpu")
    assert not (tmp_path / "run").exists()


def test_nothing_to_validate_on_is_a_mistake(tmp_path, write_people):
    config = configuration(write_people(tmp_path), tmp_path / "run")
    with pytest.raises(InputError, match="nothing to validate on"):
        Validator(config)


def test_samples_show_both_kinds_of_boxes_and_the_heatmap():
    image = np.zeros((60, 100, 3), np.uint8)
    sample = Sample(image, np.array([[10.0, 10, 30, 50]]))
    boxes = np.array([[60, 10, 80, 50], [40, 10, 50, 50]], np.float32)
    scene = draw_boxes(sample, Detections(boxes, np.array([0.9, 0.2], np.float32)), confidence=0.4)
    assert scene[30, 10].tolist() == [80, 220, 80]
    assert scene[30, 60].tolist() == [0, 140, 255]
    assert scene[30, 40].tolist() == [0, 0, 0]  # below the confidence
    assert not image.any()

    def network(pixels):
        assert pixels.shape == (1, 3, 64, 96)
        logits = np.full((1, 1, 16, 24), -9, np.float32)
        logits[0, 0, 8, 12] = 9
        return {"heatmap": logits}

    heat = draw_heatmap(image, network, (96, 64)).sum(axis=2)
    assert heat.shape == (64, 96)
    assert heat[33, 49] > 2 * heat[33, 20]


def test_the_heatmap_of_several_levels_shows_the_best_of_each_place():
    heads = {f"scores_{stride}": np.full((1, 2, 64 // stride, 96 // stride), -9, np.float32) for stride in (8, 16, 32)}
    heads["scores_8"][0, 0, 1, 1] = heads["scores_32"][0, 1, 1, 2] = 9
    heat = draw_heatmap(np.zeros((60, 100, 3), np.uint8), lambda _: heads, (96, 64)).sum(axis=2)
    assert heat.shape == (64, 96)
    for y, x in ((12, 12), (40, 70)):
        assert heat[y, x] > 2 * heat[40, 20]


def test_samples_are_spaced_evenly():
    assert spaced(10, 3) == [0, 4, 9]
    assert spaced(2, 4) == [0, 1]
    assert spaced(5, 0) == []
