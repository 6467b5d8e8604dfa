"""The jobs, in SQLite, and the places of their files: both outlive the server."""

from __future__ import annotations

import re
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from fairmot.errors import InputError
from fairmot.media.sources.locations import without_password

State = Literal["held", "queued", "running", "done", "failed", "cancelled", "interrupted"]
Kind = Literal["upload", "path", "stream"]
WAITING: tuple[State, ...] = ("held", "queued")
ENDED: tuple[State, ...] = ("done", "failed", "cancelled", "interrupted")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, source TEXT NOT NULL, state TEXT NOT NULL,
    created REAL NOT NULL, started REAL, ended REAL, frames INTEGER NOT NULL, frame_total INTEGER,
    identities INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, frame_rate REAL NOT NULL,
    problem TEXT, options TEXT NOT NULL DEFAULT '{}'
)
"""
_FORMAT = 2
_SECRETS_ARE_LOST = "addresses with passwords are not stored: add the stream again"
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Job:
    """One source to track, and its progress."""

    id: str
    name: str
    """Name for people; never part of a path."""
    kind: Kind
    source: str
    """Path or address; one that the client named only where the server permits that. Empty: an address with a secret,
    which an earlier server knew; secrets are never written."""
    state: State = "queued"
    created: float = 0.0
    """Unix time in seconds, as the other times."""
    started: float | None = None
    ended: float | None = None
    frames: int = 0
    """Frames tracked."""
    frame_total: int | None = None
    """Frames to expect."""
    identities: int = 0
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    problem: str | None = None
    """What went wrong, in one line."""
    options: str = "{}"
    """``JobOptions`` as JSON."""


class JobStore:
    """All jobs, oldest first; every method may be called from any thread.

    Args:
        folder: created if it is missing, readable by its owner alone.

    Raises:
        InputError: the folder cannot be written, a newer version wrote it, or another server uses it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._secret_addresses: dict[str, str] = {}  # by job; in memory alone
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / "sources").mkdir(exist_ok=True, mode=0o700)
            (folder / "results").mkdir(exist_ok=True, mode=0o700)
            (folder / "frames").mkdir(exist_ok=True, mode=0o700)
            self._database = sqlite3.connect(
                folder / "jobs.sqlite3", timeout=0.5, isolation_level=None, check_same_thread=False
            )
        except OSError as error:
            raise InputError(f"{folder}: jobs cannot be stored here ({error.strerror})") from error
        except sqlite3.Error as error:
            raise InputError(f"{folder}: jobs cannot be stored here ({error})") from error
        self._database.row_factory = sqlite3.Row
        try:
            # The lock is held until the connection ends: a second server would take the same jobs.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA secure_delete = ON")
            written = self._database.execute("PRAGMA user_version").fetchone()[0]
            if not 0 <= written <= _FORMAT:
                raise InputError(f"{folder}: written by a newer version; use another folder")
            self._database.execute(_SCHEMA)
            if written == 1:
                self._database.execute("ALTER TABLE jobs ADD COLUMN options TEXT NOT NULL DEFAULT '{}'")
            self._database.execute(f"PRAGMA user_version = {_FORMAT}")
            self._forget_secrets()
        except sqlite3.OperationalError as error:
            self._database.close()
            raise InputError(f"{folder}: another server uses this folder ({error}); choose another") from error
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise InputError(f"{folder / 'jobs.sqlite3'}: not a job database ({error}); move it away") from error
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Release the folder."""
        with self._lock:
            self._database.close()

    def source_file(self, job_id: str) -> Path:
        """Return the path of a job's upload."""
        return self.folder / "sources" / _checked(job_id)

    def frame_file(self, job_id: str) -> Path:
        """Return the path of the first frame of a job's source, a small JPEG."""
        return self.folder / "frames" / _checked(job_id)

    def result_folder(self, job_id: str) -> Path:
        """Return the folder of a job's results."""
        return self.folder / "results" / _checked(job_id)

    def recover(self) -> list[str]:
        """Clean up after a server that died: its running jobs become ``interrupted``, waiting ones stay.

        Those whose address it did not write fail.

        Returns:
            The jobs that were interrupted.
        """
        with self._transaction() as run:
            rows = run("SELECT id FROM jobs WHERE state = 'running'").fetchall()
            interrupted = [row["id"] for row in rows]
            run(
                "UPDATE jobs SET state = 'interrupted', ended = ?, problem = ? WHERE state = 'running'",
                (time.time(), "the server ended while the job was running"),
            )
            run(
                "UPDATE jobs SET state = 'failed', ended = ?, problem = ? "
                "WHERE state IN ('held', 'queued') AND source = ''",
                (time.time(), f"the server ended while the job waited; {_SECRETS_ARE_LOST}"),
            )
        known = {job.id for job in self.all()}
        for path in (path for name in ("sources", "results", "frames") for path in (self.folder / name).iterdir()):
            if path.name.split(".")[0] not in known and _ID.fullmatch(path.name.split(".")[0]):
                _remove(path)
        for job_id in interrupted:  # half-written files
            for path in self.result_folder(job_id).glob(".*"):
                _remove(path)
        return interrupted

    def add(self, job: Job, max_waiting: int) -> bool:
        """Queue or hold a job; return False if the queue is full."""
        with self._transaction() as run:
            if run("SELECT count(*) FROM jobs WHERE state IN ('held', 'queued')").fetchone()[0] >= max_waiting:
                return False
            columns = asdict(job)
            if _is_secret(job):
                self._secret_addresses[job.id] = job.source
                columns["source"] = ""
            run(
                f"INSERT INTO jobs ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
                (*columns.values(),),
            )
        return True

    def take(self) -> Job | None:
        """Mark the job that waits longest as running and return it; None if none waits."""
        with self._transaction() as run:
            row = run("SELECT * FROM jobs WHERE state = 'queued' ORDER BY created, rowid LIMIT 1").fetchone()
            if row is None:
                return None
            run("UPDATE jobs SET state = 'running', started = ? WHERE id = ?", (time.time(), row["id"]))
        return self.get(row["id"])

    def change(self, job_id: str, only_from: tuple[State, ...] = (), **values: Any) -> bool:
        """Write new values, with ``only_from`` only if the job is in one of these states; return whether it was."""
        assert values.keys() <= {field.name for field in fields(Job)}
        where = f" AND state IN ({', '.join('?' * len(only_from))})" if only_from else ""
        with self._transaction() as run:
            done = run(
                f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?{where}",
                (*values.values(), job_id, *only_from),
            )
        return bool(done.rowcount == 1)

    def get(self, job_id: str) -> Job | None:
        """Return a job; None if there is none with this id."""
        with self._transaction() as run:
            row = run("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else self._job(row)

    def all(self) -> list[Job]:
        """Return all jobs, oldest first."""
        with self._transaction() as run:
            return [self._job(row) for row in run("SELECT * FROM jobs ORDER BY created, rowid").fetchall()]

    def delete(self, job_id: str) -> bool:
        """Delete a job that has ended, and its files; return False if it has not ended or does not exist."""
        marks = ", ".join("?" * len(ENDED))
        with self._transaction() as run:
            gone = run(f"DELETE FROM jobs WHERE id = ? AND state IN ({marks})", (job_id, *ENDED)).rowcount == 1
        if gone:
            self._secret_addresses.pop(job_id, None)
            _remove(self.source_file(job_id))
            _remove(self.frame_file(job_id))
            _remove(self.result_folder(job_id))
        return bool(gone)

    def _job(self, row: sqlite3.Row) -> Job:
        job = Job(**row)
        return replace(job, source=self._secret_addresses.get(job.id, job.source))

    def _forget_secrets(self) -> None:
        """Remove the addresses with secrets that earlier versions wrote, from the free pages of the file too."""
        secret = [job.id for job in self.all() if _is_secret(job)]
        if secret:
            self._database.executemany("UPDATE jobs SET source = '' WHERE id = ?", [(job_id,) for job_id in secret])
            self._database.execute("VACUUM")
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database.execute
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")


def new_id() -> str:
    """Return an id that cannot be guessed and is safe as part of a path."""
    return secrets.token_hex(8)


def _is_secret(job: Job) -> bool:
    return job.kind == "stream" and without_password(job.source) != job.source


def _checked(job_id: str) -> str:
    if not _ID.fullmatch(job_id):
        raise ValueError(f"{job_id!r}: not the id of a job")
    return job_id


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
