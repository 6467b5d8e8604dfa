"""What each process of the distributed tests runs: ``python two_processes.py ENGINE FOLDER [KIND]``."""

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from training import small_config, tiny_trainer, uneven_batch

from fairmot.engines import load_training
from fairmot.engines.training_rules import split_batch
from fairmot.training.first_process import work_while_others_wait
from fairmot.training.process import current_process, registered

SETTINGS = {
    "frozen": {"train": {"threads": 1, "freeze_batch_norm": True}, "optimizer": {"name": "sgd", "clip_norm": 0.5}},
    "synchronised": {"train": {"threads": 1, "sync_batch_norm": True}, "optimizer": {"name": "sgd"}},
}
"""Batch norms that know no batch, or that know all of it: in both cases two processes must do what one does."""

RATE = 0.1

PATIENCE_SECONDS = 6
"""In the tests in which the first process works for longer than that."""


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
    if kind in ("validate", "silent", "die"):
        first_process_works(trainer, kind, process)
    trainer.agree(False)


def first_process_works(trainer, kind, process):
    """The first process works longer than the others wait for it, or dies while they wait."""
    import torch.distributed as dist

    if kind != "die":
        # Set now, not before: processes may start some seconds apart.
        dist.distributed_c10d._set_pg_timeout(timedelta(seconds=PATIENCE_SECONDS))

    def work():
        if kind == "die":
            time.sleep(2)
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(2.5 * PATIENCE_SECONDS)

    if kind == "silent":
        if process.is_first:
            work()
        return
    work_while_others_wait(work if process.is_first else None, trainer.agree)


if __name__ == "__main__":
    main(*sys.argv[1:])
