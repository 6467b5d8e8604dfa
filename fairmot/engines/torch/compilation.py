"""The network of a training step, compiled by PyTorch as one piece."""

from __future__ import annotations

from collections.abc import Callable

import torch

from fairmot.engines.torch.deformable import FORM_CHOICES
from fairmot.engines.torch.training_network import TrainingNetwork
from fairmot.errors import InputError


def compile_network(network: TrainingNetwork) -> Callable[..., dict[str, torch.Tensor]]:
    """Return the network's forward pass, which the first call compiles.

    In pieces nothing would be compiled: a break inside the loop over layers leaves all of it to Python.

    Raises:
        InputError: by a call, if PyTorch cannot compile here.
    """
    # Its import takes seconds, which only who compiles should pay.
    from torch._dynamo.exc import TorchDynamoException

    for choice in FORM_CHOICES:
        torch.compiler.assume_constant_result(choice)  # it imports and tries, which nothing can compile
    whole = torch.compile(network, fullgraph=True)

    def forward(pixels: torch.Tensor, boxes: torch.Tensor | None) -> dict[str, torch.Tensor]:
        try:
            return whole(pixels, boxes)
        except TorchDynamoException as error:
            reason = " ".join(str(error).split("\n\n")[0].split()) or "no message"
            raise InputError(
                f"train.compile: PyTorch cannot compile the network here ({type(error).__name__}: {reason}); "
                "try train.compile=false"
            ) from error

    return forward
