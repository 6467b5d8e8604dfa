"""The kinds of layers that a graph may hold; each engine has one rule for each kind.

A kind states what is computed, and its sizes; it knows neither its place in a network nor any framework.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Start = Literal["he", "head", "zero", "bilinear"]
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
    blank_inputs: int = 0
    """Number of last input channels whose weights start at 0: training decides how much they count."""


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

    function: Literal["relu", "silu", "exp"]


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
)
