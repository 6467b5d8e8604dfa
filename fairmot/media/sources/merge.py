"""Frames of several sources, merged as they arrive."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Sequence

from fairmot.media.sources.frame import Frame
from fairmot.media.sources.frames import FrameReader


def merged(readers: Sequence[FrameReader]) -> Generator[list[tuple[int, Frame | OSError]]]:
    """Yield batches of frames as they arrive: each holds all frames that are ready, at most one of each source.

    Each frame is paired with the index of its reader. A source that fails yields its error instead, and then ends.
    """
    waiting: queue.Queue[tuple[int, Frame | OSError | None]] = queue.Queue()
    # One place in the queue for each source, so that a fast one does not crowd the others out of a batch.
    places = [threading.Semaphore(1) for _ in readers]
    stopped = threading.Event()

    def take(wait: bool) -> tuple[int, Frame | OSError | None]:
        item = waiting.get(block=wait)
        places[item[0]].release()
        return item

    def produce(place: int, reader: FrameReader) -> None:
        end: OSError | None = None
        try:
            for frame in reader:
                places[place].acquire()
                if stopped.is_set():
                    break
                waiting.put((place, frame))
        except OSError as error:
            end = error
        waiting.put((place, end))

    threads = [
        threading.Thread(target=produce, args=item, name="fairmot-source", daemon=True) for item in enumerate(readers)
    ]
    for thread in threads:
        thread.start()
    held: list[tuple[int, Frame | OSError | None]] = []
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
            frames = [(place, found) for place, found in batch if found is not None]
            if frames:
                yield frames
    finally:
        stopped.set()
        for reader in readers:
            reader.stop()
        for place in places:
            place.release()
        for thread in threads:
            thread.join()
