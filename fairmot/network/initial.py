"""Initial weights of a network, drawn in NumPy so that every engine starts from the same numbers."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.network.graph import Graph, Parameter
from fairmot.network.layers import ChannelAttention, Convolution, DeformableConvolution, TransposedConvolution


def initial_weights(graph: Graph, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Draw every parameter of ``graph``, each from its own random stream, so that adding a layer changes no other.

    Convolutions: normal with variance 2 / fan-out (He et al.; the DLA code); their last layers in heads normal 0.001
    (CenterNet), deformable ones uniform in 1 / sqrt(fan-in) (DCNv2), offset convolutions 0, transposed ones bilinear,
    and dense transposed ones bilinear for each channel by itself. Batch norms: 1 and 0.

    Nets without batch norms (``unnormalised``): depth-wise kernels pass their centre on, with noise, and 1x1 kernels
    are orthogonal, both with the gain 1.27; other kernels, near the image, have the gain 2.8, since SiLU is nearly
    linear on large numbers and halves small ones. So numbers neither vanish nor explode over a hundred layers. Channel
    attention: normal 0.01, so that every channel starts by one half.
    """
    return {parameter.name: _draw(graph, parameter, seed) for parameter in graph.parameters()}


def initial_classifier(
    identity_count: int, embedding: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw weight [identities, D] and bias [identities] of the identity classifier, uniform in 1 / sqrt(D)."""
    rng = _generator(seed, "classifier")
    bound = 1 / np.sqrt(embedding)
    weight = rng.uniform(-bound, bound, (identity_count, embedding)).astype(np.float32)
    return weight, rng.uniform(-bound, bound, identity_count).astype(np.float32)


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _draw(graph: Graph, parameter: Parameter, seed: int) -> NDArray[Any]:
    shape = parameter.shape
    match parameter.role:
        case "bn_weight" | "bn_var":
            return np.ones(shape, np.float32)
        case "bn_bias" | "bn_mean":
            return np.zeros(shape, np.float32)
        case "bn_count":
            return np.zeros(shape, np.int64)
    layer = graph.nodes[parameter.node].layer
    if parameter.role == "bias":
        return np.full(shape, layer.bias_start if isinstance(layer, Convolution) else 0.0, np.float32)
    rng = _generator(seed, parameter.name)
    fan_in = int(np.prod(shape[1:]))
    match layer:
        case TransposedConvolution(stride=stride, groups=groups):
            # DEVIATION: the published code starts a dense one with every channel's kernel on the first channel.
            own_channel = np.eye(shape[0], shape[1]) if groups == 1 else np.ones(shape[:2])
            return (own_channel[..., None, None] * _bilinear(stride)).astype(np.float32)
        case DeformableConvolution():
            bound = 1 / np.sqrt(fan_in)
            return rng.uniform(-bound, bound, shape).astype(np.float32)
        case Convolution(start="zero"):
            return np.zeros(shape, np.float32)
        case Convolution(start="head"):
            return rng.normal(0.0, 0.001, shape).astype(np.float32)
        case ChannelAttention():
            return rng.normal(0.0, 0.01, shape).astype(np.float32)
        case Convolution(start="unnormalised", groups=groups):
            return _unnormalised(shape, groups, rng).astype(np.float32)
        case Convolution(channels=channels, kernel=kernel, groups=groups):
            fan_out = kernel * kernel * channels // groups
            return rng.normal(0.0, np.sqrt(2.0 / fan_out), shape).astype(np.float32)
    raise AssertionError(f"no start value for {parameter} of {layer}")  # pragma: no cover


def _unnormalised(shape: tuple[int, ...], groups: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a kernel [out, in, k, k] as ``initial_weights`` says."""
    out, inner, kernel, _ = shape
    if groups > 1:
        weight = rng.normal(0.0, 0.1, shape)
        weight[:, :, kernel // 2, kernel // 2] += 1
    elif kernel > 1:
        return rng.normal(0.0, 2.8 / np.sqrt(inner * kernel * kernel), shape)
    else:
        tall, _ = np.linalg.qr(rng.normal(size=(max(out, inner), min(out, inner))))
        weight = (tall if out >= inner else tall.T)[..., None, None] * np.sqrt(max(1.0, out / inner))
    scaled: NDArray[np.float64] = 1.27 * weight
    return scaled


def _bilinear(factor: int) -> NDArray[np.float64]:
    """Return the kernel [2f, 2f] with which a transposed convolution of stride f interpolates bilinearly."""
    centre = (2 * factor - 1 - factor % 2) / (2.0 * factor)
    ramp = 1 - np.abs(np.arange(2 * factor) / factor - centre)
    return np.outer(ramp, ramp)
