"""Journey: describe. A network's name, configuration or weights in, what it costs out."""

from __future__ import annotations

from pathlib import Path

from fairmot.config import NetworkConfig, load_config, shipped_configs
from fairmot.network.architectures import ARCHITECTURES, build_graph
from fairmot.network.lite import LITE
from fairmot.network.summary import Summary, summarize
from fairmot.network.weights import load_weights


def describe(network: str, input_size: tuple[int, int] | None = None) -> tuple[str, Summary]:
    """Return a title and the summary of a weight file, a configuration (file or shipped name) or an architecture.

    Raises:
        InputError: nothing of that name.
    """
    if Path(network).suffix == ".safetensors":
        config = load_weights(network).network
    elif network == "lite":
        config = LITE
    elif network in ARCHITECTURES and network not in shipped_configs():
        config = NetworkConfig(architecture=network)
    else:
        config = load_config(network).network
    width, height = input_size or config.input_size
    return f"{config.architecture} at {width} x {height}", summarize(build_graph(config), (width, height))
