"""A small network and batch that the tests of every training engine share."""

from types import SimpleNamespace

import numpy as np
import pytest

from fairmot.config import Config, NetworkConfig, parse_config
from fairmot.engines import load_training
from fairmot.network.architectures import build_graph
from fairmot.network.graph import GraphBuilder
from fairmot.network.heads import dense_heads
from fairmot.network.initial import initial_weights

IDENTITIES = 7


def small_config(architecture="yolo", **sections) -> Config:
    network = NetworkConfig(
        architecture=architecture, embedding=8, head_width=16, input_width_px=96, input_height_px=64
    )
    return parse_config(
        {"network": network.model_dump(), "train": {"threads": 1}, **sections},
        "test",
    )


def small_weights(config: Config) -> dict[str, np.ndarray]:
    """Start values whose heads already give something, so that every gradient is alive."""
    graph = build_graph(config.network)
    rng = np.random.default_rng(5)
    weights = initial_weights(graph)
    for parameter in graph.parameters():
        if parameter.role == "weight" and "conv_offset_mask" not in parameter.name and parameter.name[:2] in "hmwhidre":
            weights[parameter.name] = rng.normal(0, 0.1, parameter.shape).astype(np.float32)
        elif parameter.role == "bn_weight":
            weights[parameter.name] = rng.uniform(0.5, 1.5, parameter.shape).astype(np.float32)
    return weights


def small_batch(seed=0, images=2, slots=12, objects=5) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    h, w = 16, 24
    batch = SimpleNamespace(
        images=rng.integers(0, 256, (images, 64, 96, 3), dtype=np.uint8),
        heatmap=(0.9 * rng.random((images, 1, h, w)) ** 4).astype(np.float32),
        is_object=np.zeros((images, slots), bool),
        cells=np.zeros((images, slots), np.int64),
        extents=np.zeros((images, slots, 4), np.float32),
        offsets=np.zeros((images, slots, 2), np.float32),
        identities=np.full((images, slots), -1, np.int64),
        paths=tuple(f"{i}.jpg" for i in range(images)),
    )
    for image in range(images):
        chosen = rng.choice(slots, objects, replace=False)
        cells = rng.choice(h * w, objects, replace=False)
        batch.is_object[image, chosen] = True
        batch.cells[image, chosen] = cells
        batch.heatmap[image, 0].reshape(-1)[cells] = 1
        batch.extents[image, chosen] = rng.random((objects, 4)) * 6
        batch.offsets[image, chosen] = rng.random((objects, 2))
        batch.identities[image, chosen] = rng.integers(-1, IDENTITIES - 1, objects)
    return batch


def graph_of(config: Config):
    return build_graph(config.network)


def create_trainer(engine, *arguments, compiled=False):
    """A trainer; MindSpore's runs operation by operation unless it is ``compiled``, as the engine's own always is."""
    if engine == "mindspore" and not compiled:
        from fairmot.engines.mindspore.trainer import MindSporeTrainer

        return MindSporeTrainer(*arguments, compiled=False)
    return load_training(engine).create_trainer(*arguments)


def trainer_of(engine: str, config: Config, identity_count=IDENTITIES, compiled=False, device="cpu"):
    """A trainer of this engine; the test is skipped where its framework is absent."""
    pytest.importorskip(engine)
    return create_trainer(
        engine, graph_of(config), small_weights(config), identity_count, config, device, compiled=compiled
    )


def tiny_graph(config: Config, deformable: bool = False):
    """Two convolutions with batch norms, perhaps a deformable one, and the published heads: compiled in seconds."""
    builder = GraphBuilder()
    x = builder.input()
    for index, channels in enumerate((8, 12)):
        x = builder.convolution(x, f"base.{index}.conv", channels, 3, stride=2)
        x = builder.activation(builder.batch_norm(x, f"base.{index}.bn"))
    if deformable:
        x = builder.deformable_convolution(x, "base.2.conv", 12)
    return builder.finish(config.network, dense_heads(builder, x, config.network))


def tiny_weights(config: Config, deformable: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    graph = tiny_graph(config, deformable)
    weights = initial_weights(graph)
    for parameter in graph.parameters():
        if parameter.role == "weight":
            weights[parameter.name] = rng.normal(0, 0.2, parameter.shape).astype(np.float32)
    return weights


def tiny_trainer(
    engine: str, config: Config, identity_count=IDENTITIES, compiled=False, device="cpu", deformable=False
):
    """As ``trainer_of``, of ``tiny_graph``."""
    pytest.importorskip(engine)
    return create_trainer(
        engine,
        tiny_graph(config, deformable),
        tiny_weights(config, deformable),
        identity_count,
        config,
        device,
        compiled=compiled,
    )


def uneven_batch(seed=0, images=4) -> SimpleNamespace:
    """A batch whose first half has fewer objects than its second, so that normalisers of halves differ."""
    batch = small_batch(seed, images)
    for image in range(images // 2):
        slots = np.flatnonzero(batch.is_object[image])[: 4 - image]
        batch.heatmap[image, 0].reshape(-1)[batch.cells[image, slots]] = 0.5
        batch.is_object[image, slots] = False
    return batch


def distance(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> float:
    """Distance of all arrays together, relative to their length."""
    apart = sum(float(((first[name].astype(np.float64) - second[name]) ** 2).sum()) for name in first)
    return (apart / sum(float((array.astype(np.float64) ** 2).sum()) for array in first.values())) ** 0.5
