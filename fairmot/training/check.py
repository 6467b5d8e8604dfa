"""What a run needs, checked before it begins: data, start weights, devices, a free folder. Nothing is written."""

from __future__ import annotations

from fairmot.config import Config
from fairmot.data.loader import create_loader
from fairmot.engines import choose_training_engine, load_launcher
from fairmot.errors import InputError
from fairmot.network.architectures import build_graph
from fairmot.training.checkpoint import check_resumable, load_checkpoint
from fairmot.training.start import start_weights


def check_run(
    config: Config, engine: str = "auto", device: str = "auto", resume: bool = False, processes: int = 1
) -> int:
    """Check everything that can be known without the training framework, and return the steps of an epoch.

    Args: as ``fairmot.training.loop.train``; ``processes`` that share the work.

    Raises:
        InputError: what a run with these arguments would end with.
    """
    check_free(config, resume)
    load_launcher(choose_training_engine(engine, device)).check_devices(device, processes)
    loader = create_loader(config, processes=processes)
    path = config.train.output / "last.safetensors"
    if path.exists():
        check_resumable(load_checkpoint(path), config, loader.identity_count, loader.fingerprint(), path)
    else:
        start_weights(build_graph(config.network), config)
    return len(loader)


def check_free(config: Config, resume: bool) -> None:
    """Check that a new run has a folder of its own.

    Raises:
        InputError: it holds a run already.
    """
    if (config.train.output / "last.safetensors").exists() and not resume:
        raise InputError(f"{config.train.output} holds a run already; resume it, or set another train.output")
