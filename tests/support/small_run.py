"""A training run of seconds: a small network, and settings with everything that a checkpoint must hold."""

import numpy as np

from fairmot.config import parse_config
from fairmot.config.sections import LEVEL_STRIDES

ARCHITECTURE = next(iter(LEVEL_STRIDES))
"""A network on several levels, the smallest that there is."""
NETWORK = {"architecture": ARCHITECTURE, "embedding": 8, "head_width": 16, "input_width_px": 96, "input_height_px": 64}


def configuration(description, output, optimizer=(), data=(), **train_settings):
    """Two epochs on the images of ``description``, a ``data.json``; moments and averages are kept."""
    adam = {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01, "ema_decay": 0.9}
    return parse_config(
        {
            "network": NETWORK,
            "data": {"description": str(description), "max_objects": 20, "workers": 1, **dict(data)},
            "optimizer": {**adam, **dict(optimizer)},
            "train": {"epochs": 2, "batch_size": 2, "threads": 1, "output": str(output), **train_settings},
        },
        "test",
    )


def assert_same_state(first, second):
    """Compare two states bit for bit."""
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
