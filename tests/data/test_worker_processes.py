"""Worker processes of the loader: the same batches as threads, and no process left, whatever happens."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from loading import Ending, Numbering, assert_same, loader_of

from fairmot.data.worker_processes import WorkerProcesses, _work
from fairmot.errors import InputError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are those of POSIX")


@pytest.fixture
def images(noise_images):
    return noise_images


def workers_of_this_process():
    return [each for each in multiprocessing.active_children() if each.name.startswith("fairmot-loader")]


@pytest.fixture
def loader(images):
    loader = loader_of(images, workers=2, worker_processes=True)
    yield loader
    loader.close()
    assert not workers_of_this_process()


def test_batches_are_those_of_the_calling_thread_also_in_later_epochs_and_after_a_resume(images, loader):
    plain = loader_of(images, workers=0)
    assert_same(list(loader.epoch(2)), list(plain.epoch(2)))
    pids = [each.pid for each in workers_of_this_process()]
    assert len(pids) == 2
    found = list(loader.epoch(3, first_step=1))
    assert_same(found, list(plain.epoch(3, first_step=1)))
    assert [each.pid for each in workers_of_this_process()] == pids
    found[1].images[2, 0, 0, 0] ^= 1  # the arrays belong to the caller
    with pytest.raises(AssertionError):
        assert_same(found, list(plain.epoch(3, first_step=1)))
    # Left early, they are gone; the next epoch starts others.
    batches = loader.epoch(4)
    next(batches)
    batches.close()
    assert not workers_of_this_process()
    assert_same([next(loader.epoch(4))], [next(plain.epoch(4))])


def test_batches_of_several_levels(images):
    options = {"level_strides": (8, 16, 32), "batch_size": 5}
    loader = loader_of(images, workers=1, worker_processes=True, **options)
    assert_same(list(loader.epoch(0)), list(loader_of(images, workers=0, **options).epoch(0)))
    loader.close()


def test_a_broken_image_and_a_killed_worker_are_one_line_each(images, loader):
    kept = images.paths[7].read_bytes()
    images.paths[7].write_bytes(b"no image")
    with pytest.raises(InputError, match=r"0007\.png: not an image"):
        list(loader.epoch(0))
    images.paths[7].write_bytes(kept)
    batches = loader.epoch(1)
    next(batches)
    os.kill(workers_of_this_process()[0].pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match=r"process ended by itself \(exit code -9\).*data\.workers") as caught:
        list(itertools.chain(batches, loader.epoch(2), loader.epoch(3)))
    assert "\n" not in str(caught.value)
    assert not workers_of_this_process()
    assert len(list(loader.epoch(1))) == 3  # a new start


def test_the_exit_code_of_a_worker_whose_end_takes_a_while():
    """Pipes and sentinels report an end when the files close, before the process can be waited for."""
    workers = WorkerProcesses(Ending(), 3, 1, 2)
    try:
        with pytest.raises(RuntimeError, match=r"ended by itself \(exit code 7\)"):
            list(workers.batches(0, np.arange(3).reshape(1, 3)))
    finally:
        workers.close()


SCRIPT = """
import sys, time
from pathlib import Path
from fairmot.data.annotations import read_images
from fairmot.data.loader import Loader

if __name__ == "__main__":
    loader = Loader(read_images(Path(sys.argv[1])), (96, 64), 3, workers=2, worker_processes=True)
    batches = loader.epoch(0)
    next(batches)
    print(*(process.pid for process in loader._pool._processes), flush=True)
    time.sleep(100)
"""


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_end_of_the_training_process_leaves_no_worker_and_no_memory(images, tmp_path, number):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    before = shared_memory()
    process = subprocess.Popen(
        [sys.executable, script, tmp_path / "data.json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pids = [int(each) for each in process.stdout.readline().split()]
    assert len(pids) == 2
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does; the workers leave it to their parent
    else:
        process.kill()
    _, errors = process.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while any(map(is_alive, pids)) or shared_memory() - before:
        assert time.monotonic() < deadline, (pids, shared_memory() - before)
        time.sleep(0.05)
    if number == signal.SIGINT:
        assert errors.count("Traceback") == 1  # the script's own


def shared_memory():
    return {path.name for path in Path("/dev/shm").glob("psm_*")}


def test_a_worker_does_not_see_the_signals_of_its_group(loader):
    batches = loader.epoch(0)
    next(batches)
    for worker in workers_of_this_process():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(worker.pid, number)
    assert len(list(batches)) == 2
    assert np.all([each.is_alive() for each in workers_of_this_process()])


def test_a_worker_that_got_no_job_ends_quietly(images):
    before = cv2.getNumThreads()
    here, there = multiprocessing.Pipe()
    here.close()
    try:
        assert _work(loader_of(images), 3, [], {}, there) is None  # other workers took all images
    finally:
        cv2.setNumThreads(before)


def test_batches_larger_than_a_pipe_do_not_block():
    """A pipe holds a few hundred small messages; filled in both directions, both ends would wait for ever."""
    chunks = np.arange(9000).reshape(3, 3000)
    workers = WorkerProcesses(Numbering(), 3000, 1, 2)
    try:
        found = [batch.values for batch in workers.batches(0, chunks)]
    finally:
        workers.close()
    np.testing.assert_array_equal(found, chunks)
