"""Worker threads that fill the images of batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.data.batch import BatchT, Filler


def batches_by_threads(
    filler: Filler[BatchT], epoch: int, chunks: Iterable[NDArray[np.integer[Any]]], count: int, ahead: int
) -> Generator[BatchT, None, None]:
    """Yield the batches of these images in order; the threads live as long as the iterator.

    Args:
        filler: makes batches and fills them.
        epoch: which one it fills.
        chunks: indices of the images of each batch.
        count: threads; 0 works in the calling thread.
        ahead: batches that are ready or being made while the caller uses another.

    Raises: what ``filler`` does.
    """
    if count == 0:
        for chunk in chunks:
            batch = filler.reserve(chunk)
            for slot, index in enumerate(chunk):
                filler.fill(batch, slot, epoch, int(index))
            yield batch
        return
    pool = ThreadPoolExecutor(count, thread_name_prefix="fairmot-loader")
    waiting: deque[tuple[BatchT, list[Future[None]]]] = deque()
    try:
        for chunk in chunks:
            batch = filler.reserve(chunk)
            jobs = [pool.submit(filler.fill, batch, slot, epoch, int(index)) for slot, index in enumerate(chunk)]
            waiting.append((batch, jobs))
            if len(waiting) > ahead:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _finished(batch: BatchT, jobs: list[Future[None]]) -> BatchT:
    for job in jobs:
        job.result()
    return batch
