"""Modulated deformable convolution as Triton kernels for CUDA: sampling and matrix product in one pass.

The plain form (``deformable.sampled_convolution``) writes every sampled value, nine times the map, and reads it
again; here a block of positions is sampled tap by tap into registers and multiplied at once. Maps are read
channels-last, so that the channels of a corner lie side by side. Positions, bilinear weights and sums are float32; the
products are in the type of the map, which for bfloat16 and float16 means tensor cores.

Importing this module needs ``triton``; ``deformable_triton.py`` makes one differentiable function of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor


class Blocks(NamedTuple):
    """What one program of a kernel works on."""

    positions: int
    outputs: int
    channels: int
    warps: int


BLOCKS = {2: Blocks(64, 64, 32, 8), 4: Blocks(32, 64, 32, 8)}
"""Bytes of a number -> sizes without spilled registers, and three programs at once on a multiprocessor, as compiled for
compute capability 8.0 and 9.0. They were not tuned on a card."""
_WEIGHT_PROGRAMS = 1024
"""About so many share the weight's gradient where the map is large enough: some for each multiprocessor."""


@triton.jit
def _corners(y, x, height, width):  # type: ignore[no-untyped-def]
    """Return the upper left corner of positions, the fractions beyond it, and which of the four corners exist."""
    top, left = tl.floor(y), tl.floor(x)
    row, column = top.to(tl.int32), left.to(tl.int32)
    above, below = (row >= 0) & (row < height), (row >= -1) & (row < height - 1)
    before, behind = (column >= 0) & (column < width), (column >= -1) & (column < width - 1)
    return row, column, y - top, x - left, above & before, above & behind, below & before, below & behind


@triton.jit
def _positions(offsets, m, tap, area, out_width, stride, padding, valid, KERNEL: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return where a tap samples for output positions m; offsets lie as [positions, 2 * taps]."""
    pixel = m % area
    place = offsets + m * (2 * KERNEL * KERNEL) + 2 * tap
    y = tl.load(place, mask=valid, other=0.0) + (pixel // out_width * stride - padding + tap // KERNEL).to(tl.float32)
    x = tl.load(place + 1, mask=valid, other=0.0) + (pixel % out_width * stride - padding + tap % KERNEL).to(tl.float32)
    return y, x


@triton.jit
def _read(x, start, exists, c, channels):  # type: ignore[no-untyped-def]
    """Read channels c of a corner as float32; 0 where it does not exist."""
    return tl.load(x + start[:, None] + c[None, :], mask=exists[:, None] & (c < channels)[None, :], other=0.0).to(
        tl.float32
    )


@triton.jit
def _sample(x, start, row_step, fy, fx, e00, e01, e10, e11, c, channels):  # type: ignore[no-untyped-def]
    """Bilinear values of channels c."""
    value = _read(x, start, e00, c, channels) * ((1 - fy) * (1 - fx))[:, None]
    value += _read(x, start + channels, e01, c, channels) * ((1 - fy) * fx)[:, None]
    value += _read(x, start + row_step, e10, c, channels) * (fy * (1 - fx))[:, None]
    return value + _read(x, start + row_step + channels, e11, c, channels) * (fy * fx)[:, None]


@triton.jit
def _forward(  # type: ignore[no-untyped-def]
    x, offsets, mask, weight, bias, out,
    positions, channels, outputs, height, width, area, out_width, stride, padding,
    KERNEL: tl.constexpr, HAS_BIAS: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
    PRODUCT: tl.constexpr,
):  # fmt: skip
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    valid = m < positions
    image = m // area
    total = tl.zeros((BM, BN), dtype=tl.float32)
    for tap in range(KERNEL * KERNEL):
        y, x_position = _positions(offsets, m, tap, area, out_width, stride, padding, valid, KERNEL)
        share = tl.load(mask + m * (KERNEL * KERNEL) + tap, mask=valid, other=0.0)
        row, column, fy, fx, e00, e01, e10, e11 = _corners(y, x_position, height, width)
        start = ((image * height + row) * width + column) * channels
        for k in range(0, channels, BK):
            c = k + tl.arange(0, BK)
            value = _sample(
                x, start, width * channels, fy, fx, e00 & valid, e01 & valid, e10 & valid, e11 & valid, c, channels
            )
            w = tl.load(
                weight + (tap * channels + c)[:, None] * outputs + n[None, :],
                mask=(c < channels)[:, None] & (n < outputs)[None, :],
                other=0.0,
            )
            total = tl.dot((value * share[:, None]).to(w.dtype), w, total, input_precision=PRODUCT)
    if HAS_BIAS:
        total += tl.load(bias + n, mask=n < outputs, other=0.0).to(tl.float32)[None, :]
    tl.store(
        out + m[:, None] * outputs + n[None, :],
        total.to(out.dtype.element_ty),
        mask=valid[:, None] & (n < outputs)[None, :],
    )


@triton.jit
def _backward_samples(  # type: ignore[no-untyped-def]
    gradient, x, offsets, mask, weight, to_x, to_offsets, to_mask,
    positions, channels, outputs, height, width, area, out_width, stride, padding,
    KERNEL: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRODUCT: tl.constexpr,
):  # fmt: skip
    """Gradients of map, offsets and mask: one block is one tap of some positions."""
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    tap = tl.program_id(1)
    valid = m < positions
    y, x_position = _positions(offsets, m, tap, area, out_width, stride, padding, valid, KERNEL)
    share = tl.load(mask + m * (KERNEL * KERNEL) + tap, mask=valid, other=0.0)
    row, column, fy, fx, e00, e01, e10, e11 = _corners(y, x_position, height, width)
    e00, e01, e10, e11 = e00 & valid, e01 & valid, e10 & valid, e11 & valid
    start = ((m // area * height + row) * width + column) * channels
    row_step = width * channels
    of_mask = tl.zeros((BM,), dtype=tl.float32)
    of_y = tl.zeros((BM,), dtype=tl.float32)
    of_x = tl.zeros((BM,), dtype=tl.float32)
    for k in range(0, channels, BK):
        c = k + tl.arange(0, BK)
        of_value = tl.zeros((BM, BK), dtype=tl.float32)
        for first in range(0, outputs, BN):
            n = first + tl.arange(0, BN)
            g = tl.load(
                gradient + m[:, None] * outputs + n[None, :], mask=valid[:, None] & (n < outputs)[None, :], other=0.0
            )
            w = tl.load(
                weight + (tap * channels + c)[None, :] * outputs + n[:, None],
                mask=(c < channels)[None, :] & (n < outputs)[:, None],
                other=0.0,
            )
            of_value = tl.dot(g, w, of_value, input_precision=PRODUCT)
        v00 = _read(x, start, e00, c, channels)
        v01 = _read(x, start + channels, e01, c, channels)
        v10 = _read(x, start + row_step, e10, c, channels)
        v11 = _read(x, start + row_step + channels, e11, c, channels)
        down = (v10 - v00) * (1 - fx)[:, None] + (v11 - v01) * fx[:, None]
        right = (v01 - v00) * (1 - fy)[:, None] + (v11 - v10) * fy[:, None]
        value = v00 * (1 - fx)[:, None] + v01 * fx[:, None] + down * fy[:, None]
        of_mask += tl.sum(of_value * value, axis=1)
        of_value *= share[:, None]
        of_y += tl.sum(of_value * down, axis=1)
        of_x += tl.sum(of_value * right, axis=1)
        place = to_x + start[:, None] + c[None, :]
        known = (c < channels)[None, :]
        tl.atomic_add(place, of_value * ((1 - fy) * (1 - fx))[:, None], mask=e00[:, None] & known, sem="relaxed")
        tl.atomic_add(place + channels, of_value * ((1 - fy) * fx)[:, None], mask=e01[:, None] & known, sem="relaxed")
        tl.atomic_add(place + row_step, of_value * (fy * (1 - fx))[:, None], mask=e10[:, None] & known, sem="relaxed")
        tl.atomic_add(
            place + row_step + channels, of_value * (fy * fx)[:, None], mask=e11[:, None] & known, sem="relaxed"
        )
    tl.store(to_mask + m * (KERNEL * KERNEL) + tap, of_mask, mask=valid)
    tl.store(to_offsets + m * (2 * KERNEL * KERNEL) + 2 * tap, of_y, mask=valid)
    tl.store(to_offsets + m * (2 * KERNEL * KERNEL) + 2 * tap + 1, of_x, mask=valid)


@triton.jit
def _backward_weight(  # type: ignore[no-untyped-def]
    gradient, x, offsets, mask, parts,
    positions, channels, outputs, height, width, area, out_width, stride, padding, part,
    KERNEL: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRODUCT: tl.constexpr,
):  # fmt: skip
    """Gradient of the weight over ``part`` positions, for some channels and outputs of one tap."""
    tap = tl.program_id(0) % (KERNEL * KERNEL)
    c = tl.program_id(0) // (KERNEL * KERNEL) * BK + tl.arange(0, BK)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    begin = tl.program_id(2) * part
    total = tl.zeros((BK, BN), dtype=tl.float32)
    for first in range(0, part, BM):
        m = begin + first + tl.arange(0, BM)
        valid = m < positions
        y, x_position = _positions(offsets, m, tap, area, out_width, stride, padding, valid, KERNEL)
        share = tl.load(mask + m * (KERNEL * KERNEL) + tap, mask=valid, other=0.0)
        row, column, fy, fx, e00, e01, e10, e11 = _corners(y, x_position, height, width)
        start = ((m // area * height + row) * width + column) * channels
        value = _sample(
            x, start, width * channels, fy, fx, e00 & valid, e01 & valid, e10 & valid, e11 & valid, c, channels
        )
        g = tl.load(
            gradient + m[:, None] * outputs + n[None, :], mask=valid[:, None] & (n < outputs)[None, :], other=0.0
        )
        total = tl.dot(tl.trans((value * share[:, None]).to(g.dtype)), g, total, input_precision=PRODUCT)
    place = ((tl.program_id(2) * KERNEL * KERNEL + tap) * channels + c)[:, None] * outputs + n[None, :]
    tl.store(parts + place, total, mask=(c < channels)[:, None] & (n < outputs)[None, :])


def channels_last(x: Tensor, offsets: Tensor, mask: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    """Return maps as [B, H, W, C], each a flat array of its positions, and the weight as [k, k, C, O]."""
    maps = tuple(each.permute(0, 2, 3, 1).contiguous() for each in (x, offsets, mask))
    return *maps, weight.permute(2, 3, 1, 0).contiguous()


def convolved(
    x: Tensor, offsets: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """Return the result [B, O, h, w] for what ``channels_last`` returns."""
    batch, out_height, out_width = offsets.shape[:3]
    kernel, _, channels, outputs = weight.shape
    out = x.new_empty(batch, out_height, out_width, outputs)
    sizes = _sizes(x, offsets, outputs, stride, padding)
    blocks = BLOCKS[x.element_size()]
    block = _block(outputs, blocks.outputs)
    grid = (triton.cdiv(sizes[0], blocks.positions), triton.cdiv(outputs, block))
    _forward[grid](
        x, offsets, mask, weight, x if bias is None else bias.contiguous(), out, *sizes,
        HAS_BIAS=bias is not None, BN=block, BK=_block(channels, blocks.channels), **_settings(x, kernel),
    )  # fmt: skip
    return out.permute(0, 3, 1, 2)


def gradients(
    gradient: Tensor, x: Tensor, offsets: Tensor, mask: Tensor, weight: Tensor, stride: int, padding: int,
    wanted: list[bool],
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """Return the gradients of the five tensors, None for those that are not wanted."""
    kernel, _, channels, outputs = weight.shape
    taps = kernel * kernel
    gradient = gradient.permute(0, 2, 3, 1).contiguous()
    sizes = _sizes(x, offsets, outputs, stride, padding)
    blocks, settings = BLOCKS[x.element_size()], _settings(x, kernel)
    across, down = _block(channels, blocks.channels), _block(outputs, blocks.outputs)
    rows = triton.cdiv(sizes[0], blocks.positions)
    to_x, to_offsets, to_mask, to_weight, to_bias = (None,) * 5
    if any(wanted[:3]):
        total = torch.zeros_like(x, dtype=torch.float32)
        to_offsets, to_mask = torch.empty_like(offsets), torch.empty_like(mask)
        _backward_samples[rows, taps](
            gradient, x, offsets, mask, weight, total, to_offsets, to_mask, *sizes, BN=down, BK=across, **settings
        )
        to_x, to_offsets, to_mask = (each.permute(0, 3, 1, 2) for each in (total.to(x.dtype), to_offsets, to_mask))
    if wanted[3]:
        grid = (taps * triton.cdiv(channels, across), triton.cdiv(outputs, down))
        count = max(1, min(rows, _WEIGHT_PROGRAMS // (grid[0] * grid[1])))
        part = triton.cdiv(rows, count) * blocks.positions
        count = triton.cdiv(sizes[0], part)
        # Parts that are added afterwards: the sum has the same order in every run.
        parts = torch.empty(count, kernel, kernel, channels, outputs, dtype=torch.float32, device=x.device)
        _backward_weight[(*grid, count)](
            gradient, x, offsets, mask, parts, *sizes, part, BN=down, BK=across, **settings
        )
        to_weight = parts.sum(0).permute(3, 2, 0, 1).to(weight.dtype)
    if wanted[4]:
        to_bias = gradient.sum((0, 1, 2), dtype=torch.float32).to(weight.dtype)
    return to_x, to_offsets, to_mask, to_weight, to_bias


def _sizes(x: Tensor, offsets: Tensor, outputs: int, stride: int, padding: int) -> tuple[int, ...]:
    """Return the numbers that all kernels take; maps are [B, H, W, C] here."""
    batch, height, width, channels = x.shape
    area, out_width = offsets.shape[1] * offsets.shape[2], offsets.shape[2]
    return batch * area, channels, outputs, height, width, area, out_width, stride, padding


def _block(count: int, most: int) -> int:
    """Return the side of a block over ``count`` numbers: a power of two, and 16 at least, which a product needs."""
    return min(most, max(16, triton.next_power_of_2(count)))


def _settings(x: Tensor, kernel: int) -> dict[str, Any]:
    """Return what all kernels are compiled for; float32 is rounded to TF32 only where convolutions are."""
    blocks = BLOCKS[x.element_size()]
    product = "tf32" if x.is_cuda and torch.backends.cudnn.allow_tf32 else "ieee"
    # One stage: loads ahead of their use would fill the shared memory, and nobody knows their places ahead.
    return {"KERNEL": kernel, "BM": blocks.positions, "PRODUCT": product, "num_warps": blocks.warps, "num_stages": 1}
