import pytest

from fairmot.files import numbered_folder, replacing


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
