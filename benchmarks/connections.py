"""A server under half-open connections: it stays reachable, and its job is done.

    python benchmarks/connections.py --connections 1000

Starts `fairmot serve`'s server on loopback with a detector of no people, opens connections that send half a request,
uploads a video meanwhile and waits for its job. The exit code is 1 if the server could not be reached or the job
failed.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.media.outputs.video import VideoWriter
from fairmot.serve.server import Server, listen
from fairmot.serve.service import Model, Service
from fairmot.serve.settings import Settings


def main() -> int:
    """Serve, connect, upload."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=1, help="videos, one after the other")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        video = Path(place) / "a.mp4"
        with VideoWriter(video, (160, 120), 25) as writer:
            for index in range(24):
                writer.write(np.full((120, 160, 3), 5 * index, np.uint8))
        settings = Settings(folder=Path(place) / "jobs")
        listening = stack.enter_context(listen(replace(settings, port=0)))
        settings = replace(settings, port=listening.getsockname()[1])
        server = Server(Service(settings, Model(lambda: nobody, TrackerConfig(), "no people")))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        done = 0
        for _ in range(options.jobs):
            held = []
            for _ in range(options.connections):
                with suppress(OSError):
                    held.append(stack.enter_context(socket.create_connection(("127.0.0.1", settings.port), 20)))
                    held[-1].sendall(b"GET / HT")
            done += tracked(f"http://127.0.0.1:{settings.port}/api", video)
            for client in held:
                client.close()
        print(f"{options.connections} half-open connections: {done} of {options.jobs} jobs done")
        server.should_exit = True
        thread.join(20)
    return int(done != options.jobs)


def tracked(address: str, video: Path) -> bool:
    """Upload a video; return whether its job was done."""
    upload = urllib.request.Request(f"{address}/uploads?name=a.mp4", video.read_bytes(), method="POST")
    with urllib.request.urlopen(upload, timeout=60) as answer:
        job = answer.read().decode().split('"id":"')[1].split('"')[0]
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with urllib.request.urlopen(f"{address}/jobs/{job}", timeout=60) as answer:
            text = answer.read().decode()
        if '"state":"done"' in text:
            return True
        if '"state":"failed"' in text:
            print(text)
            return False
        time.sleep(0.1)
    return False


def nobody(_image: object) -> Detections:
    """Find no people."""
    return Detections(np.empty((0, 4), np.float32), np.empty(0, np.float32))


if __name__ == "__main__":
    sys.exit(main())
