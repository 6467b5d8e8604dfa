"""The processes of one training run in PyTorch: NCCL between GPUs, gloo between processors."""

from __future__ import annotations

import atexit
import os
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from fairmot.errors import InputError

# A process that waits longer for the others ends with an error: one of them may be gone. Work of the first process that
# may take longer goes through ``fairmot.training.first_process``.
_PATIENCE = timedelta(minutes=10)


class ProcessGroup:
    """All processes of a run, or this one alone."""

    def __init__(self, device: torch.device) -> None:
        """Join the others if a launcher has set ``WORLD_SIZE`` and its companions."""
        self.device = device
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        if self.size > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
            atexit.register(_leave)

    def sum(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of a small array over all processes."""
        if self.size == 1:
            return numbers
        tensor = torch.from_numpy(numbers).to(self.device)
        dist.all_reduce(tensor)
        return tensor.cpu().numpy()

    def average(self, tensor: Tensor) -> None:
        """Replace a tensor by its mean over all processes."""
        if self.size > 1:
            dist.all_reduce(tensor)
            tensor.div_(self.size)


class SumOverProcesses(torch.autograd.Function):
    """Sum over all processes that gradients pass through."""

    @staticmethod
    def forward(ctx: object, tensor: Tensor) -> Tensor:
        """Return the sum."""
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        """Return the sum of the gradients: each process's part acts on the results of all."""
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def own_device(device: torch.device) -> torch.device:
    """Return the GPU of this process where a launcher started several on one machine.

    Raises:
        InputError: there are fewer GPUs than processes.
    """
    if device.type == "cuda" and device.index is None and "LOCAL_RANK" in os.environ:
        place, cards = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if place >= cards:
            raise InputError(
                f"no card for process {place + 1} of this machine: PyTorch sees {cards}; "
                f"start {cards} processes, or make more cards visible (CUDA_VISIBLE_DEVICES)"
            )
        device = torch.device("cuda", place)
        torch.cuda.set_device(device)
    return device


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
