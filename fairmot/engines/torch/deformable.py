"""Modulated deformable convolution (Zhu et al., Deformable ConvNets v2), differentiable, in one of three forms.

The plain form is PyTorch alone, runs everywhere and is the reference. On CUDA, half precision takes the Triton kernels
of ``deformable_triton`` where they work, and float32 torchvision's operator where torchvision imports.
"""

from __future__ import annotations

import functools
import importlib
import os
import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Form = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor | None, int, int], Tensor]

SETTING = "FAIRMOT_TRITON"
"""Environment variable: ``0`` never takes the kernels, ``1`` for float32 too, anything else for half precision."""
_MOST_NUMBERS = 2**31 - 1
"""Numbers in a map whose places the kernels can count."""
_TOLERANCES = {torch.float32: 2e-3, torch.float16: 5e-3, torch.bfloat16: 4e-2}
"""Relative distance from the plain form that the trial allows; TF32 counts as float32."""


def deformable_convolution(
    x: Tensor, offsets_and_mask: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """Convolve at shifted, weighted taps.

    Under autocast the product is in half precision; positions and bilinear weights never are.

    Args:
        x: features [B, C, H, W].
        offsets_and_mask: [B, 3 * k * k, h, w]: (dy, dx) interleaved per tap, then the mask logits.
        weight: [O, C, k, k].
        bias: [O] or None.
        stride: of the convolution.
        padding: zeros around ``x``.

    Returns:
        [B, O, h, w].
    """
    taps = weight.shape[2] * weight.shape[3]
    # Sampling positions need float32: half precision has no sub-pixel left at x > 512.
    offsets = offsets_and_mask[:, : 2 * taps].float()
    mask = offsets_and_mask[:, 2 * taps :].float().sigmoid()
    kind = x.device.type
    half = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
    if _takes_kernels(x, half or x.dtype):
        from fairmot.engines.torch.deformable_triton import convolve

        dtype = half or x.dtype
        bias = None if bias is None else bias.to(dtype)
        return convolve(x.to(dtype), offsets, mask, weight.to(dtype), bias, stride, padding)
    if half is None and torchvision_works():
        return by_torchvision(x, offsets.to(x.dtype), mask.to(x.dtype), weight, bias, stride, padding)
    return sampled_convolution(x, offsets, mask, weight, bias, stride, padding)


def sampled_convolution(
    x: Tensor, offsets: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """The plain form: bilinear sampling of all taps at once, then one matrix product.

    ``offsets`` [B, 2 * k * k, h, w] and ``mask`` [B, k * k, h, w] after the sigmoid. Sampling is in float32 at least;
    the product is in the type that autocast, or else the weight has.
    """
    batch, channels, height, width = x.shape
    kernel = weight.shape[2]
    taps = kernel * kernel
    out_height, out_width = offsets.shape[2:]
    step = torch.arange(kernel, device=x.device, dtype=torch.float32)
    rows = torch.arange(out_height, device=x.device, dtype=torch.float32) * stride - padding
    columns = torch.arange(out_width, device=x.device, dtype=torch.float32) * stride - padding
    shifts = offsets.reshape(batch, kernel, kernel, 2, out_height, out_width)
    y = shifts[:, :, :, 0] + step.view(1, -1, 1, 1, 1) + rows.view(1, 1, 1, -1, 1)
    x_position = shifts[:, :, :, 1] + step.view(1, 1, -1, 1, 1) + columns.view(1, 1, 1, 1, -1)
    # grid_sample counts from the edge of the first pixel: (2 p + 1) / size - 1.
    grid = torch.stack([(2 * x_position + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    precise = torch.promote_types(x.dtype, torch.float32)
    grid = grid.reshape(batch, taps * out_height, out_width, 2).to(precise)
    # A grid has the type of what it samples, and one in half precision would be off by half a cell of a wide map.
    sampled = F.grid_sample(x.to(precise), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    sampled = sampled.reshape(batch, channels, taps, out_height * out_width)
    sampled = sampled * mask.to(precise).reshape(batch, 1, taps, -1)
    sampled = sampled.reshape(batch, channels * taps, -1).to(weight.dtype)
    result = torch.matmul(weight.reshape(weight.shape[0], -1), sampled)
    if bias is not None:
        result = result + bias.to(result.dtype).view(1, -1, 1)
    return result.reshape(batch, -1, out_height, out_width)


def by_torchvision(
    x: Tensor, offsets: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """Do what ``sampled_convolution`` does, by torchvision's operator; all tensors are of one type."""
    from torchvision.ops import deform_conv2d

    result: Tensor = deform_conv2d(x, offsets, weight, bias, stride, padding, 1, mask)
    return result


def _takes_kernels(x: Tensor, dtype: torch.dtype) -> bool:
    """Whether a map should take the Triton kernels: on a card, and where they work."""
    if x.device.type != "cuda":
        return False
    setting = os.environ.get(SETTING, "")
    if setting == "0" or dtype not in _TOLERANCES or (dtype == torch.float32 and setting != "1"):
        return False
    return x.numel() <= _MOST_NUMBERS and triton_works(x.device, dtype)


def triton_works(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether Triton is there and its kernels compute what the plain form does: a small trial decides.

    Where they do not, one warning says why.
    """
    return _tried_kernels(device, dtype)


@functools.cache
def _tried_kernels(device: torch.device, dtype: torch.dtype) -> bool:
    try:
        from fairmot.engines.torch.deformable_triton import convolve
    except ImportError:
        return False
    try:
        worst = _trial(convolve, device, dtype)
    except Exception as error:  # a compiler, a driver, a card: whatever is wrong, the plain form works
        problem = f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}"
    else:
        if worst <= _TOLERANCES[dtype]:
            return True
        problem = f"they differ from the plain form by {worst:.1g} of its length"
    warnings.warn(
        f"Triton's kernels are not used on {device} in {str(dtype).removeprefix('torch.')}: {problem}; the plain "
        f"deformable convolution is ({SETTING}=0 leaves out this trial)",
        RuntimeWarning,
        stacklevel=2,
    )
    return False


def _trial(form: Form, device: torch.device, dtype: torch.dtype) -> float:
    """Return the largest relative distance of results and gradients from the plain form."""
    generator = torch.Generator().manual_seed(1)
    shapes = ((1, 20, 5, 7), (1, 18, 5, 7), (1, 9, 5, 7), (24, 20, 3, 3), (24,))
    kinds = (dtype, torch.float32, torch.float32, dtype, dtype)
    # Detectors call from inference mode, and trainers under autocast.
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
        given = [
            torch.randn(shape, generator=generator).to(device, kind) for shape, kind in zip(shapes, kinds, strict=True)
        ]
        wanted = torch.randn(1, 24, 5, 7, generator=generator).to(device)

        def values(convolution: Form, exact: bool) -> list[Tensor]:
            own = [(each.float() if exact else each).detach().clone().requires_grad_() for each in given]
            out = convolution(own[0], own[1], own[2], own[3], own[4], 1, 1)
            return [out.detach(), *torch.autograd.grad((out.float() * wanted).sum(), own)]

        pairs = zip(values(form, exact=False), values(sampled_convolution, exact=True), strict=True)
        return max(float((ours.float() - plain).norm() / plain.norm()) for ours, plain in pairs)


def torchvision_works() -> bool:
    """Whether torchvision is there, of the same build as PyTorch."""
    return _imported_torchvision()


@functools.cache
def _imported_torchvision() -> bool:
    try:
        importlib.import_module("torchvision.ops")
    except (ImportError, RuntimeError):  # a torchvision of another PyTorch build raises RuntimeError
        return False
    return True


FORM_CHOICES = (triton_works, torchvision_works)
"""Their answers stay the same in a process: a compiled network takes them as constants.

Plain functions around cached ones, since the compiler looks through a cache into what it calls.
"""
