"""Write an H.264 video that plays in browsers, in a background thread."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import cv2

from fairmot.files import replacing
from fairmot.geometry import ImageArray
from fairmot.media.hardware import SOFTWARE
from fairmot.media.outputs.encoders import TICKS_PER_FRAME, check_encoder, choose_encoder
from fairmot.media.outputs.sound import SoundTrack
from fairmot.media.sources.sound import Sound

ImageOrMaker = ImageArray | Callable[[], ImageArray]

# How long a second Ctrl-C waits for the thread, which drops what is left after the image at hand.
_ABANDON_SECONDS = 10.0
# An image is shown for an hour at most.
_LONGEST_LEAP_SECONDS = 3600.0
_MOST_FRAMES = 1e12


class _Abandoned(Exception):  # noqa: N818
    """No error: the file is dropped on purpose."""


class VideoWriter:
    """Encodes images to MP4 (H.264, yuv420p, index in front) in a background thread.

    H.264 in yuv420p needs even sides: an image of odd width or height gets its last column or row repeated once.
    The bytes of a file depend on the number of processors, since x264 cuts each image into as many slices.
    The file appears under its name when the block ends well. After an exception it is dropped, or, with
    ``keep_on_error``, finished with the images so far. Without any image no file is written.

    Args:
        path: the file, ``.mp4``.
        size: width and height of the images, pixels.
        frame_rate: frames/s.
        keep_on_error: finish the file also when the block is left by an exception (Ctrl-C).
        queue_images: how many images may wait; ``write`` blocks while the queue is full.
        sound: the sound that belongs to the images, as long as they last; ``sound_start`` shifts it.
        encoder: what encodes: ``software`` (x264); a device by FFmpeg's name, such as ``cuda``, ``qsv``, ``vaapi`` or
            ``videotoolbox``; ``auto``: the first device that opens, else software. Software stands in for a device that
            does not open; ``fallback`` says why.

    Raises:
        InputError: there is no such encoder.
        OSError: the file cannot be written (raised by ``write`` or at the end); nothing is left of it.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        frame_rate: float | Fraction,
        keep_on_error: bool = False,
        queue_images: int = 4,
        sound: Sound | None = None,
        encoder: str = SOFTWARE,
    ) -> None:
        check_encoder(encoder)
        self.path = Path(path)
        self.size = size
        # Also turns 29.97002997 back into 30000/1001.
        self.frame_rate = Fraction(frame_rate).limit_denominator(30030)
        if self.frame_rate <= 0:
            raise ValueError(f"frame rate {frame_rate}, expected a positive number")
        self.frame_count = 0
        """Images encoded so far."""
        self.busy_seconds = 0.0
        """Time that the background thread spent on making and encoding images."""
        self.encoder: str | None = None
        """What encodes, ``software`` or a device; None: nothing yet."""
        self.fallback: str | None = None
        """Why software encodes although a device was named, in one line; None: it does what was named."""
        self.sound_start = 0.0
        """Time of the first image on the clock of the sound's video, seconds; set it before the first image."""
        self._sound = sound
        self._wanted = encoder
        self._keep_on_error = keep_on_error
        # The end mark never waits for room: a second Ctrl-C could end that wait, and the thread would never get it.
        self._waiting: queue.SimpleQueue[tuple[ImageOrMaker, float | None] | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(max(1, queue_images))
        self._error: BaseException | None = None
        self._abandoned = False
        self._ended = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work, name="fairmot-video-writer", daemon=True)
        self._thread.start()
        return self

    def write(self, image: ImageOrMaker, seconds: float | None = None) -> None:
        """Queue an image.

        Args:
            image: BGR uint8 [H, W, 3] of the writer's size, which must not change afterwards; or a function without
                arguments that makes it, called in the background thread, in order.
            seconds: time of the image after the first; left out: one frame after the last. Two images never
                get the same time; a leap of more than an hour becomes one of an hour.

        Raises:
            OSError: encoding an earlier image failed, for example on a full disk.
        """
        if self._thread is None:
            raise RuntimeError("VideoWriter.write outside of its with block")
        if self._error is not None:
            raise self._error
        if not callable(image):
            self._check(image)
        self._room.acquire()
        self._waiting.put((image, seconds))

    def close(self) -> None:
        """Encode the waiting images and give the file its name. Later calls do nothing."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._waiting.put(None)
        try:
            thread.join()
        except BaseException:  # Ctrl-C while waiting: without the file its temporary form would stay behind
            self._abandoned = True
            thread.join(_ABANDON_SECONDS)
            raise
        if self._error is not None:
            raise self._error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self.close()
            return
        self._abandoned = not self._keep_on_error
        # The exception under way says more than an error that follows from it.
        with suppress(Exception):
            self.close()

    def _check(self, image: ImageArray) -> None:
        if image.shape != (self.size[1], self.size[0], 3):
            raise ValueError(f"image {image.shape}, expected {(self.size[1], self.size[0], 3)}")

    def _work(self) -> None:
        try:
            with replacing(self.path) as temporary:
                self._encode(temporary)
                if self._abandoned or self.frame_count == 0:
                    raise _Abandoned
        except _Abandoned:
            pass
        except BaseException as error:
            self._error = error
        # After an error ``write`` may still be about to queue an image: take everything up to the end mark.
        while not self._ended:
            self._next()

    def _next(self) -> tuple[ImageOrMaker, float | None] | None:
        item = self._waiting.get()
        self._room.release()
        self._ended = item is None
        return item

    def _encode(self, path: Path) -> None:
        first = self._next()
        if first is None:
            return
        with (
            ExitStack() as stack,
            av.open(f"file:{path}", "w", format="mp4", options={"movflags": "+faststart"}) as container,
        ):
            stream, layout = self._add_stream(container)
            track = self._add_sound(container, stack)
            tick_seconds = float(stream.codec_context.time_base)
            item: tuple[ImageOrMaker, float | None] | None = first
            last_tick = -TICKS_PER_FRAME
            self._left_out = 0
            while item is not None:
                image, seconds = item
                if self._abandoned:
                    raise _Abandoned
                started = time.perf_counter()
                # OpenCV converts to the encoder's format in a fifth of swscale's time (1.3 and 6.8 ms at 1080p).
                planes = cv2.cvtColor(self._even(image), cv2.COLOR_BGR2YUV_I420)
                frame = av.VideoFrame.from_ndarray(planes, format="yuv420p").reformat(format=layout)
                last_tick = frame.pts = self._tick(seconds, last_tick)
                frame.time_base = stream.codec_context.time_base
                container.mux(stream.encode(frame))
                if track is not None:
                    track.until(last_tick * tick_seconds)
                self.frame_count += 1
                self.busy_seconds += time.perf_counter() - started
                item = self._next()
            container.mux(stream.encode(None))
            if track is not None and not self._abandoned:
                track.until((last_tick + TICKS_PER_FRAME) * tick_seconds)
                track.finish()

    def _add_sound(self, container: Any, stack: ExitStack) -> SoundTrack | None:
        if self._sound is None:
            return None
        try:
            return stack.enter_context(SoundTrack(container, self._sound, self.sound_start))
        except (av.FFmpegError, ValueError):  # the video is worth more than its sound
            return None

    def _add_stream(self, container: Any) -> tuple[Any, str]:
        """Return the stream of images, and the format of the frames that its encoder takes."""
        width, height = (side + side % 2 for side in self.size)
        encoder, self.fallback = choose_encoder(self._wanted, (width, height), self.frame_rate)
        self.encoder = encoder.device
        return encoder.add_stream(container, (width, height), self.frame_rate), encoder.pixel_format

    def _tick(self, seconds: float | None, last_tick: int) -> int:
        if seconds is None:
            return last_tick + TICKS_PER_FRAME
        frames = min(float(seconds * self.frame_rate), _MOST_FRAMES)
        # Containers round time stamps (Matroska to 1 ms): a constant rate stays constant.
        snapped = round(frames) if abs(frames - round(frames)) < 0.05 else frames
        tick = round(snapped * TICKS_PER_FRAME) - self._left_out
        # MP4 cannot hold a leap of days, such as a camera's clock makes when it is set.
        longest = round(max(_LONGEST_LEAP_SECONDS * float(self.frame_rate), 2) * TICKS_PER_FRAME)
        leap = max(0, tick - last_tick - longest)
        self._left_out += leap
        return max(last_tick + 1, tick - leap)

    def _even(self, given: ImageOrMaker) -> ImageArray:
        image = given() if callable(given) else given
        self._check(image)
        height, width = image.shape[:2]
        if width % 2 or height % 2:
            image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        return image
