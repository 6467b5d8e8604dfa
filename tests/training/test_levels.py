"""Training runs of a network on several levels."""

import json

import numpy as np
import pytest
import small_run
from small_run import assert_same_state

from fairmot.config import parse_config
from fairmot.network.safetensors import load_weights
from fairmot.training.checkpoint import load_checkpoint
from fairmot.training.loop import train
from fairmot.training.metrics import read_metrics

ENGINES = ["torch", pytest.param("mindspore", marks=pytest.mark.slow)]


def configuration(description, output, classes=1, **sections):
    config = small_run.configuration(description, output)
    network = {**small_run.NETWORK, "classes": classes}
    values = config.model_dump(mode="json") | {"network": network}
    for section, changes in sections.items():
        values[section] |= changes
    return parse_config(values, "test")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_resumed_run_equals_a_whole_one_bit_for_bit(engine, images, tmp_path):
    pytest.importorskip(engine)
    whole = train(configuration(images, tmp_path / "whole", train={"batch_size": 3}), engine, "cpu")
    for epochs in (1, 2):
        run = configuration(images, tmp_path / "parts", train={"batch_size": 3, "epochs": epochs})
        resumed = train(run, engine, "cpu", resume=epochs == 2)
    first, second = (load_checkpoint(each.checkpoint).state for each in (whole, resumed))
    assert_same_state(first, second)
    lines = read_metrics(tmp_path / "parts")
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert all(np.isfinite(line[name]) for line in lines for name in ("scores", "boxes", "identity"))
    second["network.id.2.bias"][0] += np.float32(1e-6)
    with pytest.raises(AssertionError):
        assert_same_state(first, second)


@pytest.mark.parametrize("engine", ENGINES)
def test_embeddings_alone_are_trained_on_a_frozen_detector(engine, images, tmp_path):
    pytest.importorskip(engine)
    frozen = {"rate_factors": {"backbone.": 0, "neck.": 0, "bbox_head.": 0}, "ema_decay": 0.0}
    start = train(configuration(images, tmp_path / "start", train={"epochs": 1}), engine, "cpu").weights
    run = train(
        configuration(images, tmp_path / "run", optimizer=frozen, train={"epochs": 1, "start_weights": str(start)}),
        engine,
        "cpu",
    )
    before, after = load_weights(start).arrays, load_weights(run.weights).arrays
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert {name.partition(".")[0] for name in changed} == {"appearance", "id"}
    assert {"appearance.0.bn.running_mean", "appearance.0.conv.weight", "id.2.bias"} <= changed


def test_several_classes_are_trained_and_validated(images, tmp_path, write_people):
    pytest.importorskip("torch")
    write_people(images.parent, count=2, name="held", part="val", seed=1)
    for labels in (images.parent / "labels_with_ids").iterdir():
        first, second = labels.read_text().splitlines()
        labels.write_text(f"{first}\n1{second[1:]}\n-1 -1 0.1 0.1 0.1 0.1\n")
    config = configuration(images, tmp_path / "run", 2, train={"epochs": 1, "validate_every_epochs": 1})
    run = train(config, "torch", "cpu")
    state = load_checkpoint(run.checkpoint).state
    assert {name for name in state if name.startswith("classifier")} == {
        f"classifier.{number}.{kind}" for number in (0, 1) for kind in ("weight", "bias")
    }
    (scores,) = (json.loads(line) for line in (tmp_path / "run" / "validation.jsonl").read_text().splitlines())
    assert 0 <= scores["AP50"] <= 1
    assert len(list((tmp_path / "run" / "validation" / "epoch-0001" / "samples").glob("*-heatmap.jpg"))) == 2
