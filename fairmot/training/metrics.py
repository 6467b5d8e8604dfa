"""The numbers of a run: JSON lines for programs, TensorBoard for people."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2

from fairmot.files import replacing
from fairmot.geometry import ImageArray

_VALIDATIONS = "validation.jsonl"


def validated_steps(folder: Path) -> set[int]:
    """Return the steps after which a run was validated; nothing is written."""
    path = folder / _VALIDATIONS
    return {values["step"] for values in _lines(path)} if path.exists() else set()


class MetricsLog:
    """Appends JSON lines to ``metrics.jsonl`` and ``validation.jsonl``, and the same scalars to TensorBoard's file.

    One line a step, and one a validation. TensorBoard comes with the training extras; without it only the JSON lines
    are written. Lines of steps that a resumed run takes again are removed first, and so are damaged lines: a
    killed run may leave half of one.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        self.steps = _LineFile(folder / "metrics.jsonl", first_step)
        self.validations = _LineFile(folder / _VALIDATIONS, first_step)
        self.validated: list[dict[str, Any]] = list(_lines(self.validations.path))
        """Scores of the validations so far."""
        self.events = _EventFile.beside(self.steps.path)

    def write(self, step: int, values: dict[str, float]) -> None:
        """Append the values of a step, counted from 1."""
        self.steps.append({"step": step, **values})
        self._scalars(step, values)

    def write_skipped(self, step: int, images: Sequence[str]) -> None:
        """Append a step that was left out, with the images of its batch."""
        self.steps.append({"step": step, "skipped": list(images)})

    def write_validation(self, step: int, scores: dict[str, float], images: dict[str, ImageArray]) -> None:
        """Append the scores of a validation after ``step``; TensorBoard also gets the images (BGR)."""
        self.validations.append({"step": step, **scores})
        self.validated.append({"step": step, **scores})
        self._scalars(step, {f"validation/{name}": value for name, value in scores.items()})
        if self.events is not None:
            self.events.write_images(step, {f"validation/{name}": each for name, each in images.items()})

    def _scalars(self, step: int, values: dict[str, float]) -> None:
        if self.events is not None:
            self.events.write(step, values)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.steps.close()
        self.validations.close()
        if self.events is not None:
            self.events.file.close()


class _LineFile:
    """A file of JSON lines with their steps; it exists once it has a line."""

    def __init__(self, path: Path, first_step: int) -> None:
        self.path = path
        self.file: Any = None
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            kept = [values for values in _lines(path) if values["step"] <= first_step]
            with replacing(path) as temporary:
                temporary.write_text("".join(json.dumps(values) + "\n" for values in kept), encoding="utf-8")

    def append(self, values: dict[str, Any]) -> None:
        """Write a line; numbers that are not finite have no form in JSON and are left out."""
        kept = {name: each for name, each in values.items() if not isinstance(each, float) or math.isfinite(each)}
        if self.file is None:
            # Unbuffered: after a full disk, closing has nothing left to write.
            self.file = self.path.open("ab", buffering=0)
        self.file.write((json.dumps(kept) + "\n").encode())

    def close(self) -> None:
        """Close the file, if there is one."""
        if self.file is not None:
            self.file.close()


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
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._append(step, [Summary.Value(tag=name, simple_value=value) for name, value in values.items()])

    def write_images(self, step: int, images: dict[str, ImageArray]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = []
        for name, drawn in images.items():
            height, width = drawn.shape[:2]
            encoded = cv2.imencode(".jpg", drawn)[1].tobytes()
            image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded)
            values.append(Summary.Value(tag=name, image=image))
        self._append(step, values)

    def _append(self, step: int, values: list[Any]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        self.records.write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)).SerializeToString())


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the metrics of a run folder, one dictionary a step; other lines are left out."""
    return list(_lines(run / "metrics.jsonl"))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(values, dict) and isinstance(values.get("step"), int):
            yield values
