"""The window, with a stand-in for Tk: no screen is needed, and the images that it gets are looked at."""

import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from fairmot.detections import Detections
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.window import Window, WindowClosed, screen_problem
from fairmot.media.sources.frames import read_frames
from fairmot.workflows.track.track import track


@pytest.fixture
def screen(monkeypatch):
    """What was shown, and the function that Tk calls when the user closes the window."""
    seen = SimpleNamespace(images=[], close=None, is_open=False, after=None)

    class Root:
        def __init__(self):
            seen.is_open = True

        def title(self, text):
            seen.title = text

        def protocol(self, _, function):
            seen.close = function

        def update(self):
            if len(seen.images) == seen.after:
                seen.close()

        def destroy(self):
            seen.is_open = False

    class Label:
        def __init__(self, *_, **__):
            pass

        def pack(self):
            pass

        def configure(self, image):
            seen.images.append(image)

    def photo(data, format):
        assert format == "PPM"
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)

    fake = SimpleNamespace(Tk=Root, Label=Label, PhotoImage=photo, TclError=RuntimeError)
    monkeypatch.setitem(sys.modules, "tkinter", fake)
    return seen


def test_large_images_are_reduced_and_keep_their_colours(screen):
    assert screen_problem() is None
    window = Window("street")
    window.show(np.full((1080, 1920, 3), (10, 20, 200), np.uint8))
    assert screen.images[0].shape == (720, 1280, 3)
    assert screen.images[0][5, 5].tolist() == [10, 20, 200]
    window.show(np.zeros((120, 160, 3), np.uint8))
    assert screen.images[1].shape == (120, 160, 3)
    window.close()
    assert not screen.is_open


def test_closing_is_told(screen):
    window = Window("street")
    screen.after = 1
    with pytest.raises(WindowClosed):
        window.show(np.zeros((120, 160, 3), np.uint8))
    window.close()


@pytest.mark.parametrize("video", [True, False])
def test_closing_the_window_ends_a_run_with_whole_files(screen, rendered, tmp_path, video):
    screen.after = 4
    source = rendered.encode(tmp_path / "a.mp4", 30)
    nobody = Detections(np.empty((0, 4)), np.empty(0))
    wanted = Outputs(video=video, show=True)
    (run,) = track(source, lambda _: nobody, output=tmp_path / "out", outputs=wanted)
    assert run.interrupted
    assert run.frame_count < 30
    assert len(screen.images) == 4
    assert not screen.is_open
    if video:
        assert len(list(read_frames(run.video))) >= run.frame_count


def test_no_tk_is_a_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "tkinter", None)
    assert "no tkinter" in screen_problem()
