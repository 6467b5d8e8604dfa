"""A real server on loopback in a thread; its detector finds bright people, as slowly as a test requires."""

import threading
import time
from dataclasses import replace

import httpx
import pytest
import walkers

from fairmot.config import TrackerConfig
from fairmot.serve.server import Server, listen
from fairmot.serve.service import Model, Service
from fairmot.serve.settings import Settings

FRAMES = 24


class SlowDetector:
    """A detector that pauses for each image; ``hold`` blocks it until it is released."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.go_on = threading.Event()
        self.go_on.set()
        self.reached = threading.Event()

    def __call__(self, image):
        time.sleep(self.seconds)
        self.reached.set()
        self.go_on.wait(20)
        return walkers.find_bright(image)

    def hold(self):
        self.go_on.clear()
        self.reached.clear()


class Running:
    """A server and a client for it."""

    def __init__(self, settings, detector):
        self.detector = detector
        self.listening = listen(replace(settings, port=0))
        self.settings = replace(settings, port=self.listening.getsockname()[1])
        self.service = Service(self.settings, Model(lambda: detector, TrackerConfig(), "bright in test at 64x64"))
        self.server = Server(self.service)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listening]})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.settings.port}"
        headers = {"authorization": f"Bearer {settings.token}"} if settings.token else {}
        self.client = httpx.Client(base_url=self.url, timeout=20, trust_env=False, headers=headers)
        until(lambda: self.server.started)

    def stop(self):
        self.client.close()
        self.server.should_exit = True
        # A job that is held ends when the server does, so that no other job starts meanwhile.
        until(lambda: self.service.workers._stopping)
        self.detector.go_on.set()
        self.thread.join(20)
        self.listening.close()
        assert not self.thread.is_alive()

    def upload(self, path, name=None):
        return self.client.post("/api/uploads", params={"name": name or path.name}, content=path.read_bytes())

    def job(self, job_id):
        return self.client.get(f"/api/jobs/{job_id}").json()

    def ended(self, job_id):
        """Wait until the job has ended and return it."""
        until(lambda: self.job(job_id)["state"] not in ("queued", "running"))
        return self.job(job_id)


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "never"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    return walkers.film(tmp_path_factory.mktemp("film") / "street.mp4", FRAMES)


@pytest.fixture
def start(tmp_path):
    """Call with settings, and ``detector=``: starts a server, ended after the test."""
    running = []

    def begin(detector=None, **settings):
        made = Running(Settings(**{"folder": tmp_path / "jobs", **settings}), detector or SlowDetector())
        running.append(made)
        return made

    yield begin
    for made in running:
        if made.thread.is_alive():
            made.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for tests that ignore each other's jobs."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "videos").mkdir()
    made = Running(Settings(folder=folder / "jobs", allow_paths=folder / "videos"), SlowDetector())
    yield made
    made.stop()


@pytest.fixture
def slow():
    return SlowDetector


@pytest.fixture
def wait_until():
    return until
