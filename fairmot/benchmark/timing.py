"""Timed calls that take turns, so that other work on the machine affects all of them."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from fairmot.errors import InputError

WARM_UPS = 2
LEAST_ROUNDS = 5


def use_threads(count: int) -> None:
    """Set the number of threads for engines that are not loaded yet.

    Raises:
        InputError: less than one.
    """
    if count < 1:
        raise InputError(f"{count} threads: expected 1 or more")
    os.environ["OMP_NUM_THREADS"] = str(count)


def time_in_turns(
    functions: Sequence[Callable[[], Any]], seconds: float, least_rounds: int | None = None
) -> list[list[float]]:
    """Return, for each function, the milliseconds of its calls, which take turns with those of the others.

    Args:
        functions: each is called ``WARM_UPS`` times before it counts.
        seconds: rounds begin until this time has passed.
        least_rounds: smallest number of rounds; None: ``LEAST_ROUNDS``.
    """
    for function in [*functions] * WARM_UPS:
        function()
    least = LEAST_ROUNDS if least_rounds is None else least_rounds
    times: list[list[float]] = [[] for _ in functions]
    until = time.perf_counter() + seconds
    while len(times[0]) < least or time.perf_counter() < until:
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(1000 * (time.perf_counter() - start))
    return times


def quartiles(times: Sequence[float]) -> tuple[float, float]:
    """Return the first and the third quartile."""
    first, _, third = statistics.quantiles(times, n=4)
    return first, third
