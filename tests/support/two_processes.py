"""What each process of the distributed tests runs: ``python two_processes.py ENGINE FOLDER [fail|kill|hang]``."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from training import small_config, tiny_trainer, uneven_batch

from fairmot.engines import load_training
from fairmot.engines.training_rules import split_batch
from fairmot.training.process import current_process, registered

SETTINGS = {
    "frozen": {"train": {"threads": 1, "freeze_batch_norm": True}, "optimizer": {"name": "sgd", "clip_norm": 0.5}},
    "synchronised": {"train": {"threads": 1, "sync_batch_norm": True}, "optimizer": {"name": "sgd"}},
}
"""Batch norms that know no batch, or that know all of it: in both cases two processes must do what one does."""

RATE = 0.1


def results(engine, config, batch, compiled=False):
    """Losses, gradients and the state after a step, flat."""
    trainer = tiny_trainer(engine, config, compiled=compiled)
    found, gradients = trainer.gradients(batch)
    stepped = trainer.step(batch, RATE)
    return {
        **{f"loss.{name}": np.array(value) for name, value in found.losses.items()},
        **{f"gradient.{name}": array for name, array in gradients.items()},
        "norm": np.array(stepped.gradient_norm),
        **{f"state.{name}": array for name, array in trainer.state().items()},
    }


def main(engine, folder, misbehaviour=None):
    process = current_process()
    with registered(process):
        if process.is_scheduler:
            load_training(engine).join_processes("cpu")
            return
        if misbehaviour:
            misbehave(engine, misbehaviour, process)
            return
        share = split_batch(uneven_batch(), process.size)[process.rank]
        for name, sections in SETTINGS.items():
            # MindSpore both ways: compiled, and operation by operation.
            found = results(engine, small_config(**sections), share, compiled=name == "frozen")
            np.savez(Path(folder, f"{name}-{process.rank}.npz"), **found)


def misbehave(engine, kind, process):
    """One process goes while the others wait for it."""
    trainer = tiny_trainer(engine, small_config())
    trainer.agree(False)
    if process.rank == 1 and kind == "fail":
        raise ValueError("an image of nothing")
    if process.rank == 1 and kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "hang":
        time.sleep(600)
    trainer.agree(False)


if __name__ == "__main__":
    main(*sys.argv[1:])
