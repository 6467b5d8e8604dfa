"""How sources are named."""

import platform

import pytest

from fairmot.errors import InputError
from fairmot.media.sources.locations import expand, is_file_address, live_location, without_password


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("-", "stdin"),
        ("rtsp://cam.example:554/street/main?x=1", "cam.example_main"),
        ("http://host/live.ts", "host_live"),
        ("video=Integrated Camera", "Integrated Camera"),
    ],
)
def test_live_sources(word, name):
    assert live_location(word).name == name


@pytest.mark.parametrize("word", ["street.mp4", "frames/", "http://host/a/street.mp4", "1234"])
def test_files_are_no_live_sources(word):
    assert live_location(word) is None


def test_cameras_by_number(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = {}
    for system in ("Linux", "Darwin"):
        monkeypatch.setattr(platform, "system", lambda system=system: system)
        found[system] = live_location("1")
    assert (found["Linux"].address, found["Linux"].format) == ("/dev/video1", "v4l2")
    assert (found["Darwin"].address, found["Darwin"].format) == ("1:none", "avfoundation")
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    with pytest.raises(InputError, match="video="):
        live_location("1")
    # A folder of that name is meant before a camera.
    (tmp_path / "1").mkdir()
    assert live_location("1") is None


def test_passwords_are_hidden():
    assert without_password("rtsp://me:s%40cret@cam:554/a?b=1") == "rtsp://cam:554/a?b=1"
    assert without_password("street@5.mp4") == "street@5.mp4"
    assert "cret" not in str(live_location("rtsp://me:secret@cam/a"))


def test_an_address_that_is_none_is_named():
    with pytest.raises(InputError, match=r"http://\[: not an address"):
        expand(["http://["])


def test_files_over_http():
    assert is_file_address("https://host/a.mp4?token=1")
    assert not is_file_address("https://host/a.ts")
    assert not is_file_address("rtsp://host/a.mp4")


def test_globs(tmp_path):
    for name in ("b 10.png", "b 9.png", "ü 1.mp4", "ü 2.mp4", "odd[1].mp4"):
        (tmp_path / name).touch()
    assert expand([f"{tmp_path}/*.png"]) == [[tmp_path / "b 10.png", tmp_path / "b 9.png"]]
    assert expand([tmp_path / "ü*.mp4", "-"]) == [str(tmp_path / "ü 1.mp4"), str(tmp_path / "ü 2.mp4"), "-"]
    # A file whose name could be a glob is itself.
    assert expand([tmp_path / "odd[1].mp4"]) == [str(tmp_path / "odd[1].mp4")]
    with pytest.raises(InputError, match=r"\*\.avi: nothing matches"):
        expand([f"{tmp_path}/*.avi"])
