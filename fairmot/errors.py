"""The exception for user errors: commands print it as one line and exit with code 2. And what means out of memory."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from typing import Any

# PyTorch's CUDA and CPU allocators; MindSpore's; the operating system's, by its number.
_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "memory not enough",
    "not enough memory",
    "allocate memory failed",
    "memory isn't enough",
    "memory is not enough",
    "failed to alloc memory",
    "bad_alloc",
    "cannot allocate memory",
)


class InputError(Exception):
    """An input that cannot be used. The message says what is wrong, where, and what to do.

    ``argument`` names the parameter of the function that would help, so that a command can name its option.
    """

    def __init__(self, message: str = "", argument: str = "") -> None:
        super().__init__(message)
        self.argument = argument


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, which frameworks say by its type or in its message."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(message in str(error).lower() for message in _OUT_OF_MEMORY)


def closest_name(name: str, candidates: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the most similar candidate, or an empty string."""
    match = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.5)
    return f" (did you mean {match[0]!r}?)" if match else ""


def shortened(value: Any) -> str:
    """Return a value as Python writes it, long texts, lists and numbers cut, for the end of a message."""
    writer = reprlib.Repr()
    writer.maxstring = writer.maxother = 200
    return writer.repr(value)
