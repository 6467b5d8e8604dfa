"""Shared memory that does not hold the batches: said before anybody writes, and threads take over."""

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from loading import assert_same, loader_of

from fairmot.data.shared_memory import SharedMemoryFullError, create_blocks, free_blocks

FILES = Path("/dev/shm")
pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason="this system keeps shared memory elsewhere")


def blocks_there():
    return {path.name for path in FILES.glob("psm_*")}


def test_blocks_that_are_larger_than_the_file_system_leave_nothing():
    before = blocks_there()
    with pytest.raises(SharedMemoryFullError, match=r"MB of shared memory are needed, and /dev/shm has .* MB free"):
        create_blocks(shutil.disk_usage(FILES).total + 4096, 1)
    assert blocks_there() == before


def test_the_memory_of_blocks_is_taken_at_once():
    before = blocks_there()
    blocks = create_blocks(1 << 20, 2)
    try:
        assert [(FILES / block.name).stat().st_blocks * 512 for block in blocks] == [1 << 20] * 2
    finally:
        free_blocks(blocks)
    assert blocks_there() == before


@contextmanager
def files_of_at_most(size):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_threads_load_where_no_block_can_be_created(noise_images):
    lines = []
    loader = loader_of(noise_images, workers=2, worker_processes=True)
    loader.log = lines.append
    with files_of_at_most(4096):
        batches = list(loader.epoch(2))
    assert_same(
        batches + list(loader.epoch(3)), [each for epoch in (2, 3) for each in loader_of(noise_images).epoch(epoch)]
    )
    assert len(lines) == 1
    assert lines[0].startswith("data.worker_processes: 0.")
    assert lines[0].endswith("; threads load the images instead")


SCRIPT = """
import sys
from pathlib import Path
from fairmot.data.annotations import read_images
from fairmot.data.loader import Loader

if __name__ == "__main__":
    loader = Loader(read_images(Path(sys.argv[1])), (96, 64), 3, workers=2, worker_processes=True)
    loader.log = print
    print(len(list(loader.epoch(0))), "batches")
"""
SMALL = "mount -t tmpfs -o size=100k tmpfs /dev/shm"


def test_threads_load_in_a_container_with_little_shared_memory(noise_images, tmp_path):
    """A file system of its own, as a container has: a process that writes to memory beyond its size is killed."""
    own = ["unshare", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*own, SMALL], capture_output=True, timeout=60).returncode:
        pytest.skip("a file system can be mounted as root only")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [*own, f'{SMALL} && exec "$@"', "sh", sys.executable, script, tmp_path / "data.json"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    line, batches = run.stdout.splitlines()
    assert "/dev/shm has 0." in line
    assert line.endswith("(No space left on device); threads load the images instead")
    assert (batches, run.stderr) == ("3 batches", "")
