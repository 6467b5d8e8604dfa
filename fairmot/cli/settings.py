"""From the words of options to values, and how a command ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from fairmot.errors import InputError

if TYPE_CHECKING:
    from fairmot.config import InferenceConfig, TrackerConfig


def stop(message: str, code: int = 2) -> NoReturn:
    """Print one line on standard error and leave with an exit code."""
    print(f"fairmot: {message}", file=sys.stderr)  # noqa: T201
    sys.exit(code)


def read_settings(
    config: str | None, tracker: str, confidence: float | None, own: Callable[[], TrackerConfig]
) -> tuple[TrackerConfig, InferenceConfig | None]:
    """Return the tracker parameters and, with a configuration, its inference section.

    Args:
        config: of ``--config``.
        tracker: of ``--tracker``.
        confidence: of ``--confidence``; replaces the threshold of the parameters.
        own: returns the parameters that ``auto`` stands for.

    Raises:
        InputError: a file cannot be used, or both a configuration and a tracker are given.
    """
    from fairmot.config import load_config, load_tracker_config

    if config is None and tracker != "auto":
        return load_tracker_config(tracker, confidence), None
    changes = {} if confidence is None else {"confidence": confidence}
    if config is None:
        return own().changed(**changes), None
    if tracker != "auto":
        raise InputError(f"--tracker {tracker}: give it or --config, which has tracker parameters of its own")
    settings = load_config(config)
    return settings.tracker.changed(**changes), settings.inference


def chosen(option: bool | None, inference: InferenceConfig | None, name: str, default: bool) -> bool:
    """Return what an option says, else what the configuration file says itself, else the command's default.

    A configuration that does not mention the setting changes nothing.
    """
    if option is not None:
        return option
    if inference is not None and name in inference.model_fields_set:
        return bool(getattr(inference, name))
    return default


def lowest_score(inference: InferenceConfig | None) -> float:
    """Return the score above which the detector reports boxes."""
    return 0.1 if inference is None else inference.confidence


def read_classes(text: str | None) -> list[int] | None:
    """Class ids, from 0, out of ``--classes``.

    Raises:
        InputError: the text is something else, or repeats an id.
    """
    names = read_names(text)
    if names is None:
        return None
    if not names or not all(name.isascii() and name.isdigit() for name in names):
        raise InputError(f"--classes {text}: expected class ids from 0, for example 0,2")
    classes = [int(name) for name in names]
    if len(set(classes)) < len(classes):
        raise InputError(f"--classes {text}: a class id is repeated; give each once")
    return classes


def read_columns(text: str | None) -> list[int] | None:
    """Values of column 8 of MOTChallenge files, which count from 1, out of ``--classes``.

    Raises:
        InputError: as ``read_classes``.
    """
    classes = read_classes(text)
    return None if classes is None else [class_id + 1 for class_id in classes]


def check_free(path: Path, overwrite: bool) -> None:
    """Check that a file may be written.

    Raises:
        InputError: it exists, and ``--overwrite`` is not given.
    """
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already; --overwrite replaces it")


def read_names(text: str | None) -> tuple[str, ...] | None:
    """Names out of a list with commas."""
    return None if text is None else tuple(each.strip() for each in text.split(",") if each.strip())


def read_size(text: str | None) -> tuple[int, int] | None:
    """Width and height out of ``--input-size``.

    Raises:
        InputError: the text is not WIDTHxHEIGHT.
    """
    if text is None:
        return None
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise InputError(f"--input-size {text}: expected WIDTHxHEIGHT, for example 576x320")
    return int(width), int(height)


def read_canvas(text: str | None) -> tuple[int, int] | Literal["auto"] | None:
    """``--input-size`` of commands that run a detector: a size, or auto.

    Raises:
        InputError: the text is neither auto nor WIDTHxHEIGHT.
    """
    return "auto" if text == "auto" else read_size(text)


def size_text(size: tuple[int, int]) -> str:
    """WIDTHxHEIGHT."""
    return f"{size[0]}x{size[1]}"
