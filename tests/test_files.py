import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import save_file

from fairmot.files import folder_name, numbered_folder, replacing, sweep


def test_a_finished_block_replaces_the_file(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    for text in ("old", "new"):
        with replacing(path) as temporary:
            assert temporary.suffix == ".txt"
            temporary.write_text(text)
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_block_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(path) as temporary:
        temporary.write_bytes(b"half" + (tmp_path / "absent").read_bytes())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_handle_that_is_synced_may_write(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    modes = []

    def mode_of(descriptor):
        return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE

    monkeypatch.setattr(os, "fsync", lambda descriptor: modes.append(mode_of(descriptor)))
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert modes == [os.O_RDWR]
    with (tmp_path / "a.txt").open("rb") as file:  # the twin
        assert mode_of(file.fileno()) == os.O_RDONLY


def test_half_written_bytes_do_not_stay(tmp_path):
    path = tmp_path / "a.txt"

    def write_and_fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_and_fail()
    assert not list(tmp_path.iterdir())


def test_folders_are_numbered_unless_they_may_be_overwritten(tmp_path):
    assert numbered_folder(tmp_path, "run").name == "run"
    assert numbered_folder(tmp_path, "run").name == "run-2"
    assert numbered_folder(tmp_path, "run").name == "run-3"
    assert numbered_folder(tmp_path, "run", overwrite=True).name == "run"


def test_two_calls_at_once_get_two_folders(tmp_path):
    for turn in range(20):
        start = threading.Barrier(8)
        found = []

        def call(start=start, found=found, turn=turn):
            start.wait()
            found.append(numbered_folder(tmp_path / f"new-{turn}", "run"))

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = ["run", *(f"run-{number}" for number in range(2, 9))]
        assert sorted(path.name for path in found) == expected


def test_a_folder_that_appears_after_the_check_is_not_taken(tmp_path, monkeypatch):
    """The race as one run sees it: the folder does not exist, and then another process creates it."""
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert numbered_folder(tmp_path, "run") == tmp_path / "run-2"


def test_a_parent_that_is_a_file_is_an_error_not_an_endless_search(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError):
        numbered_folder(tmp_path / "file", "run")


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def write_privately(path):
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    os.close(descriptor)
    Path(name).replace(path)


def write_by_safetensors(path):
    save_file({"weight": np.zeros(2, dtype=np.float32)}, path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("write", [write_privately, write_by_safetensors, lambda path: path.write_text("plain")])
def test_a_file_has_the_permissions_of_any_new_file(tmp_path, umask, write):
    path = tmp_path / "a.safetensors"
    for _ in range(2):
        with replacing(path) as temporary:
            write(temporary)
        assert mode(path) == 0o666 & ~umask == 0o640
    assert list(tmp_path.iterdir()) == [path]
    # The twin: what the private writer leaves by itself is something else.
    write_privately(tmp_path / "b.safetensors")
    assert mode(tmp_path / "b.safetensors") == 0o600


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.txt"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_link_keeps_its_own_name(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder", target_is_directory=True)
    assert folder_name(tmp_path / "link") == folder_name(f"{tmp_path}/link/") == "link"
    monkeypatch.chdir(tmp_path / "folder")
    assert folder_name(".") == "folder"
    assert folder_name("..") == tmp_path.resolve().name


def test_a_file_that_its_writer_leaves_read_only_is_taken(tmp_path, monkeypatch):
    """As MindSpore's export does; the superuser may open it all the same, so the order of the calls is looked at."""
    modes = []
    real_open = Path.open

    def opened(path, mode="r", *arguments, **named):
        if mode == "r+b":
            modes.append(stat.S_IMODE(path.stat().st_mode))
        return real_open(path, mode, *arguments, **named)

    monkeypatch.setattr(Path, "open", opened)
    with replacing(tmp_path / "a.mindir") as temporary:
        temporary.write_bytes(b"network")
        temporary.chmod(stat.S_IRUSR)
    assert (tmp_path / "a.mindir").read_bytes() == b"network"
    assert modes
    assert all(mode & stat.S_IWUSR for mode in modes)


def test_what_is_swept_belongs_to_no_process_that_may_write_it(tmp_path):
    """A number alone does not tell: in a container every start gives the same ones."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        began = psutil.Process(other.pid).create_time()
        names = {f".{name}.{other.pid}.part.txt": began + age for name, age in [("before", -60), ("after", 60)]}
        names[".gone.99999999.part.txt"] = names[f".own.{os.getpid()}.part.txt"] = began
        for name, changed in names.items():
            (tmp_path / name).write_text("half")
            os.utime(tmp_path / name, (changed, changed))
        sweep(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [f".after.{other.pid}.part.txt"]
        other.communicate(b"\n")
    sweep(tmp_path)
    assert not list(tmp_path.iterdir())
