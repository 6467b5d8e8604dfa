"""Which device MindSpore runs on and how many threads it takes; both belong to the process."""

from __future__ import annotations

import contextlib
import os

import mindspore as ms

from fairmot.engines.mindspore.kernels import limit_instruction_set
from fairmot.engines.mindspore.launcher import check_devices
from fairmot.errors import InputError

_TARGETS = {"cpu": "CPU", "ascend": "Ascend", "cuda": "GPU"}
"""Our device names -> MindSpore's."""


def use_device(device: str) -> None:
    """Choose the device of this process, and on a processor its kernels and how it waits for them.

    ``auto`` leaves MindSpore its own choice: Ascend where there is one.

    Raises:
        InputError: an unknown device, one that this machine lacks, or a change after MindSpore has begun to work.
    """
    limit_instruction_set()
    if device == "cpu" or (device == "auto" and on_cpu()):
        wait_at_rest()
    if device == "auto":
        return
    if device not in _TARGETS:
        raise InputError(f"device {device!r} is unknown to MindSpore; known: auto, {', '.join(_TARGETS)}")
    # MindSpore would say that it "only supports one of the ['CPU']", below warnings about its installation.
    check_devices(device, 1)
    if ms.get_context("device_target") == _TARGETS[device]:
        return
    try:
        ms.set_device(_TARGETS[device])
    except (RuntimeError, ValueError) as error:
        raise InputError(f"device {device}: {str(error).splitlines()[0]}") from error


def on_cpu() -> bool:
    """Return whether MindSpore works on the processor."""
    return bool(ms.get_context("device_target") == "CPU")


def wait_at_rest() -> None:
    """Let this thread run compiled graphs itself; without effect after the first operation of the process.

    MindSpore hands them to a second thread, and the first one asks without a pause whether they are finished: that
    doubles the processor time of a step, and takes a processor away from the kernels.
    """
    os.environ.setdefault("MS_DEV_HOST_BLOCKING_RUN", "1")


def available_devices() -> tuple[str, ...]:
    """Return the processor, and the accelerator that MindSpore chooses on this machine."""
    names = {target: name for name, target in _TARGETS.items()}
    return tuple(dict.fromkeys(("cpu", names[ms.get_context("device_target")])))


def use_threads(count: int) -> None:
    """Set the threads of CPU kernels; 0 leaves MindSpore its own choice.

    MindSpore takes the number once in a process: later trainers run with the first one's.
    """
    if count:
        with contextlib.suppress(RuntimeError):
            ms.device_context.cpu.op_tuning.threads_num(count)
