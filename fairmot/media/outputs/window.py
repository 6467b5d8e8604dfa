"""A window that shows the drawn frames."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import cv2

from fairmot.detections import Detections, Tracks
from fairmot.geometry import ImageArray
from fairmot.media.outputs.writer import Target, Writer
from fairmot.media.sources.frame import Frame

_LARGEST = (1280, 720)


class WindowClosed(KeyboardInterrupt):
    """The user closed the window, which ends the run as Ctrl-C does."""


def screen_problem() -> str | None:
    """Return why no window can be opened here, in one line; None where one can."""
    try:
        import tkinter
    except ImportError:
        return "no window: this Python has no tkinter (Debian: apt install python3-tk)"
    try:
        root = tkinter.Tk()
    except tkinter.TclError as error:
        return f"no window: {error}"
    root.destroy()
    return None


class Window:
    """Shows one image after another; all calls come from one thread.

    OpenCV without a GUI serves bare servers, so the window is Tk's, which comes with Python.
    """

    def __init__(self, title: str) -> None:
        import tkinter

        self._tk = tkinter
        self._root = tkinter.Tk()
        self._root.title(title)
        self._root.protocol("WM_DELETE_WINDOW", self._close)
        self._label = tkinter.Label(self._root, borderwidth=0)
        self._label.pack()
        self._image: Any = None
        self._is_closed = False

    def show(self, image: ImageArray) -> None:
        """Show an image, BGR uint8 [H, W, 3]; large ones are reduced.

        Raises:
            WindowClosed: the user closed it.
        """
        scale = min(1.0, *(most / side for most, side in zip(_LARGEST, image.shape[1::-1], strict=True)))
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        data = cv2.imencode(".ppm", image)[1].tobytes()
        # Tk keeps no reference of its own: without this one the image would disappear.
        self._image = self._tk.PhotoImage(data=data, format="PPM")
        self._label.configure(image=self._image)
        self._root.update()
        if self._is_closed:
            raise WindowClosed

    def close(self) -> None:
        """Close the window."""
        if not self._is_closed:
            self._close()

    def _close(self) -> None:
        self._is_closed = True
        self._root.destroy()


class FrameWindow(Writer):
    """A window with the name of the source, which shows frames that are drawn."""

    def __init__(self, target: Target) -> None:
        self._title = target.name

    def __enter__(self) -> Self:
        self._window = Window(self._title)
        return self

    def write(self, frame: Frame, tracks: Tracks, detections: Detections | None = None) -> None:
        """Show a drawn frame.

        Raises:
            WindowClosed: the user closed the window.
        """
        self._window.show(frame.image)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._window.close()
