"""The kinds of layers that a graph may hold; each engine has one rule for each kind.

A kind states what is computed, and its sizes; it knows neither its place in a network nor any framework.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Start = Literal["he", "head", "zero", "bilinear", "unnormalised"]
"""How the initial values of a weight are drawn; see ``fairmot.network.initial``."""


@dataclass(frozen=True, slots=True)
class Input:
    """RGB planes [B, 3, H, W] in 0..1."""

    channels: int = 3


@dataclass(frozen=True, slots=True)
class Convolution:
    """Convolution with symmetric zero padding; weight [out, in / groups, kernel, kernel]."""

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    bias: bool = False
    start: Start = "he"
    bias_start: float = 0.0


@dataclass(frozen=True, slots=True)
class DeformableConvolution:
    """Modulated deformable convolution (DCNv2); inputs are features and the offset convolution's output.

    The second input has 3 * kernel² channels in the public order: (dy, dx) interleaved per tap, then the mask
    logits. An engine applies the sigmoid, and any permutation that its kernel wants, here.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    bias: bool = True


@dataclass(frozen=True, slots=True)
class TransposedConvolution:
    """Up-sampling by ``stride``; weight [in, out / groups, kernel, kernel].

    ``kernel - 2 * padding == stride``, so that the output is exactly ``stride`` times as large.
    """

    channels: int
    kernel: int
    stride: int
    padding: int
    groups: int = 1
    bias: bool = False
    start: Start = "bilinear"


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Batch normalisation; ``momentum`` is the weight of the new batch (PyTorch's convention)."""

    epsilon: float = 1e-5
    momentum: float = 0.1


@dataclass(frozen=True, slots=True)
class Activation:
    """A non-linearity applied to each element."""

    function: Literal["relu", "silu"]


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Largest value of each square window; padding counts as minus infinity."""

    kernel: int
    stride: int
    padding: int = 0


@dataclass(frozen=True, slots=True)
class Add:
    """Sum of two equally shaped maps."""


@dataclass(frozen=True, slots=True)
class Concatenate:
    """Maps stacked along the channels."""


@dataclass(frozen=True, slots=True)
class Resize:
    """Enlargement by a whole factor.

    ``bilinear`` takes pixels as areas, whose centres lie at halves (PyTorch: ``align_corners=False``).
    """

    factor: int
    mode: Literal["nearest", "bilinear"] = "nearest"


@dataclass(frozen=True, slots=True)
class SpaceToDepth:
    """Each 2x2 block of pixels stacked along the channels (the Focus of YOLOv5).

    Its pixels (row, column) come in the order (0, 0), (1, 0), (0, 1), (1, 1), each with all channels of the input.
    """


@dataclass(frozen=True, slots=True)
class Normalize:
    """``(x - mean) / std`` of each channel; fixed numbers, never trained.

    A layer of its own: zero padding follows it, so that it does not fold into the convolution behind it.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ChannelAttention:
    """Each channel times the hard sigmoid of a 1x1 convolution of all channels' means (RTMDet, CSPNeXt).

    Weight [C, C, 1, 1] and bias [C]; the hard sigmoid is ``clip(x / 6 + 1 / 2, 0, 1)``.
    """


@dataclass(frozen=True, slots=True)
class Boxes:
    """The second input: corners [B, K, 4] (left, top, right, bottom), canvas pixels."""


@dataclass(frozen=True, slots=True)
class SampleBoxes:
    """A map read at points inside each box: [B, C, h, w] and boxes [B, K, 4] give [B, C * rows, 1, K].

    A box has ``rows`` x ``columns`` points in the centres of equal parts; the columns of a row are averaged. Between
    cells the map is linear, beyond its border constant. Cell (x, y) lies at pixel (x * stride, y * stride), as the
    padding of the convolutions of stride 2 before it puts it. Channel ``c * rows + r`` is row r of the map's channel c.
    """

    rows: int
    columns: int


Layer = (
    Input
    | Convolution
    | DeformableConvolution
    | TransposedConvolution
    | BatchNorm
    | Activation
    | MaxPool
    | Add
    | Concatenate
    | Resize
    | SpaceToDepth
    | Normalize
    | ChannelAttention
    | Boxes
    | SampleBoxes
)
