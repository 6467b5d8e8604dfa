"""Frames of several sources, merged as they arrive."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Sequence

from fairmot.errors import InputError
from fairmot.media.sources.frame import Frame
from fairmot.media.sources.reader import FrameReader

_LONGEST_READ_SECONDS = 20.0


def merged(readers: Sequence[FrameReader]) -> Generator[list[tuple[int, Frame | InputError]]]:
    """Yield batches of frames as they arrive: each holds all frames that are ready, at most one of each source.

    Each frame is paired with the index of its reader. A source that cannot be read on yields its error instead, and
    then ends. Any other exception in a reading thread is raised here.
    """
    waiting: queue.SimpleQueue[tuple[int, Frame | BaseException | None]] = queue.SimpleQueue()
    # One place in the queue for each source, so that a fast one does not crowd the others out of a batch.
    places = [threading.Semaphore(1) for _ in readers]
    stopped = threading.Event()

    def take(wait: bool) -> tuple[int, Frame | BaseException | None]:
        item = waiting.get(block=wait)
        places[item[0]].release()
        return item

    def produce(place: int, reader: FrameReader) -> None:
        end: BaseException | None = None
        try:
            for frame in reader:
                places[place].acquire()
                if stopped.is_set():
                    break
                waiting.put((place, frame))
        except BaseException as error:
            end = error
        finally:
            waiting.put((place, end))

    threads = [
        threading.Thread(target=produce, args=item, name="fairmot-source", daemon=True) for item in enumerate(readers)
    ]
    for thread in threads:
        thread.start()
    held: list[tuple[int, Frame | BaseException | None]] = []
    running = len(readers)
    try:
        while running:
            batch = [held.pop(0) if held else take(wait=True)]
            while True:
                try:
                    item = held.pop(0) if held else take(wait=False)
                except queue.Empty:
                    break
                if item[0] in {place for place, _ in batch}:
                    held.insert(0, item)
                    break
                batch.append(item)
            running -= sum(not isinstance(found, Frame) for _, found in batch)
            frames = []
            for source, found in batch:
                if isinstance(found, Frame | InputError):
                    frames.append((source, found))
                elif found is not None:
                    raise found
            if frames:
                yield frames
    finally:
        stopped.set()
        for reader in readers:
            reader.stop()
        for place in places:
            place.release()
        for thread in threads:
            thread.join(_LONGEST_READ_SECONDS)
