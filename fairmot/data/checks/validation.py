"""Check labelled images: every fault of images and labels, found in one pass."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fairmot.data.checks.findings import DataFinding, ValidationReport
from fairmot.data.checks.identities import check_identities
from fairmot.data.checks.layout import ListedSet, listed_sets
from fairmot.data.image_files import check_image, image_size
from fairmot.data.labels import COLUMNS, label_file, row_problems
from fairmot.data.targets import IGNORE_CLASS
from fairmot.errors import InputError
from fairmot.progress import Progress

# Threads mostly wait for files: more threads than cores pay.
_THREADS_A_CORE = 4


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """An image's labels, as far as they can be read, and the findings of this image."""

    image: PurePosixPath
    label_path: Path
    rows: NDArray[np.float64]
    """Good rows [n, 6]."""
    lines: NDArray[np.int64]
    """Line of each in the label file [n]."""
    size: tuple[int, int] | None
    findings: tuple[DataFinding, ...]


def validate(
    source: Path,
    names: Sequence[str] = (),
    *,
    decode: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ValidationReport:
    """Check lists, images and labels, and return all findings, in the order of the files.

    Args:
        source: a ``data.json``, a folder with one, or a folder with ``images/`` and ``labels_with_ids/``.
        names: sets to check; empty: all.
        decode: decode each whole image, which finds truncated files; else read only its header.
        threads: default: four for each core.
        progress: called as ``progress("images", images done, images)`` after each image.

    Raises:
        InputError: there is nothing to check.
    """
    sets = listed_sets(Path(source), names)
    findings: list[DataFinding] = []
    jobs: list[tuple[ListedSet, int, PurePosixPath]] = []
    owner: dict[PurePosixPath, ListedSet] = {}
    for each in sets:
        if each.lines is None:
            findings.append(DataFinding("missing list", each.list_file, None, each.problem))
            continue
        seen: dict[PurePosixPath, int] = {}
        for number, image in each.lines:
            if image in seen:
                message = f"{image} is also in line {seen[image]}"
                findings.append(DataFinding("listed twice", each.list_file, number, message))
                continue
            seen[image] = number
            other = owner.setdefault(image, each)
            if other is not each:
                message = f"{image} is also in {other.name}: its people would get two identities"
                findings.append(DataFinding("image in two sets", each.list_file, number, message))
            jobs.append((each, number, image))
    checked: dict[str, list[CheckedImage]] = defaultdict(list)
    with ThreadPoolExecutor(threads or _THREADS_A_CORE * (os.cpu_count() or 1)) as pool:
        results = pool.map(lambda job: _check(job[0], job[1], job[2], decode), jobs)
        for done, (job, result) in enumerate(zip(jobs, results, strict=True), 1):
            checked[job[0].name].append(result)
            findings += result.findings
            if progress is not None:
                progress("images", done, len(jobs))
    boxes = 0
    for images in checked.values():
        boxes += sum(int((each.rows[:, 0] != IGNORE_CLASS).sum()) for each in images)
        findings += check_identities(
            [(each.image, each.label_path, each.rows, each.lines, each.size) for each in images]
        )
    findings += _labels_without_image(sets)
    return ValidationReport(tuple(findings), len(sets), len(jobs), boxes)


def _check(each: ListedSet, number: int, image: PurePosixPath, decode: bool) -> CheckedImage:
    findings: list[DataFinding] = []
    path, size = each.root / image, None
    if not path.is_file():
        findings.append(DataFinding("missing image", each.list_file, number, f"no file {path}"))
    elif decode:
        size, problem = check_image(path)
        if problem is not None:
            findings.append(DataFinding("unreadable image", path, None, problem))
    else:
        try:
            size = image_size(path)
        except InputError as error:
            findings.append(DataFinding("unreadable image", path, None, str(error)))
    rows, lines = np.zeros((0, 6)), np.zeros(0, np.int64)
    labels = each.list_file
    try:
        labels = each.root / label_file(image)
        rows, lines = _read_rows(labels, findings)
    except InputError as error:
        findings.append(DataFinding("missing labels", each.list_file, number, str(error)))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        findings.append(DataFinding("missing labels", each.list_file, number, f"{labels}: {reason}"))
    return CheckedImage(image, labels, rows, lines, size, tuple(findings))


def _read_rows(path: Path, findings: list[DataFinding]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the good rows of a label file and their lines; append a finding for each bad row."""
    values: list[list[float]] = []
    numbers: list[int] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        columns = line.split()
        if columns and len(columns) != 6:
            findings.append(
                DataFinding("wrong columns", path, number, f"{len(columns)} columns, expected 6 ({COLUMNS})")
            )
        elif columns:
            try:
                values.append([float(column) for column in columns])
                numbers.append(number)
            except ValueError:
                findings.append(DataFinding("not a number", path, number, f"{line.strip()!r} ({COLUMNS})"))
    rows, lines = np.array(values, dtype=np.float64).reshape(-1, 6), np.array(numbers, dtype=np.int64)
    good = np.ones(len(rows), dtype=np.bool_)
    for kind, bad, reason in (*row_problems(rows), *_box_problems(rows)):
        # A row is one finding, whatever number of rules it breaks.
        findings += [DataFinding(kind, path, int(line), reason) for line in lines[bad & good]]
        good &= ~bad
    return rows[good], lines[good]


def _box_problems(rows: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.bool_], str]]:
    with np.errstate(invalid="ignore"):
        yield "empty box", (rows[:, 4:] <= 0).any(axis=1), "width and height must be more than 0"
        first, last = rows[:, 2:4] - rows[:, 4:] / 2, rows[:, 2:4] + rows[:, 4:] / 2
        outside = ((first >= 1) | (last <= 0)).any(axis=1)
        yield "box outside", outside, "no part of the box lies in the image"


def _labels_without_image(sets: Sequence[ListedSet]) -> Iterator[DataFinding]:
    """Find label files in the folders of listed images whose own image is neither listed nor on disk."""
    listed: set[Path] = set()
    images: dict[Path, Path] = {}
    for each in sets:
        for _, image in each.lines or ():
            if "images" in image.parts[:-1]:
                label = each.root / label_file(image)
                listed.add(label)
                images[label.parent] = (each.root / image).parent
    for folder, beside in images.items():
        stems = {path.stem for path in beside.glob("*")} if beside.is_dir() else set()
        for label in sorted(folder.glob("*.txt")):
            if label not in listed and label.stem not in stems:
                yield DataFinding("labels without image", label, None, f"no image {label.stem} in {beside}")
