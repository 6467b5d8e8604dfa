"""What a run needs, checked before it begins: the lines are those that the run itself would end with."""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_run import configuration

from fairmot.errors import InputError
from fairmot.training.check import check_run
from fairmot.training.launch import launch
from fairmot.training.loop import train


@dataclass
class Place:
    """A folder with four labelled images."""

    folder: Path
    description: Path

    def config(self, name="run", data=(), **settings):
        return configuration(self.description, self.folder / name, data=data, **settings)


@pytest.fixture
def place(tmp_path, write_people):
    write_people(tmp_path / "people", count=4)
    return Place(tmp_path, tmp_path / "people" / "data.json")


def refused_alike(config, engine="torch", **options):
    """The line with which both the check and the run refuse a configuration."""
    with pytest.raises(InputError) as checked:
        check_run(config, engine, "cpu", **options)
    with pytest.raises(InputError) as ran:
        train(config, engine, "cpu", **options)
    assert str(checked.value) == str(ran.value)
    return str(checked.value)


def test_the_check_refuses_what_the_run_would(place):
    pytest.importorskip("torch")
    assert check_run(place.config(), "torch", "cpu").epoch_steps == 2
    assert "nowhere" in refused_alike(place.config(data={"validation": "nowhere"}, validate_every_epochs=1))
    assert "nothing to validate on" in refused_alike(place.config(validate_every_epochs=1))
    assert "fewer than one batch of 5" in refused_alike(place.config(batch_size=5))
    assert "no.safetensors" in refused_alike(place.config(start_weights=str(place.folder / "no.safetensors")))
    assert [path.name for path in place.folder.iterdir()] == ["people"]


def test_a_finished_run_is_said_to_be_one(place):
    pytest.importorskip("torch")
    train(place.config(), "torch", "cpu")
    lines = []
    train(place.config(), "torch", "cpu", resume=True, log=lines.append)
    finished = check_run(place.config(), "torch", "cpu", resume=True).finished
    assert finished in lines
    assert finished.endswith("run holds a finished run of 2 epochs; more train.epochs continue it")
    assert check_run(place.config(epochs=3), "torch", "cpu", resume=True).finished is None
    assert "has taken 4 steps, 2 epochs, and train.epochs is 1" in refused_alike(place.config(epochs=1), resume=True)
    assert "holds a run already" in refused_alike(place.config())
    # Killed between its last step and its last weights: a resumed run has still something to do.
    (place.config().train.output / "weights.safetensors").unlink()
    assert check_run(place.config(), "torch", "cpu", resume=True).finished is None


def test_a_folder_that_cannot_be_made_is_noticed(place):
    pytest.importorskip("torch")
    (place.folder / "file").write_text("")
    with pytest.raises(InputError, match=r"file is a file; set another train.output"):
        check_run(place.config("file/run"), "torch", "cpu")
    if os.geteuid() == 0:
        return  # root may write anywhere
    (place.folder / "closed").mkdir(mode=0o500)
    with pytest.raises(InputError, match="no permission in"):
        check_run(place.config("closed/run"), "torch", "cpu")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("n" * 300, "File name too long"),
        (f"{'n' * 300}/run", "File name too long"),
        ("lost", "lost is a link that leads nowhere"),
        ("round/run", "round is a link that leads nowhere"),
        pytest.param(
            "locked/within/run",
            "Permission denied",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere"),
        ),
    ],
)
def test_a_path_that_the_system_refuses_is_one_line(place, name, reason):
    """Asking whether it exists may fail by itself, such as below a folder without permission to look in."""
    (place.folder / "locked").mkdir()
    (place.folder / "lost").symlink_to("nowhere")
    (place.folder / "round").symlink_to("round")
    (place.folder / "locked").chmod(0o600)
    try:
        with pytest.raises(InputError, match=rf"cannot be written: .*{reason}; set another train\.output$"):
            check_run(place.config(name), "torch", "cpu")
        with pytest.raises(InputError, match=r"cannot be written"):
            launch([], "torch", 2, place.folder / name, device="cpu")
    finally:
        (place.folder / "locked").chmod(0o700)


def test_an_engine_that_is_not_installed_is_noticed(place, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'fairmot\[mindspore\]'"):
        check_run(place.config(), "mindspore", "cpu")
