"""Modulated deformable convolution (Zhu et al., Deformable ConvNets v2) in plain, differentiable PyTorch.

torchvision's compiled operator is used where torchvision imports; nothing here needs a compiler.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def deformable_convolution(
    x: Tensor, offsets_and_mask: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """Convolve at shifted, weighted taps.

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
    compiled = _torchvision_operator()
    if compiled is not None:
        return compiled(x, offsets.to(x.dtype), weight, bias, stride, padding, 1, mask.to(x.dtype))
    return sampled_convolution(x, offsets, mask, weight, bias, stride, padding)


def sampled_convolution(
    x: Tensor, offsets: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """The plain form: bilinear sampling of all taps at once, then one matrix product.

    ``offsets`` [B, 2 * k * k, h, w] and ``mask`` [B, k * k, h, w] after the sigmoid.
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
    grid = grid.reshape(batch, taps * out_height, out_width, 2).to(x.dtype)
    sampled = F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    sampled = sampled.reshape(batch, channels, taps, out_height * out_width)
    sampled = sampled * mask.to(x.dtype).reshape(batch, 1, taps, -1)
    result = torch.matmul(weight.reshape(weight.shape[0], -1), sampled.reshape(batch, channels * taps, -1))
    if bias is not None:
        result = result + bias.view(1, -1, 1)
    return result.reshape(batch, -1, out_height, out_width)


@functools.cache
def _torchvision_operator() -> Callable[..., Tensor] | None:
    try:
        from torchvision.ops import deform_conv2d
    except (ImportError, RuntimeError):  # a torchvision of another PyTorch build raises RuntimeError
        return None
    return deform_conv2d
