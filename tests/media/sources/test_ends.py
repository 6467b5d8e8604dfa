"""Addresses of files end where the file does; only live ones are connected again."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import av
import pytest

from fairmot.media.sources import video
from fairmot.media.sources.frames import read_frames

pytestmark = pytest.mark.usefixtures("no_new_threads")
COUNT = 30


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def serving(handler, folder):
    made = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def server(tmp_path):
    with serving(_Quiet, tmp_path) as address:
        yield address


def playlist(source, folder):
    """Write a playlist with an end mark, and its segments."""
    with (
        av.open(str(source)) as given,
        av.open(
            str(folder / "vod.m3u8"), "w", format="hls", options={"hls_time": "0.5", "hls_list_size": "0"}
        ) as written,
    ):
        stream = written.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    assert "#EXT-X-ENDLIST" in (folder / "vod.m3u8").read_text()


@pytest.mark.parametrize("name", ["a.ts", "vod.m3u8", "a.mp4", "a.mkv?token=1"])
def test_a_file_at_an_address_is_read_once(tmp_path, server, rendered, name):
    source = rendered.encode(tmp_path / name.partition("?")[0].replace("vod.m3u8", "whole.ts"), COUNT)
    if name.startswith("vod"):
        playlist(source, tmp_path)
    reader = read_frames(f"{server}/{name}")
    assert not reader.is_live
    assert [rendered.number(frame.image) for frame in reader] == list(range(COUNT))
    assert reader.problem is None


def test_a_server_that_falls_silent_ends_the_file(tmp_path, server, rendered, monkeypatch):
    """Half of the file comes, then nothing, while the connection stays."""
    source = rendered.encode(tmp_path / "a.mkv", COUNT)
    done = threading.Event()

    class Stalled(_Quiet):
        def copyfile(self, file, out):
            out.write(file.read(source.stat().st_size * 2 // 3))
            out.flush()
            done.wait(60)

    monkeypatch.setattr(video, "_ADDRESS_SECONDS", (5.0, 0.5))
    with serving(Stalled, tmp_path) as address:
        try:
            reader = read_frames(f"{address}/a.mkv")
            numbers = [rendered.number(frame.image) for frame in reader]
        finally:
            done.set()
    assert numbers == list(range(len(numbers)))
    assert 0 < len(numbers) < COUNT
    assert reader.problem.startswith("http://127.0.0.1:")
    assert "\n" not in reader.problem
    assert [rendered.number(frame.image) for frame in read_frames(f"{server}/a.mkv")] == list(range(COUNT))  # the twin


def test_a_file_address_is_the_file(tmp_path, rendered):
    source = rendered.encode(tmp_path / "a b.mp4", COUNT)
    reader = read_frames(source.as_uri())
    assert (reader.name, reader.is_live) == ("a b", False)
    assert len(list(reader)) == COUNT
