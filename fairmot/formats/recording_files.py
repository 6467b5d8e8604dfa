"""Which files of detections a person means: several, a folder of them, or globs."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from fairmot.errors import InputError
from fairmot.formats.recordings import SUFFIX


def find_recordings(words: Sequence[str | Path]) -> list[Path]:
    """Return the files of detections that words name, in their order.

    Args:
        words: files; folders, of which the first of these that there are is taken: ``NAME.detections.npz``, the
            ``det/det.txt`` of sequences, text files; and globs of either.

    Raises:
        InputError: nothing there, or a folder without detections.
    """
    found: list[Path] = []
    for word in map(str, words):
        if glob.has_magic(word) and not Path(word).exists():
            matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
            if not matches:
                raise InputError(f"{word}: nothing matches")
        else:
            matches = [word]
        for path in map(Path, matches):
            found += _in_folder(path) if path.is_dir() else [path]
    return list(dict.fromkeys(found))


def _in_folder(folder: Path) -> list[Path]:
    for pattern in (f"[!.]*{SUFFIX}", "det/det.txt", "[!.]*/det/det.txt", f"[!.]*/[!.]*{SUFFIX}", "[!.]*.txt"):
        found = sorted(folder.glob(pattern))
        if found:
            return found
    raise InputError(f"{folder}: no detections in it; expected NAME{SUFFIX}, SEQUENCE/det/det.txt or text files")
