"""The numbers of a run: JSON lines for programs, TensorBoard for people."""

from __future__ import annotations

import importlib.util
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from fairmot.files import replacing


class MetricsLog:
    """Appends one JSON line a step to ``metrics.jsonl``, and the same scalars to TensorBoard's event file.

    TensorBoard comes with the training extras; without it only the JSON lines are written. Lines of steps that a
    resumed run takes again are removed first, and so is what is no such line: a killed run may leave half of one.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        self.path = folder / "metrics.jsonl"
        kept = [values for values in _lines(self.path) if values["step"] <= first_step] if self.path.exists() else []
        with replacing(self.path) as temporary:
            temporary.write_text("".join(json.dumps(values) + "\n" for values in kept), encoding="utf-8")
        # Unbuffered: after a full disk nothing is left that closing would try to write again.
        self.file = self.path.open("ab", buffering=0)
        self.events = _EventFile.beside(self.path)

    def write(self, step: int, values: dict[str, float]) -> None:
        """Append the values of a step, counted from 1."""
        self.file.write((json.dumps({"step": step, **values}) + "\n").encode())
        if self.events is not None:
            self.events.write(step, values)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        if self.events is not None:
            self.events.file.close()


class _EventFile:
    """TensorBoard's format, written by this thread: its own writer reports a full disk from another one."""

    def __init__(self, path: Path) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        path.parent.mkdir(exist_ok=True)
        self.file = path.open("ab", buffering=0)
        self.records = RecordWriter(self.file)
        self.records.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())

    @classmethod
    def beside(cls, path: Path) -> _EventFile | None:
        """Open a new event file in the folder ``tensorboard`` beside ``path``; None without TensorBoard."""
        if importlib.util.find_spec("tensorboard") is None:
            return None
        # Readers know event files by this beginning and take them in order of their names.
        return cls(path.parent / "tensorboard" / f"events.out.tfevents.{time.time_ns()}.{os.getpid()}")

    def write(self, step: int, values: dict[str, float]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        event = Event(wall_time=time.time(), step=step, summary=Summary(value=scalars))
        self.records.write(event.SerializeToString())


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the metrics of a run folder, one dictionary a step; what is no such line is left out."""
    return list(_lines(run / "metrics.jsonl"))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(values, dict) and isinstance(values.get("step"), int):
            yield values
