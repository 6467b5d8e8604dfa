"""Worker processes that fill the images of batches in shared memory, as the loader's threads do in its own.

Each has a pipe of its own, and nothing has a lock: a worker that is killed holds up nobody, and the loader says so.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory
from typing import Any, Generic, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.data.batch import BatchT, Filler
from fairmot.data.shared_memory import Layout, arrays_in, create_blocks, free_blocks, layout_of
from fairmot.errors import InputError
from fairmot.interrupts import SIGNALS

_END_SECONDS = 10.0
"""How long a process whose pipe has ended may take to end."""


class WorkerProcesses(Generic[BatchT]):
    """A number of processes and a ring of batches in shared memory; a context that ends them."""

    def __init__(self, filler: Filler[BatchT], batch_size: int, count: int, ahead: int) -> None:
        """Start them.

        Args:
            filler: makes batches and fills them.
            batch_size: images in a batch.
            count: processes.
            ahead: batches that are ready or being made while the caller uses another.

        Raises:
            SharedMemoryFullError: the batches do not fit there.
        """
        self._filler = filler
        example = filler.reserve(np.zeros(batch_size, dtype=np.int64))
        self._layout, size = layout_of(example)
        self._blocks = create_blocks(size, ahead + 1)
        self._turn = 0
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []
        names = [block.name for block in self._blocks]
        try:
            with _signals_held_back():
                for number in range(count):
                    here, there = context.Pipe()
                    process = context.Process(
                        target=_work,
                        args=(filler, batch_size, names, self._layout, there),
                        name=f"fairmot-loader-{number}",
                        daemon=True,
                    )
                    process.start()
                    there.close()  # so that the pipe ends with the process
                    self._pipes.append(here)
                    self._processes.append(process)
        except BaseException:
            self.close()
            raise

    def batches(self, epoch: int, chunks: Iterable[NDArray[np.integer[Any]]]) -> Iterator[BatchT]:
        """Yield the batches of these images in order.

        Raises:
            InputError: an image cannot be read.
            RuntimeError: any other failure with an image, or a worker that is gone.
        """
        free = deque(range(len(self._blocks)))
        waiting: deque[tuple[int, NDArray[np.integer[Any]]]] = deque()
        missing = [0] * len(self._blocks)
        for chunk in chunks:
            block = free.popleft()
            missing[block] = len(chunk)
            for slot, index in enumerate(chunk.tolist()):
                self._send((block, slot, epoch, index), missing)
            waiting.append((block, chunk))
            if not free:
                yield self._take(waiting, missing, free)
        while waiting:
            yield self._take(waiting, missing, free)

    def close(self) -> None:
        """End the processes and free the memory."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()
            process.close()
        for pipe in self._pipes:
            pipe.close()
        free_blocks(self._blocks)
        self._processes, self._pipes, self._blocks = [], [], []

    def _send(self, job: tuple[int, int, int, int], missing: list[int]) -> None:
        self._receive(missing, timeout=0)  # full pipes in both directions would wait for each other
        self._turn = (self._turn + 1) % len(self._pipes)
        try:
            self._pipes[self._turn].send(job)
        except OSError:
            raise self._gone(self._pipes[self._turn]) from None

    def _receive(self, missing: list[int], timeout: float | None = None) -> None:
        """Wait for results, at most so many seconds, and count them."""
        for pipe in wait(self._pipes, timeout):
            try:
                done, problem = cast("Connection", pipe).recv()
            except (EOFError, OSError):
                raise self._gone(cast("Connection", pipe)) from None
            if problem is not None:
                is_input, message = problem
                raise InputError(message) if is_input else RuntimeError(message)
            missing[done] -= 1

    def _take(
        self, waiting: deque[tuple[int, NDArray[np.integer[Any]]]], missing: list[int], free: deque[int]
    ) -> BatchT:
        """Wait for the oldest batch and copy it out of its block, which is free again."""
        block, chunk = waiting.popleft()
        while missing[block]:
            self._receive(missing)
        batch = self._filler.reserve(chunk)
        for name, array in arrays_in(self._blocks[block], self._layout).items():
            getattr(batch, name)[...] = array
        free.append(block)
        return batch

    def _gone(self, pipe: Connection) -> RuntimeError:
        process = self._processes[self._pipes.index(pipe)]
        # Its files, and with them the pipe, close before it has ended: only then has it an exit code.
        process.join(_END_SECONDS)
        code = "none yet" if process.exitcode is None else process.exitcode
        return RuntimeError(
            f"a loader process ended by itself (exit code {code}): out of memory or killed; "
            "fewer data.workers need less memory, and data.worker_processes=false takes threads"
        )


def _work(filler: Filler[Any], batch_size: int, names: list[str], layout: Layout, pipe: Connection) -> None:
    """Fill what the pipe asks for until its other end is gone."""
    cv2.setNumThreads(1)  # there is a process for each core
    blocks = [SharedMemory(name=name) for name in names]
    batches: dict[int, Any] = {}
    array: Any = None
    shared = filler.reserve(np.zeros(batch_size, dtype=np.int64))
    for number, block in enumerate(blocks):
        batches[number] = arrays_in(block, layout)
    try:
        while True:
            number, slot, epoch, index = pipe.recv()
            for name, array in batches[number].items():
                setattr(shared, name, array)
            problem = None
            try:
                filler.fill(shared, slot, epoch, index)
            except InputError as error:
                problem = True, str(error)
            except Exception as error:
                problem = False, str(error)
            pipe.send((number, problem))
    except (EOFError, OSError):
        pass  # the other end is gone: nobody asks any more
    finally:
        array = shared = None  # the blocks close when nothing refers to them, also before the first job
        batches.clear()
        for block in blocks:
            block.close()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let processes that are started here never see the signals that end a run: it ends them itself, once it has saved.

    A terminal sends Ctrl-C to all processes of a command, and a service manager SIGTERM.
    """
    mask: Callable[..., Any] | None = getattr(signal, "pthread_sigmask", None)
    if mask is None:
        yield
        return
    before = mask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        mask(signal.SIG_SETMASK, before)
