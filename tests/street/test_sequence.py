"""The synthetic street on disk."""

import configparser

import cv2
import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.street import render_street, write_street
from fairmot.street.sequence import VISIBLE_ENOUGH

ARGUMENTS = {"people": 10, "frames": 12, "seed": 4, "size": (256, 144), "frame_rate": 20}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    calls = []
    out = tmp_path_factory.mktemp("street")
    folder = write_street(out, "walk", **ARGUMENTS, progress=lambda *call: calls.append(call))
    return folder, calls


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_layout_is_motchallenge(written):
    folder, calls = written
    assert folder.name == "walk"
    assert calls == [("render", number, 12) for number in range(1, 13)]
    assert [path.name for path in sorted(folder.parent.iterdir())] == ["walk"]
    information = configparser.ConfigParser()
    information.optionxform = str
    information.read(folder / "seqinfo.ini")
    assert dict(information["Sequence"]) == {
        "name": "walk",
        "imDir": "img1",
        "frameRate": "20",
        "seqLength": "12",
        "imWidth": "256",
        "imHeight": "144",
        "imExt": ".jpg",
    }
    assert [path.name for path in sorted((folder / "img1").iterdir())] == [f"{n:06d}.jpg" for n in range(1, 13)]


def test_rows_and_images_are_those_of_the_frames(written):
    folder, _ = written
    rows = np.loadtxt(folder / "gt" / "gt.txt", delimiter=",", ndmin=2)
    assert rows.shape[1] == 9
    assert (rows[:, 7] == 1).all()
    for number, frame in enumerate(render_street(**ARGUMENTS), start=1):
        own = rows[rows[:, 0] == number]
        np.testing.assert_array_equal(own[:, 1], frame.ids)
        # As results and labels have them; nothing is counted from 1.
        np.testing.assert_allclose(own[:, 2:6], frame.boxes_tlwh, atol=0.0051)
        for column in range(4):
            shifted = frame.boxes_tlwh + 0.02 * (np.arange(4) == column)
            with pytest.raises(AssertionError):
                np.testing.assert_allclose(own[:, 2:6], shifted, atol=0.0051)
        np.testing.assert_allclose(own[:, 8], frame.visibility, atol=0.000051)
        np.testing.assert_array_equal(own[:, 6], frame.visibility >= VISIBLE_ENOUGH)
        image = cv2.imread(str(folder / "img1" / f"{number:06d}.jpg"))
        assert image.shape == frame.image.shape
        assert np.abs(image.astype(int) - frame.image).mean() < 5
    assert set(np.unique(rows[:, 6])) <= {0.0, 1.0}
    assert set(rows[:, 1]) == set(range(1, 11))


def test_people_who_can_hardly_be_seen_are_marked_as_ignored(tmp_path):
    folder = write_street(tmp_path, people=40, frames=3, seed=1, size=(256, 144), camera_height=(1.5, 1.6))
    rows = np.loadtxt(folder / "gt" / "gt.txt", delimiter=",", ndmin=2)
    assert folder.name == "street-1"
    hidden = rows[:, 8] < VISIBLE_ENOUGH
    assert hidden.any()
    assert (rows[hidden, 6] == 0).all()
    assert (rows[~hidden, 6] == 1).all()


def test_a_second_run_asks_first_and_gives_the_same_files(written):
    folder, _ = written
    before = files(folder)
    with pytest.raises(InputError, match="exists already"):
        write_street(folder.parent, "walk", **ARGUMENTS)
    assert files(folder) == before
    (folder / "img1" / "000013.jpg").write_bytes(b"of a longer sequence")
    write_street(folder.parent, "walk", **ARGUMENTS, overwrite=True)
    assert files(folder) == before
    assert list(folder.parent.iterdir()) == [folder]


def test_the_height_of_the_camera_is_an_option(tmp_path):
    folders = [
        write_street(
            tmp_path, f"at-{height}", seed=4, people=1, frames=2, size=(128, 128), camera_height=(height, height)
        )
        for height in (1.2, 15)
    ]
    low, high = (cv2.imread(str(folder / "img1" / "000001.jpg")).astype(int) for folder in folders)
    assert np.abs(low - high).mean() > 5
    for height in ((1.1, 2.0), (2.0, 15.1), (3.0, 2.0)):
        with pytest.raises(InputError, match=r"camera height: .* inside 1\.2 to 15"):
            write_street(tmp_path, "bad", people=1, frames=2, size=(128, 128), camera_height=height)
    assert not (tmp_path / "bad").exists()


def test_an_empty_folder_is_no_obstacle(tmp_path):
    (tmp_path / "new" / "walk").mkdir(parents=True)
    folder = write_street(tmp_path / "new", "walk", people=1, frames=1, seed=4, size=(128, 128))
    assert (folder / "img1" / "000001.jpg").is_file()


def test_an_interrupted_run_leaves_nothing_behind(tmp_path):
    def stop(name, done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_street(tmp_path, "walk", people=2, frames=5, seed=4, size=(128, 128), progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "a/b", ".."])
def test_a_name_must_be_a_folder_name(tmp_path, name):
    with pytest.raises(InputError, match="name"):
        write_street(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_bad_arguments_make_no_folder(tmp_path):
    with pytest.raises(InputError, match="people: -3"):
        write_street(tmp_path / "out", people=-3)
    assert not (tmp_path / "out").exists()


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "walk").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_street(tmp_path, "walk", people=1, frames=1)
    assert (tmp_path / "walk").read_text() == "mine"
