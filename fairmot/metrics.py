"""The numbers of a run: JSON lines for programs, TensorBoard for people."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any


class MetricsLog:
    """Appends one JSON line a step to ``metrics.jsonl``, and the same scalars to TensorBoard's event file.

    TensorBoard comes with the training extras; without it only the JSON lines are written. Lines of steps that a
    resumed run takes again are removed first.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        self.path = folder / "metrics.jsonl"
        kept = []
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                if line.endswith("}") and json.loads(line)["step"] <= first_step:
                    kept.append(line + "\n")
        self.path.write_text("".join(kept), encoding="utf-8")
        self.file: IO[str] = self.path.open("a", encoding="utf-8")
        self.events: Any = _event_writer(folder)

    def write(self, step: int, values: dict[str, float]) -> None:
        """Append the values of a step, counted from 1."""
        self.file.write(json.dumps({"step": step, **values}) + "\n")
        self.file.flush()
        if self.events is not None:
            self.events.add_event(_event(step, values))

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        if self.events is not None:
            self.events.close()


def _event_writer(folder: Path) -> Any:
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    return EventFileWriter(str(folder / "tensorboard"))


def _event(step: int, values: dict[str, float]) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
    return Event(wall_time=time.time(), step=step, summary=Summary(value=scalars))
