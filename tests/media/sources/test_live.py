"""Streams, cameras and pipes against real servers on loopback: what dies comes back, what is too fast is dropped."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import loopback
import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.media.sources import locations
from fairmot.media.sources.frames import read_frames
from fairmot.media.sources.live import LiveOptions

SOON = LiveOptions(give_up_seconds=0.6, stall_seconds=1, queue_frames=100)

# FFmpeg analyses two seconds of a stream, fifty frames, before it opens it: half of these are more, and fit the queue.
LONG, QUEUE = 160, 110


@pytest.fixture(autouse=True)
def no_threads_left(no_new_threads):
    return


@pytest.fixture(scope="session")
def transport_stream(rendered, tmp_path_factory):
    return rendered.encode(tmp_path_factory.mktemp("ts") / "a.ts", 30).read_bytes()


@pytest.fixture(scope="session")
def long_stream(rendered, tmp_path_factory):
    return rendered.encode(tmp_path_factory.mktemp("ts") / "long.ts", LONG).read_bytes()


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "never"
        time.sleep(0.01)


def numbers(frames, rendered):
    return [rendered.number(frame.image) for frame in frames]


def test_an_rtsp_camera_that_dies_mid_frame_comes_back(rendered):
    images = [rendered.image(index) for index in range(100)]
    with (
        loopback.RtspServer(images, rate=50, dies_after=30) as server,
        # The end of the connection is seen at once; on a busy machine a live one may be silent for a while.
        read_frames(server.address, live=replace(SOON, give_up_seconds=30, stall_seconds=20)) as reader,
    ):
        assert (reader.name, reader.size, reader.frame_rate) == ("127.0.0.1_street", (160, 120), 50)
        assert reader.is_live
        frames = list(islice(reader, 65))  # indices count the break, which may take long
    assert server.requests == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"] * 2
    assert reader.reconnect_count == 1
    assert reader.problem is None
    seen = numbers(frames, rendered)
    again = seen.index(0, 1)
    assert 25 <= again <= 30
    assert seen[:again] == list(range(again))
    # After the break the frames start again, while indices and times continue by the clock.
    assert seen[again:] == list(range(len(frames) - again))
    indices = [frame.index for frame in frames]
    assert indices[:again] == list(range(again))
    assert indices[again] > again + 3
    gap = frames[again].seconds - frames[again - 1].seconds
    assert indices[again] - indices[again - 1] == round(gap * 50)
    assert gap >= 0.2


def test_a_transport_stream_over_http_that_dies_and_comes_back(rendered, transport_stream):
    bodies = [
        (transport_stream[: len(transport_stream) // 2], False),
        (None, True),
        (transport_stream, True),
        (None, True),
    ]
    live = replace(SOON, give_up_seconds=3)
    with loopback.http_stream(bodies) as (address, connections), read_frames(address, live=live) as reader:
        seen = numbers(reader, rendered)
    again = seen.index(0, 1)
    assert 10 < again < 30
    assert seen[again:] == list(range(30))
    assert len(connections) >= 4  # the second and everything after the third were refused
    assert reader.reconnect_count == 1
    assert reader.problem.startswith(f"{address}: gone for 3 s (")
    assert reader.problem.endswith(f"the {len(seen)} frames before it were received")


def test_frames_not_taken_in_time_are_dropped_and_counted(long_stream):
    prepared = []
    second_half = threading.Event()
    bodies = [(long_stream, True), (None, True)]
    # Room for all of the first half, so that the first frame waits for a late reader.
    live = replace(SOON, queue_frames=QUEUE)
    with (
        loopback.http_stream(bodies, second_half=second_half) as (address, _),
        read_frames(address, live=live) as reader,
    ):
        reader.prepare_with(lambda image: prepared.append(image) or len(prepared))
        frames = iter(reader)
        taken = [next(frames)]
        assert reader.dropped_count == 0
        second_half.set()
        wait_until(lambda: reader.dropped_count == LONG - 1 - QUEUE)  # all that was sent has been received
        taken += frames
    assert [frame.index for frame in taken] == [0, *range(LONG - QUEUE, LONG)]
    assert reader.dropped_count == LONG - 1 - QUEUE
    # Only what is taken is prepared.
    assert [frame.prepared for frame in taken] == list(range(1, len(prepared) + 1))


def test_a_limit_of_latency_drops_what_waited_longer(long_stream):
    live = replace(SOON, max_latency_seconds=0.3, queue_frames=LONG)
    second_half = threading.Event()
    bodies = [(long_stream, True), (None, True)]
    with loopback.http_stream(bodies, second_half=second_half) as (address, connections):
        reader = read_frames(address, live=live)
        frames = iter(reader)
        next(frames)  # of the first half, however late it is taken
        second_half.set()
        wait_until(lambda: len(connections) > 1)  # all that was sent has been received
        time.sleep(0.4)
        rest = [frame.index for frame in frames]
    assert rest == [LONG - 1]
    assert reader.dropped_count == LONG - 2


def test_start_end_and_every_of_a_stream(transport_stream, rendered):
    with loopback.http_stream([(transport_stream, True)]) as (address, _):
        frames = list(read_frames(address, start=4, end=20, every=5, live=SOON))
    assert [frame.index for frame in frames] == numbers(frames, rendered) == [4, 9, 14, 19]
    assert [frame.seconds for frame in frames] == pytest.approx([0.16, 0.36, 0.56, 0.76], abs=0.01)


def test_a_video_file_over_http_is_a_file(rendered, tmp_path):
    body = rendered.encode(tmp_path / "a.mp4", 12).read_bytes()
    with loopback.http_stream([(body, True)], "video/mp4") as (address, _):
        reader = read_frames(address.replace("/live", "/street.mp4"))
        assert (reader.is_live, reader.name, reader.frame_count) == (False, "street", 12)
        assert numbers(reader, rendered) == list(range(12))


def test_a_loop_left_early_ends_its_thread_at_once(transport_stream):
    with loopback.http_stream([(transport_stream, True)], pause=0.2) as (address, _):
        began = time.monotonic()
        # Room for all: on a busy machine the first would be dropped before the loop takes it.
        for frame in read_frames(address, live=LiveOptions(queue_frames=100)):
            assert frame.index == 0
            break
        del frame
    assert time.monotonic() - began < 25  # less than the 30 s for which a lost stream is tried


def test_another_thread_can_end_a_pass_that_waits(transport_stream):
    bodies = [(transport_stream, True), (None, True)]
    with loopback.http_stream(bodies) as (address, _):
        reader = read_frames(address, live=LiveOptions(give_up_seconds=60, queue_frames=100))
        seen = []
        thread = threading.Thread(target=lambda: seen.extend(reader))
        thread.start()
        wait_until(lambda: len(seen) >= 20)
        reader.stop()
        thread.join(50)  # the stream is tried for 60 s
    assert not thread.is_alive()


@pytest.mark.parametrize(
    "address",
    ["rtsp://user:secret@127.0.0.1:9/x", "http://user:secret@127.0.0.1:9/live", "http://user:secret@127.0.0.1:9/a.mp4"],
)
def test_nobody_there_is_one_line_without_the_password(address):
    with pytest.raises(InputError) as raised:
        read_frames(address)
    assert "127.0.0.1:9" in str(raised.value)
    assert "Connection refused" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_server_without_video_is_one_line():
    with loopback.http_stream([(b"<html>no</html>", True)], "text/html") as (address, _), pytest.raises(InputError):
        read_frames(address)


def test_a_camera_that_is_not_there():
    if Path("/dev/video7").exists():
        pytest.skip("there is a camera")
    with pytest.raises(InputError, match=r"/dev/video7: no camera that can be opened \(No such file"):
        read_frames("7")


def test_a_virtual_camera(monkeypatch):
    # FFmpeg's virtual device stands where the driver would be.
    virtual = locations.Location("testsrc=size=160x120:rate=20", "camera0", "lavfi")
    monkeypatch.setattr(locations, "_camera", lambda number: virtual)
    with read_frames("0", end=5, live=replace(SOON, queue_frames=2)) as reader:
        assert (reader.name, reader.size, reader.frame_rate) == ("camera0", (160, 120), 20)
        assert len({frame.image.tobytes() for frame in reader}) > 1


def test_standard_input(rendered, transport_stream, tmp_path):
    program = """
from fairmot.media.sources.frames import read_frames
reader = read_frames("-")
indices = [frame.index for frame in reader]
print(reader.name, reader.size, indices == list(range(30)), reader.problem, reader.dropped_count)
"""
    done = subprocess.run([sys.executable, "-c", program], input=transport_stream, capture_output=True, timeout=60)
    assert done.stdout.decode().strip() == "stdin (160, 120) True None 0", done.stderr


@pytest.mark.parametrize("name", ["late.mp4", "early.mp4", "a.mkv", "a.h264", "joined.ts"])
def test_files_through_a_pipe_have_their_frames_and_times(rendered, tmp_path, name):
    path = rendered.encode(tmp_path / name.replace("joined", "a").replace("late.mp4", "late.mov"), 30)
    data = path.read_bytes() * (2 if name == "joined.ts" else 1)
    assert (data.find(b"moov") > data.find(b"mdat")) == (name == "late.mp4")
    program = """
import json, sys
from fairmot.media.sources.frames import read_frames
reader = read_frames("-")
print(json.dumps([[frame.index, frame.seconds] for frame in reader] + [reader.problem]))
"""
    done = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, timeout=120)
    *frames, problem = json.loads(done.stdout)
    count = 60 if name == "joined.ts" else 30
    assert problem is None
    np.testing.assert_allclose(frames, [[index, index / 25] for index in range(count)], atol=1.1e-3)


def test_an_empty_pipe_is_one_line():
    program = "from fairmot.media.sources.frames import read_frames\nread_frames('-')"
    done = subprocess.run(
        [sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=os.environ
    )
    assert "InputError: standard input: no video that can be read comes in" in done.stderr


@pytest.mark.parametrize("field", ["max_latency_seconds", "queue_frames", "give_up_seconds", "stall_seconds"])
def test_options_are_positive(field):
    with pytest.raises(InputError, match="expected a positive number"):
        LiveOptions(**{field: 0})
