"""A small batch for networks on several levels, and head maps that know it a little."""

from types import SimpleNamespace

import numpy as np
import pytest
from training import IDENTITIES, create_trainer, small_config

from fairmot.config import Config
from fairmot.geometry import anchor_points
from fairmot.network.graph import GraphBuilder
from fairmot.network.initial import initial_weights
from fairmot.network.level_decoding import level_names
from fairmot.network.level_loss import LevelTruth

STRIDES = (8, 16, 32)
CANVAS = (96, 64)
CELLS = 126


def level_batch(seed=0, images=2, slots=12, objects=5, classes=1) -> SimpleNamespace:
    """Boxes of 12 to 60 pixels, one ignore region an image."""
    rng = np.random.default_rng(seed)
    points, _ = anchor_points(CANVAS, STRIDES)
    batch = SimpleNamespace(
        images=rng.integers(0, 256, (images, *CANVAS[::-1], 3), dtype=np.uint8),
        is_object=np.zeros((images, slots), bool),
        boxes_xyxy=np.zeros((images, slots, 4), np.float32),
        class_ids=np.zeros((images, slots), np.int64),
        identities=np.full((images, slots), -1, np.int64),
        is_ignored=np.zeros((images, len(points)), bool),
        paths=tuple(f"{i}.jpg" for i in range(images)),
    )
    for image in range(images):
        chosen = rng.choice(slots, objects, replace=False)
        centres, sizes = rng.uniform((0, 0), CANVAS, (objects, 2)), rng.uniform((10, 16), (30, 50), (objects, 2))
        batch.is_object[image, chosen] = True
        batch.boxes_xyxy[image, chosen] = np.concatenate([centres - sizes / 2, centres + sizes / 2], 1)
        batch.class_ids[image, chosen] = rng.integers(0, classes, objects)
        batch.identities[image, chosen] = rng.integers(-1, IDENTITIES - 1, objects)
        region = rng.uniform((0, 0), CANVAS)
        batch.is_ignored[image] = ((points >= region) & (points < region + 40)).all(1)
    return batch


def level_heads(batch, seed=3, classes=1, embedding=8) -> dict[str, np.ndarray]:
    """Head maps whose boxes often lie near a true one; a few have sides of negative length."""
    rng = np.random.default_rng(seed)
    images, slots = batch.is_object.shape
    heads = {}
    for stride in STRIDES:
        columns, rows = CANVAS[0] // stride, CANVAS[1] // stride
        points, _ = anchor_points(CANVAS, (stride,))
        sides = np.empty((images, len(points), 4))
        for image in range(images):
            boxes = batch.boxes_xyxy[image, batch.is_object[image]]
            nearest = np.abs(points[:, None] - (boxes[:, :2] + boxes[:, 2:]) / 2).max(2).argmin(1)
            sides[image] = np.concatenate([points - boxes[nearest, :2], boxes[nearest, 2:] - points], 1) / stride
        sides += rng.normal(0, 4 / stride, sides.shape)
        scores, distances = level_names(stride)
        heads[scores] = rng.normal(-1, 1.5, (images, classes, rows, columns)).astype(np.float32)
        heads[distances] = sides.transpose(0, 2, 1).reshape(images, 4, rows, columns).astype(np.float32)
    heads["embedding"] = rng.normal(0, 1, (images, embedding, 1, slots)).astype(np.float32)
    return heads


def truth_of(batch) -> LevelTruth:
    return LevelTruth(batch.is_object, batch.boxes_xyxy, batch.class_ids, batch.is_ignored)


def level_config(classes=1, **sections) -> Config:
    network = small_config("lite").network.model_copy(update={"classes": classes})
    return small_config(network=network.model_dump(), **sections)


def tiny_level_graph(config: Config):
    """A few layers of every kind that RTMDet-nano has, a head on each of three levels, and vectors along boxes."""
    builder = GraphBuilder()
    image = builder.normalize(builder.input(), (0.5,) * 3, (0.25,) * 3)
    x, outputs, maps = image, {}, []
    for index in range(5):
        x = builder.convolution(x, f"backbone.{index}.conv", 12, 3, stride=2, bias=True)
        x = builder.activation(x, "silu")
        if index == 2:
            x = builder.channel_attention(x, "backbone.attention.fc")
        if index >= 2:
            stride = 2 ** (index + 1)
            scores, distances = level_names(stride)
            outputs[scores] = builder.convolution(
                x, f"bbox_head.rtm_cls.{index}", config.network.classes, 1, bias=True, bias_start=-2.0
            )
            # Boxes of 80 pixels on every level, so that each gets some.
            outputs[distances] = builder.convolution(
                x, f"bbox_head.rtm_reg.{index}", 4, 1, bias=True, bias_start=40 / stride
            )
            maps.append(x)
    y = builder.convolution(image, "appearance.0.conv", 6, 3, stride=4)
    y = builder.activation(builder.batch_norm(y, "appearance.0.bn"), "silu")
    boxes = builder.boxes()
    read = [builder.sample_boxes(source, boxes, rows, rows) for source, rows in ((y, 3), (maps[0], 2), (maps[2], 1))]
    z = builder.activation(builder.convolution(builder.concatenate(*read), "id.0", 16, 1, bias=True))
    outputs["embedding"] = builder.convolution(z, "id.2", config.network.embedding, 1, bias=True)
    return builder.finish(config.network, outputs)


def tiny_level_weights(config: Config) -> dict[str, np.ndarray]:
    graph = tiny_level_graph(config)
    rng = np.random.default_rng(7)
    weights = initial_weights(graph)
    for parameter in graph.parameters():
        if parameter.role == "weight":
            spread = 0.1 if "rtm_cls" in parameter.name else 0.02 if "rtm_reg" in parameter.name else 0.3
            weights[parameter.name] = rng.normal(0, spread, parameter.shape).astype(np.float32)
    return weights


def tiny_level_trainer(engine: str, config: Config, identity_count=IDENTITIES, compiled=False, device="cpu"):
    """A trainer of ``tiny_level_graph``; the test is skipped where its framework is absent."""
    pytest.importorskip(engine)
    graph, weights = tiny_level_graph(config), tiny_level_weights(config)
    return create_trainer(engine, graph, weights, identity_count, config, device, compiled=compiled)
