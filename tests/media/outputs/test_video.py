import errno
import json
import subprocess
import sys
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from fairmot.media.outputs.video import VideoWriter
from fairmot.media.sources.frames import read_frames

pytestmark = pytest.mark.usefixtures("no_new_threads")


def write(path, rendered, count=12, width=160, height=120, rate=25, **options):
    with VideoWriter(path, (width, height), rate, **options) as writer:
        for number in range(count):
            writer.write(rendered.image(number, width, height))
    return path


def test_what_is_written_is_read_again(tmp_path, rendered):
    path = write(tmp_path / "new folder" / "out é.mp4", rendered, 40)
    frames = read_frames(path)
    assert (frames.size, frames.frame_rate, frames.frame_count) == ((160, 120), 25, 40)
    read = list(frames)
    assert [rendered.number(frame.image) for frame in read] == list(range(40))
    np.testing.assert_allclose([frame.seconds for frame in read], np.arange(40) / 25, atol=1e-9)
    difference = np.abs(read[5].image.astype(int) - rendered.image(5))
    assert difference.mean() < 3
    # The twin: the next image is not that close.
    assert np.abs(read[5].image.astype(int) - rendered.image(6)).mean() > 3
    np.testing.assert_allclose(read[5].image[60, 20], (20, 30, 220), atol=12)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_browsers_can_play_it_from_the_first_byte(tmp_path, rendered):
    path = write(tmp_path / "a.mp4", rendered)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        # Labelled as converted: BT.601 matrix, limited range.
        assert (codec.colorspace, codec.color_range) == (6, 1)


@pytest.mark.parametrize("size", [(161, 121), (160, 121), (161, 120), (2, 2), (1, 1)])
def test_odd_sides_get_their_last_line_twice(tmp_path, rendered, size):
    # Grey: brightness is stored for every pixel, colour for every other one.
    image = np.full((size[1], size[0], 3), 60, np.uint8)
    image[-1], image[:, -1] = 200, 200
    with VideoWriter(tmp_path / "a.mp4", size, 10) as writer:
        for _ in range(3):
            writer.write(image)
    frames = read_frames(tmp_path / "a.mp4")
    assert frames.size == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    last = list(frames)[-1].image
    expected = np.pad(image, ((0, size[1] % 2), (0, size[0] % 2), (0, 0)), mode="edge")
    np.testing.assert_allclose(last, expected, atol=25)


@pytest.mark.parametrize(
    ("rate", "exact"),
    [(30000 / 1001, Fraction(30000, 1001)), (25, Fraction(25)), (12.5, Fraction(25, 2)), (7.5, Fraction(15, 2))],
)
def test_frame_rates_are_exact(tmp_path, rendered, rate, exact):
    path = write(tmp_path / "a.mp4", rendered, 30, rate=rate)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == exact
        assert float(stream.duration * stream.time_base) == pytest.approx(30 / rate, abs=1e-6)


def test_variable_times_are_kept_and_rounded_ones_are_made_regular(tmp_path, rendered):
    times = [0, 0.04, 0.0801, 0.4, 0.4112, 0.4112, 1.0, 0.5]
    with VideoWriter(tmp_path / "a.mp4", (160, 120), 25) as writer:
        for number, seconds in enumerate(times):
            writer.write(rendered.image(number), seconds)
    frames = list(read_frames(tmp_path / "a.mp4"))
    assert [rendered.number(frame.image) for frame in frames] == list(range(8))
    # A time that does not grow becomes the next tick, a hundredth of a frame later.
    expected = [0, 0.04, 0.08, 0.4, 0.4112, 0.4116, 1.0, 1.0004]
    np.testing.assert_allclose([frame.seconds for frame in frames], expected, atol=1e-4)
    with VideoWriter(tmp_path / "b.mp4", (160, 120), 30000 / 1001) as writer:
        for number in range(30):  # milliseconds, as Matroska keeps them
            writer.write(rendered.image(number), round(number * 1001 / 30000, 3))
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)


def interrupt(path, rendered, **options):
    def work():
        with VideoWriter(path, (160, 120), 25, **options) as writer:
            for number in range(20):
                writer.write(rendered.image(number))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()


def test_an_exception_drops_the_file_and_the_old_one_stays(tmp_path, rendered):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the old one")
    interrupt(path, rendered)
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_encoded_is_kept_if_asked(tmp_path, rendered):
    path = tmp_path / "a.mp4"
    interrupt(path, rendered, keep_on_error=True)
    frames = read_frames(path)
    assert [rendered.number(frame.image) for frame in frames] == list(range(20))
    assert frames.problem is None
    assert list(tmp_path.iterdir()) == [path]


def test_without_images_there_is_no_file(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", (160, 120), 25) as writer:
        pass
    assert writer.frame_count == 0
    assert list(tmp_path.iterdir()) == []


def test_images_may_be_made_in_the_writers_thread(tmp_path, rendered):
    made = []
    all_queued = threading.Event()

    def maker(number):
        def make():
            assert all_queued.wait(10)
            made.append((number, threading.current_thread().name))
            return rendered.image(number)

        return make

    with VideoWriter(tmp_path / "a.mp4", (160, 120), 25, queue_images=20) as writer:
        for number in range(15):
            writer.write(maker(number))
        all_queued.set()
    assert made == [(number, "fairmot-video-writer") for number in range(15)]
    assert [rendered.number(frame.image) for frame in read_frames(tmp_path / "a.mp4")] == list(range(15))
    assert writer.frame_count == 15
    assert writer.busy_seconds > 0


def test_an_image_of_another_size_is_refused(tmp_path, rendered):
    with pytest.raises(ValueError, match="expected"), VideoWriter(tmp_path / "a.mp4", (160, 120), 25) as writer:
        writer.write(rendered.image(0, 170, 120))

    # One that is made later fails at the end at the latest; and nobody waits for ever.
    def write_late():
        with VideoWriter(tmp_path / "b.mp4", (160, 120), 25) as writer:
            for _ in range(30):
                writer.write(lambda: rendered.image(0, 170, 120))

    with pytest.raises(ValueError, match="expected"):
        write_late()
    with pytest.raises(RuntimeError, match="outside"):
        writer.write(rendered.image(0))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path, rendered):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        write(tmp_path / "file" / "a.mp4", rendered, 30)


def noise(count):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (240, 320, 3), dtype=np.uint8) for _ in range(count)]


def is_whole(path, count):
    """Whether a video has all its images. Its bytes depend on how many slices x264 cuts, that is on free processors."""
    frames = read_frames(path)
    return len(list(frames)) == count and frames.problem is None


def test_a_full_disk_is_an_oserror_and_leaves_nothing(tmp_path, small_disk):
    images = noise(20)
    with VideoWriter(tmp_path / "whole.mp4", (320, 240), 25) as writer:
        for image in images:
            writer.write(image)
    assert is_whole(tmp_path / "whole.mp4", len(images))
    data = (tmp_path / "whole.mp4").read_bytes()
    kilobytes = len(data) // 1024
    assert kilobytes > 200
    # The twin: a file that lacks its end is found out.
    (tmp_path / "cut.mp4").write_bytes(data[:-2000])
    assert not is_whole(tmp_path / "cut.mp4", len(images))

    def attempt(folder):
        with VideoWriter(folder / "a.mp4", (320, 240), 25) as writer:
            for image in images:
                writer.write(image)

    outcomes = []
    # From far too small, over the last bytes (the index is moved to the front at the end), to large enough.
    for size in (4, kilobytes // 2, *range(kilobytes - 8, kilobytes + 12, 4), 2 * kilobytes):
        disk = small_disk(size)
        try:
            attempt(disk)
        except OSError as error:
            outcomes.append(error.errno)
            left = []
        else:
            outcomes.append(0)
            left = [True]
        assert [is_whole(file, len(images)) for file in disk.iterdir()] == left
    assert set(outcomes) == {errno.ENOSPC, 0}
    assert outcomes[0] == errno.ENOSPC
    assert outcomes[-1] == 0


_LIMITED = """
import json, resource, sys
from pathlib import Path
import numpy as np
from fairmot.media.outputs.video import VideoWriter
folder = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
random = np.random.default_rng(0)
try:
    with VideoWriter(folder / "a.mp4", (320, 240), 25) as writer:
        for _ in range(40):
            writer.write(random.integers(0, 256, (240, 320, 3), dtype=np.uint8))
except OSError as error:
    print(json.dumps([error.errno, [file.name for file in folder.iterdir()]]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX's")
def test_a_file_that_may_not_grow_is_an_oserror_and_leaves_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path)], capture_output=True, text=True, timeout=120, check=True
    )
    assert json.loads(done.stdout) == [errno.EFBIG, []]


def test_a_second_interrupt_while_the_queue_is_full_never_waits(tmp_path, rendered, monkeypatch):
    """The thread is in an image, the queue is full, and Ctrl-C comes again while the writer is waited for."""
    go_on, join = threading.Event(), threading.Thread.join
    interrupts = iter([KeyboardInterrupt])

    def interrupted(thread, timeout=None):
        for error in interrupts:
            go_on.set()
            raise error
        join(thread, timeout)

    def slow():
        assert go_on.wait(20)
        return rendered.image(0)

    writer = VideoWriter(tmp_path / "a.mp4", (160, 120), 25, queue_images=2).__enter__()
    for _ in range(3):
        writer.write(slow)
    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_clock_that_leaps_a_week_costs_no_image(tmp_path, rendered):
    times = [0, 0.04, 7 * 86400, 7 * 86400 + 0.04, 1e300, 1e300]
    with VideoWriter(tmp_path / "a.mp4", (160, 120), 25) as writer:
        for number, seconds in enumerate(times):
            writer.write(rendered.image(number), seconds)
    frames = list(read_frames(tmp_path / "a.mp4"))
    assert [rendered.number(frame.image) for frame in frames] == list(range(6))
    np.testing.assert_allclose([frame.seconds for frame in frames[:4]], [0, 0.04, 3600.04, 3600.08], atol=1e-2)
