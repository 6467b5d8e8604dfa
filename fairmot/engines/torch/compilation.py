"""The network of a training step, compiled by PyTorch as one piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from fairmot.engines.torch.deformable import FORM_CHOICES
from fairmot.engines.torch.training_network import TrainingNetwork
from fairmot.errors import InputError


def compile_network(network: TrainingNetwork) -> Callable[..., dict[str, torch.Tensor]]:
    """Return the network's forward pass, which the first call compiles; call it within ``compile_errors``.

    In pieces nothing would be compiled: a break inside the loop over layers leaves all of it to Python.
    """
    for choice in FORM_CHOICES:
        torch.compiler.assume_constant_result(choice)  # it imports and tries, which nothing can compile
    compiled: Callable[..., dict[str, torch.Tensor]] = torch.compile(network, fullgraph=True)
    return compiled


@contextmanager
def compile_errors() -> Iterator[None]:
    """Say in one line why PyTorch cannot compile the passes in this block, forward or backward.

    Raises:
        InputError: it cannot.
    """
    # The import takes seconds, which only who compiles should pay.
    from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException

    try:
        yield
    except (TorchDynamoException, FailOnRecompileLimitHit) as error:
        reason = " ".join(str(error).split("\n\n")[0].split()) or "no message"
        raise InputError(
            f"train.compile: PyTorch cannot compile the network here ({type(error).__name__}: {reason}); "
            "try train.compile=false"
        ) from error
