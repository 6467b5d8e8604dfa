"""The exception for user errors: commands print it as one line and exit with code 2."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from typing import Any


class InputError(Exception):
    """An input that cannot be used. The message says what is wrong, where, and what to do.

    ``argument`` names the parameter of the function that would help, so that a command can name its option.
    """

    def __init__(self, message: str = "", argument: str = "") -> None:
        super().__init__(message)
        self.argument = argument


def closest_name(name: str, candidates: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the most similar candidate, or an empty string."""
    match = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.5)
    return f" (did you mean {match[0]!r}?)" if match else ""


def shortened(value: Any) -> str:
    """Return a value as Python writes it, long texts, lists and numbers cut, for the end of a message."""
    writer = reprlib.Repr()
    writer.maxstring = writer.maxother = 200
    return writer.repr(value)
