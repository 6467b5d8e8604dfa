"""Settings of a server: address, token, limits, and sources that clients may name besides their uploads."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from fairmot.errors import InputError

TOKEN_VARIABLE = "FAIRMOT_SERVE_TOKEN"
SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server runs.

    Raises:
        InputError: a number that is not positive, an address that others reach without a token, a token that is easily
            guessed, or a folder that does not exist.
    """

    folder: Path = Path("runs/serve")
    """Holds the jobs and their results; one server at a time uses it."""
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    """Secret that every client sends; None is permitted on a loopback address only."""
    names: tuple[str, ...] = ()
    """Host names by which clients reach the server, besides addresses and ``localhost``."""
    allow_paths: Path | None = None
    """Clients may name videos in this folder."""
    allow_streams: bool = False
    """Clients may name addresses, to which the server then connects."""
    max_upload_bytes: int = 2 * 2**30
    max_uploads: int = 4
    """Uploads at the same time."""
    max_seconds: float = 3600.0
    """Longest video; a stream ends there."""
    max_frames: int = 216_000
    """Most frames of a video, since a short one may hold many: an hour at 60 frames/s."""
    max_pixels: int = 8192 * 4608
    """Pixels of one frame."""
    max_waiting: int = 20
    """Jobs in the queue."""
    jobs: int = 1
    """Jobs at the same time."""
    min_free_bytes: int = 2**29
    """Free disk space that uploads leave."""

    def __post_init__(self) -> None:
        for name in ("max_upload_bytes", "max_uploads", "max_seconds", "max_frames", "max_waiting", "jobs"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name.replace('_', ' ')} {getattr(self, name)}: expected a positive number")
        if self.token is None and not is_loopback(self.host):
            raise InputError(
                f"host {self.host}: others can reach this address; set a token ({TOKEN_VARIABLE}), a secret of "
                f"{SHORTEST_TOKEN} characters or more"
            )
        if self.token is not None and (len(self.token) < SHORTEST_TOKEN or not self.token.isascii()):
            raise InputError(f"token: expected {SHORTEST_TOKEN} or more ASCII characters")
        if self.allow_paths is not None and not self.allow_paths.is_dir():
            raise InputError(f"{self.allow_paths}: no such folder for permitted paths")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
