"""The tracker's record: detections, costs and decisions of each frame, for ``fairmot explain``.

The file is one compressed ``.npz`` with five tables (structured arrays); each row has the index of its frame.
``docs/tracking.md`` describes them, and the types below define the layout.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig
from fairmot.detections import Detections
from fairmot.errors import InputError
from fairmot.files import replacing
from fairmot.tracking import kalman
from fairmot.tracking.matching import Matches, Stage
from fairmot.tracking.pair_costs import TrackState, explain_pairs, pair_costs
from fairmot.tracking.table import Candidates, TrackTable, boxes_tlwh, corners

FORMAT_VERSION = 1

Rows = NDArray[np.void]


class Fate(IntEnum):
    """What the tracker did with a detection."""

    IGNORED = 0
    """The score is too low, or the box has no area."""
    MATCHED = 1
    STARTED = 2
    """It started a track."""
    LEFT = 3
    """Its score is low, and it matched no track in the second pass."""


class Event(IntEnum):
    """What happened to an identity."""

    BORN = 0
    """A detection started it; ``other``: row of the detection."""
    GIVEN_UP = 1
    """Seen once and not again in the next frame."""
    EXPIRED = 2
    """Lost for too long."""
    DUPLICATE = 3
    """Overlapped the track ``other``, which was seen for longer."""
    RETURNED = 4
    """Returned after it had expired; ``other``: the identity that the new track had until then."""


_TABLES: dict[str, np.dtype[np.void]] = {
    "frames": np.dtype([("frame", "i4"), ("detections", "i4"), ("tracks", "i4")]),
    "detections": np.dtype(
        [
            ("frame", "i4"),
            ("detection", "i4"),  # row in the given detections
            ("box_xyxy", "f4", (4,)),
            ("score", "f4"),
            ("class_id", "i4"),
            ("fate", "i1"),  # Fate
            ("identity", "i4"),  # of the track that it matched or started; 0: none
        ]
    ),
    "tracks": np.dtype(
        [
            ("frame", "i4"),
            ("identity", "i4"),
            ("box_xyxy", "f4", (4,)),  # as predicted
            ("state", "i1"),  # TrackState before this frame
            ("detection", "i4"),  # row of the matched detection; -1: none
            ("stage", "i1"),  # Stage that matched it
            ("reason", "i1"),  # Reason why it has no match
        ]
    ),
    "pairs": np.dtype(
        [
            ("frame", "i4"),
            ("identity", "i4"),
            ("detection", "i4"),
            ("appearance", "f4"),  # cosine distance; NaN without embeddings
            ("motion", "f4"),  # squared Mahalanobis distance
            ("iou", "f4"),
            ("in_gate", "?"),
            ("cost", "f4"),  # of step 1; infinite where it does not apply
            ("stage", "i1"),  # Stage that matched this pair, 0: not matched
        ]
    ),
    "events": np.dtype([("frame", "i4"), ("identity", "i4"), ("kind", "i1"), ("other", "i4")]),
}


class RecordTables(NamedTuple):
    """The tables of a record. Frames are indices from 0."""

    frames: Rows
    detections: Rows
    tracks: Rows
    pairs: Rows
    events: Rows


class TrackerRecord:
    """Record of a ``Tracker`` that is created with it. Save it at the end; ``Tracker.reset`` clears it."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove all frames."""
        self._rows: dict[str, list[Rows]] = {name: [] for name in _TABLES}
        self._frame = -1

    def begin(self, frame_index: int, detections: Detections) -> None:
        """Begin a frame with its detections."""
        self._frame = frame_index
        self._add("frames", 1, detections=len(detections))
        self._add(
            "detections",
            len(detections),
            detection=np.arange(len(detections)),
            box_xyxy=detections.boxes_xyxy,
            score=detections.scores,
            class_id=detections.class_ids,
        )

    def matched(
        self,
        table: TrackTable,
        tracked_count: int,
        candidates: Candidates,
        matches: Matches,
        config: TrackerConfig,
        noise: kalman.Noise,
    ) -> None:
        """Record the costs of all near pairs, the matches, and the reasons of unmatched tracks."""
        pairs = pair_costs(table, tracked_count, candidates, config, noise)
        is_matched = matches.candidates[pairs.tracks] == pairs.candidates
        self._add(
            "pairs",
            len(pairs.tracks),
            identity=table["identity"][pairs.tracks],
            detection=candidates.rows[pairs.candidates],
            appearance=pairs.appearance,
            motion=pairs.motion,
            iou=pairs.iou,
            in_gate=pairs.in_gate,
            cost=pairs.cost,
            stage=np.where(is_matched, matches.stages[pairs.tracks], Stage.NONE),
        )
        rows = (matches.candidates >= 0).nonzero()[0]
        found = matches.candidates[rows]
        detection = np.full(len(table), -1)
        detection[rows] = candidates.rows[found]
        states = np.full(len(table), TrackState.LOST)
        states[:tracked_count] = np.where(
            table["is_confirmed"][:tracked_count], TrackState.TRACKED, TrackState.UNCONFIRMED
        )
        self._add(
            "tracks",
            len(table),
            identity=table["identity"],
            box_xyxy=corners(boxes_tlwh(table)),
            state=states,
            detection=detection,
            stage=matches.stages,
            reason=explain_pairs(pairs, matches, table, tracked_count, candidates, config),
        )
        self._rows["frames"][-1]["tracks"] = len(table)
        seen = self._rows["detections"][-1]
        seen["fate"][candidates.rows[candidates.confident_count :]] = Fate.LEFT
        seen["fate"][candidates.rows[found]] = Fate.MATCHED
        seen["identity"][candidates.rows[found]] = table["identity"][rows]

    def event(self, kind: Event, identities: NDArray[Any], others: NDArray[Any] | int = -1) -> None:
        """Record an event of identities [k] in the current frame."""
        self._add("events", len(identities), identity=identities, kind=kind, other=others)
        if kind is Event.BORN:
            seen = self._rows["detections"][-1]
            seen["fate"][others], seen["identity"][others] = Fate.STARTED, identities
        elif kind is Event.RETURNED and len(identities):
            # They have the old identity from this frame on, so the rows of this frame change too.
            new_names = dict(zip(np.asarray(others).tolist(), identities.tolist(), strict=True))
            for name in ("detections", "tracks", "pairs"):
                column = self._rows[name][-1]["identity"]
                for born, old in new_names.items():
                    column[column == born] = old

    def tables(self) -> RecordTables:
        """Return the tables of all frames so far."""
        return RecordTables(
            **{
                name: np.concatenate(rows) if rows else np.empty(0, dtype=_TABLES[name])
                for name, rows in self._rows.items()
            }
        )

    def save(self, path: Path | str) -> None:
        """Write the record, compressed."""
        with replacing(path) as temporary, temporary.open("wb") as file:
            save: Callable[..., None] = np.savez_compressed
            save(file, version=np.array(FORMAT_VERSION), **self.tables()._asdict())

    def _add(self, name: str, count: int, **columns: Any) -> None:
        if not count and name == "events":
            return
        rows = np.zeros(count, dtype=_TABLES[name])
        rows["frame"] = self._frame
        for column, values in columns.items():
            rows[column] = values
        self._rows[name].append(rows)


def load_record(path: Path | str) -> RecordTables:
    """Read a record.

    Raises:
        InputError: the file cannot be read, or is not a record of this version.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if "version" not in arrays or int(arrays["version"]) != FORMAT_VERSION:
                raise InputError(f"{path}: not a tracker's record of version {FORMAT_VERSION}; make one by tracking")
            tables = {name: arrays[name] for name in _TABLES}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a tracker's record") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise InputError(f"{path}: not a tracker's record; make one by tracking") from error
    if any(tables[name].dtype != row for name, row in _TABLES.items()):
        raise InputError(f"{path}: not a tracker's record of version {FORMAT_VERSION}; make one by tracking")
    return RecordTables(**tables)
