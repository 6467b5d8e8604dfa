"""What means out of memory."""

import pytest

from fairmot.errors import is_out_of_memory


def test_only_memory_is_meant():
    class OutOfMemoryError(RuntimeError):
        """As PyTorch calls its own."""

    assert is_out_of_memory(OutOfMemoryError())
    assert not is_out_of_memory(RuntimeError("sizes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))


@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to",
        "\n----\n- Memory not enough:\n----\nMemory isn't enough and alloc failed, kernel name: 0_Default/Tile-op0",
        "Allocate memory failed\n----\n- C++ Call Stack: (For framework developers)",
        "std::bad_alloc",
    ],
)
def test_frameworks_say_it_in_a_message(message):
    assert is_out_of_memory(RuntimeError(message))
