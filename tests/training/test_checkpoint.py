"""Checkpoints that cannot be continued from: one line each, that says what, where and what to do."""

import json
import os
from functools import partial

import numpy as np
import pytest
from refusals import refusal
from safetensors.numpy import save_file

from fairmot.config import Config, parse_config
from fairmot.errors import InputError
from fairmot.training.checkpoint import Checkpoint, check_resumable, keep_newest, load_checkpoint

COUNTERS = {"epoch": 2, "step_in_epoch": 5, "identity_count": 7}


def write(path, arrays=(), without=(), **metadata):
    """A small checkpoint with something changed in it."""
    values = {name: np.array(count, np.int64) for name, count in COUNTERS.items()}
    values |= {"network.a": np.ones(3, np.float32), **dict(arrays)}
    texts = {"checkpoint_version": "1", "config": Config().model_dump_json(), **metadata}
    kept = {key: text for key, text in texts.items() if key not in without}
    save_file({name: array for name, array in values.items() if name not in without}, path, kept)
    return path


complain = partial(refusal, load_checkpoint)


def test_a_round_trip_keeps_everything(tmp_path):
    before = Checkpoint(Config(), {"network.a": np.arange(3.0)}, 2, 5, 7, {"images": "3 (abc)"})
    before.save(tmp_path / "last.safetensors")
    after = load_checkpoint(tmp_path / "last.safetensors")
    assert (after.config, after.epoch, after.step_in_epoch, after.identity_count) == (Config(), 2, 5, 7)
    assert after.data == before.data
    np.testing.assert_array_equal(after.state["network.a"], before.state["network.a"])
    assert after.state.keys() == before.state.keys()


def test_the_unchanged_file_is_read(tmp_path):
    assert load_checkpoint(write(tmp_path / "last.safetensors")).step_in_epoch == 5


def test_files_of_other_kinds(tmp_path):
    path = tmp_path / "last.safetensors"
    assert "no such weight file" in complain(path)
    save_file({"a": np.ones(1)}, path)
    assert "not made by fairmot" in complain(path)
    save_file({"a": np.ones(1)}, path, {"network": "{}", "format_version": "1"})
    assert "train.start_weights" in complain(path)
    write(path)
    path.write_bytes(path.read_bytes()[:-3])
    assert "cut off" in complain(path)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("", "config is no JSON"),
        ('{"network"', "config is no JSON"),
        ("[" * 100_000, "config is no JSON"),
        ("[1]", "config is no dictionary"),
        ("null", "config is no dictionary"),
        (json.dumps({"netwrok": {}}), "did you mean 'network'"),
        (json.dumps({"network": {"classes": "many"}}), "network.classes: Input should be a valid integer"),
        (json.dumps({"network": 3}), "network: Input should be"),
    ],
)
def test_a_damaged_configuration(tmp_path, config, problem):
    assert problem in complain(write(tmp_path / "last.safetensors", config=config))


def test_missing_metadata_and_another_version(tmp_path):
    path = tmp_path / "last.safetensors"
    assert "config missing" in complain(write(path, without=["config"]))
    assert "data is no JSON" in complain(write(path, data="{"))
    assert "data is no dictionary" in complain(write(path, data="3"))
    assert "checkpoint version '2'" in complain(write(path, checkpoint_version="2"))


@pytest.mark.parametrize("name", COUNTERS)
def test_damaged_counters(tmp_path, name):
    path = tmp_path / "last.safetensors"
    assert f"{name} is missing" in complain(write(path, without=[name]))
    for wrong in (np.array([1, 2]), np.array(1.5), np.array(-1), np.array(True)):
        assert f"{name} is {wrong.dtype}" in complain(write(path, {name: wrong}))


def test_the_newest_are_kept_also_where_files_cannot_be_linked(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError

    path = tmp_path / "last.safetensors"
    for step in (10, 20, 30):
        path.unlink(missing_ok=True)  # checkpoints are renamed into their place
        path.write_text(str(step))
        if step == 30:
            monkeypatch.setattr(os, "link", refuse)
        keep_newest(path, step, 2)
    kept = sorted((tmp_path / "checkpoints").iterdir())
    assert [(file.name, file.read_text()) for file in kept] == [
        ("step-00000020.safetensors", "20"),
        ("step-00000030.safetensors", "30"),
    ]
    # A run that went back to step 20 leaves nothing of the other way.
    keep_newest(path, 25, 2)
    assert [file.stem for file in sorted((tmp_path / "checkpoints").iterdir())] == ["step-00000020", "step-00000025"]
    keep_newest(path, 26, 1)
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_only_what_does_not_change_the_steps_may_change(tmp_path):
    path = tmp_path / "last.safetensors"
    before = Checkpoint(Config(), {}, 0, 0, 7)
    free = parse_config({"train": {"keep_checkpoints": 5}, "tracker": {"confidence": 0.3}, "data": {"workers": 9}}, "t")
    check_resumable(before, free, 7, {}, path)
    with pytest.raises(InputError, match=r"train\.accumulate: 1 -> 2"):
        check_resumable(before, parse_config({"train": {"accumulate": 2}}, "t"), 7, {}, path)


def test_a_later_stage_may_weigh_losses_and_change_images_differently_but_not_the_network():
    stored = Checkpoint(Config(), {}, 2, 5, 7, {})
    later = {"loss": {"overlap_weight": 3.0}, "data": {"box_radius": 1, "augmentation": {"mosaic": 0.0}}}
    later["data"] |= {"finish_epochs": 2, "finish": {"blur": 0.5}}
    check_resumable(stored, parse_config(later, "later"), 7, {}, "last.safetensors")
    with pytest.raises(InputError, match=r"network\.embedding: 128 -> 64"):
        check_resumable(
            stored, parse_config(later | {"network": {"embedding": 64}}, "later"), 7, {}, "last.safetensors"
        )
