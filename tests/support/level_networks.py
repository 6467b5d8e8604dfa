"""A small network on several levels whose every part does something, canvases with structure, and boxes to read."""

import functools

import numpy as np

from fairmot.config import NetworkConfig
from fairmot.engines import load_inference
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights

ARCHITECTURE = "lite"
SIZE = (160, 96)


@functools.cache
def lively_levels(classes=1):
    """Graph and weights whose boxes overlap, whose scores spread over 0..1, and whose embeddings differ."""
    config = NetworkConfig(
        architecture=ARCHITECTURE,
        classes=classes,
        embedding=12,
        head_width=20,
        input_width_px=SIZE[0],
        input_height_px=SIZE[1],
    )
    graph = build_graph(config)
    rng = np.random.default_rng(5)
    weights = initial_weights(graph, seed=3)
    for parameter in graph.parameters():
        if parameter.role in ("bias", "bn_bias", "bn_mean"):
            weights[parameter.name] = rng.normal(0, 0.1, parameter.shape).astype(np.float32)
        elif parameter.role == "bn_var":
            weights[parameter.name] = rng.uniform(0.5, 1.5, parameter.shape).astype(np.float32)
    # The last convolutions start near zero: scale them by what they give.
    network = load_inference("onnxruntime").load_network(graph, weights)
    heads = network(pixels_of(canvases(1)))
    for level, stride in enumerate(graph.level_strides):
        for branch, head, spread, centre in (("cls", "scores", 2.0, -1.0), ("reg", "distances", 0.5, 1.5)):
            name, values = f"bbox_head.rtm_{branch}.{level}", heads[f"{head}_{stride}"]
            bias = weights[f"{name}.bias"][:, None, None]
            weights[f"{name}.weight"] = weights[f"{name}.weight"] * np.float32(spread / values.std())
            shift = (values[0] - bias).mean((1, 2)) * (spread / values.std())
            weights[f"{name}.bias"] = (centre - shift).astype(np.float32)
    return graph, weights


def canvases(count, size=SIZE):
    """Return canvases [count, H, W, 3] of smooth random colours."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, size[1] // 8, size[0] // 8, 3))
    fine = np.random.default_rng(1).integers(-20, 21, (count, size[1], size[0], 3))
    return np.clip(coarse.repeat(8, 1).repeat(8, 2) + fine, 0, 255).astype(np.uint8)


def pixels_of(images):
    """Return RGB planes [B, 3, H, W] in 0..1 of BGR canvases."""
    return np.ascontiguousarray(images[..., ::-1].transpose(0, 3, 1, 2)).astype(np.float32) / 255


def some_boxes(count=5):
    """Return boxes [2, count, 4]: inside, over the edge, far outside, without extent."""
    boxes = np.random.default_rng(2).uniform(-20, 150, (2, count, 4)).astype(np.float32)
    boxes[..., 2:] = boxes[..., :2] + np.abs(boxes[..., 2:]) / 2
    boxes[0, 0] = 0
    boxes[1, -1] = (500, 500, 600, 700)
    return boxes
