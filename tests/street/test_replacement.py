"""What a rendered street may take the place of, and what a run that is stopped leaves there."""

import itertools
import shutil
from pathlib import Path

import pytest

from fairmot.errors import InputError
from fairmot.street import render_street, sequence, write_street

SMALL = {"people": 1, "frames": 2, "size": (128, 128)}


@pytest.fixture(scope="module")
def streets():
    """Two streets, rendered once: drawing them is what takes time."""
    return {seed: list(render_street(seed=seed, **SMALL)) for seed in (4, 5)}


@pytest.fixture
def rendered(tmp_path, streets, monkeypatch):
    monkeypatch.setattr(sequence, "render_street", lambda people, frames, seed, *rest: iter(streets[seed]))
    return write_street(tmp_path, "walk", seed=4, **SMALL)


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(folder, problem):
    """The one error with which a second run leaves everything as it was, before and after rendering."""
    before = files(folder.parent)
    names = sorted(folder.parent.rglob("*"))
    calls = []
    with pytest.raises(InputError, match=problem) as caught:
        write_street(folder.parent, folder.name, seed=5, **SMALL, overwrite=True, progress=lambda *c: calls.append(c))
    assert "\n" not in str(caught.value)
    assert "move it away" in str(caught.value)
    assert calls == []
    assert files(folder.parent) == before
    assert sorted(folder.parent.rglob("*")) == names


@pytest.mark.parametrize("name", ["notes.txt", "img1/mine.png", "gt/gt.txt.bak", "det/det.txt", ".git/config"])
def test_a_folder_with_a_foreign_file_is_left_alone(rendered, name):
    (rendered / name).parent.mkdir(exist_ok=True)
    (rendered / name).write_text("mine")
    refused(rendered, name.split("/", maxsplit=1)[0])
    # The twin: without the file the same run replaces.
    (rendered / name).unlink()
    if not any((rendered / name).parent.iterdir()):
        (rendered / name).parent.rmdir()
    before = files(rendered)
    write_street(rendered.parent, "walk", seed=5, **SMALL, overwrite=True)
    assert files(rendered) != before


def test_a_recorded_sequence_of_the_same_layout_is_left_alone(rendered):
    information = rendered / "seqinfo.ini"
    information.write_text("".join(information.read_text().splitlines(keepends=True)[1:]))
    refused(rendered, "its seqinfo.ini is not that of a rendered sequence")
    information.unlink()
    refused(rendered, "no seqinfo.ini")


def test_a_file_is_left_alone(rendered, tmp_path):
    (tmp_path / "mine").write_text("mine")
    refused(tmp_path / "mine", "it is a file")


def test_links_are_left_alone(rendered, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(rendered, target_is_directory=True)
    refused(link, "it is a link")
    link.unlink()
    (rendered / "img1").rename(tmp_path / "images")
    (rendered / "img1").symlink_to(tmp_path / "images", target_is_directory=True)
    refused(rendered, "img1 in it")


def test_a_file_that_comes_while_rendering_is_kept(rendered):
    def disturb(name, done, total):
        (rendered / "notes.txt").write_text("mine")

    before = files(rendered)
    with pytest.raises(InputError, match=r"notes\.txt"):
        write_street(rendered.parent, "walk", seed=5, **SMALL, overwrite=True, progress=disturb)
    assert files(rendered) == {**before, Path("notes.txt"): b"mine"}
    assert list(rendered.parent.iterdir()) == [rendered]


def test_a_failure_while_rendering_leaves_the_old_sequence(rendered):
    def fail(name, done, total):
        raise RuntimeError("stop")

    before = files(rendered)
    with pytest.raises(RuntimeError, match="stop"):
        write_street(rendered.parent, "walk", seed=5, **SMALL, overwrite=True, progress=fail)
    assert files(rendered) == before
    assert list(rendered.parent.iterdir()) == [rendered]


@pytest.mark.parametrize("which", [1, 2])
def test_a_failure_while_renaming_leaves_the_old_sequence(rendered, monkeypatch, which):
    rename = Path.rename
    count = itertools.count(1)

    def failing(path, target):
        if next(count) == which:
            raise OSError("the disk is gone")
        return rename(path, target)

    before = files(rendered)
    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="the disk is gone"):
        write_street(rendered.parent, "walk", seed=5, **SMALL, overwrite=True)
    assert files(rendered) == before
    assert list(rendered.parent.iterdir()) == [rendered]


def test_the_old_sequence_is_there_until_the_new_one_is(rendered, monkeypatch):
    deleted = []
    rmtree = shutil.rmtree

    def watch(folder, **options):
        if folder.exists():
            deleted.append((folder.name, files(rendered)))
        rmtree(folder, **options)

    before = files(rendered)
    monkeypatch.setattr(shutil, "rmtree", watch)
    write_street(rendered.parent, "walk", seed=5, **SMALL, overwrite=True)
    assert files(rendered) != before
    assert deleted == [(".walk.old", files(rendered))]


def test_a_run_that_was_stopped_between_its_renames_is_mended(rendered):
    before = files(rendered)
    rendered.rename(rendered.with_name(".walk.old"))
    with pytest.raises(InputError, match="exists already"):
        write_street(rendered.parent, "walk", seed=5, **SMALL)
    assert files(rendered) == before
    assert list(rendered.parent.iterdir()) == [rendered]


def test_a_run_that_was_stopped_while_it_deleted_is_mended(rendered):
    before = files(rendered)
    aside = rendered.with_name(".walk.old")
    shutil.copytree(rendered / "img1", aside / "img1")
    write_street(rendered.parent, "walk", seed=4, **SMALL, overwrite=True)
    assert files(rendered) == before
    assert list(rendered.parent.iterdir()) == [rendered]
    aside.mkdir()
    (aside / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"\.walk\.old: .*notes\.txt"):
        write_street(rendered.parent, "walk", seed=4, **SMALL, overwrite=True)
    assert (aside / "notes.txt").read_text() == "mine"
    assert files(rendered) == before
