"""Out of memory in one line, with the batch size to try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fairmot.config import Config
from fairmot.errors import InputError, is_out_of_memory


@contextmanager
def out_of_memory_in_one_line(config: Config) -> Iterator[None]:
    """Turn out of memory into advice.

    Raises:
        InputError: memory ran out; says which batch size to try.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(_advice(config)) from error


def _advice(config: Config) -> str:
    size, network = config.train.batch_size, config.network
    images = f"{size} images of {network.input_width_px} x {network.input_height_px}"
    if size == 1:
        return (
            f"out of memory with one image of {network.input_width_px} x {network.input_height_px} a batch; "
            "try a smaller network.input_width_px and input_height_px, or architecture lite"
        )
    # The largest divisor up to half: with it, accumulation gives the very same step.
    half = next(part for part in range(size // 2, 0, -1) if size % part == 0)
    passes = config.train.accumulate * (size // half)
    return (
        f"out of memory with {images} a batch; try train.batch_size={half}, "
        f"with train.accumulate={passes} for the same steps"
    )
