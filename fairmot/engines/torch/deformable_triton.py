"""The Triton kernels of the deformable convolution as one differentiable function, also for PyTorch's compiler.

Importing this module needs ``triton``; ``deformable.py`` decides where it is used.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fairmot.engines.torch.deformable_kernels import channels_last, convolved, gradients


def convolve(
    x: Tensor, offsets: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """Do what ``sampled_convolution`` does, differentiable by all five tensors, in the type of ``x``.

    ``x``, ``weight`` and ``bias`` are of one type (float32, bfloat16 or float16), ``offsets`` and ``mask`` float32. The
    result is channels-last.
    """
    if torch.compiler.is_compiling():  # its parts are operators that the compiler need not look into
        return _convolution_operator(x, offsets, mask, weight, bias, stride, padding)
    return _Convolution.apply(x, offsets, mask, weight, bias, stride, padding)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, offsets: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None, stride: int,
        padding: int,
    ) -> Tensor:  # fmt: skip
        given = channels_last(x, offsets, mask, weight)
        ctx.save_for_backward(*given)
        ctx.stride, ctx.padding = stride, padding
        return convolved(*given, bias, stride, padding)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        wanted = list(ctx.needs_input_grad[:5])
        return *gradients(gradient, *ctx.saved_tensors, ctx.stride, ctx.padding, wanted), None, None


@torch.library.custom_op(
    "fairmot::deformable_convolution",
    mutates_args=(),
    schema="(Tensor x, Tensor offsets, Tensor mask, Tensor weight, Tensor? bias, int stride, int padding) -> Tensor",
)
def _convolution_operator(
    x: Tensor, offsets: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    return convolved(*channels_last(x, offsets, mask, weight), bias, stride, padding)


@_convolution_operator.register_fake
def _(x, offsets, mask, weight, bias, stride, padding):  # type: ignore[no-untyped-def]
    batch, _, out_height, out_width = offsets.shape
    return x.new_empty(batch, out_height, out_width, weight.shape[0]).permute(0, 3, 1, 2)


@torch.library.custom_op(
    "fairmot::deformable_gradients",
    mutates_args=(),
    schema="(Tensor gradient, Tensor x, Tensor offsets, Tensor mask, Tensor weight, int stride, int padding, "
    "bool[] wanted) -> Tensor[]",
)
def _gradient_operator(
    gradient: Tensor, x: Tensor, offsets: Tensor, mask: Tensor, weight: Tensor, stride: int, padding: int,
    wanted: list[bool],
) -> list[Tensor]:  # fmt: skip
    """An operator returns tensors alone: an empty one stands for what is not wanted."""
    found = gradients(gradient, *channels_last(x, offsets, mask, weight), stride, padding, wanted)
    return [x.new_empty(0) if each is None else each.contiguous() for each in found]


@_gradient_operator.register_fake
def _(gradient, x, offsets, mask, weight, stride, padding, wanted):  # type: ignore[no-untyped-def]
    positions = any(wanted[:3])
    like = zip((x, offsets, mask, weight), (positions, positions, positions, wanted[3]), strict=True)
    found = [each.new_empty(each.shape) if needed else x.new_empty(0) for each, needed in like]
    return [*found, weight.new_empty(weight.shape[0]) if wanted[4] else x.new_empty(0)]


def _keep(ctx, inputs, output):  # type: ignore[no-untyped-def]
    *given, _, ctx.stride, ctx.padding = inputs
    ctx.save_for_backward(*given)


def _differentiate(ctx, gradient):  # type: ignore[no-untyped-def]
    wanted = list(ctx.needs_input_grad[:5])
    found = _gradient_operator(gradient, *ctx.saved_tensors, ctx.stride, ctx.padding, wanted)
    return *(each if needed else None for each, needed in zip(found, wanted, strict=True)), None, None


_convolution_operator.register_autograd(_differentiate, setup_context=_keep)
