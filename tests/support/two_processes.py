"""What each process of the distributed tests runs: ``python two_processes.py ENGINE FOLDER [KIND]``."""

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from levels import level_batch, level_config, tiny_level_trainer
from training import small_config, tiny_trainer, uneven_batch

from fairmot.engines import load_training
from fairmot.engines.training_rules import split_batch
from fairmot.training.first_process import work_while_others_wait
from fairmot.training.process import current_process, registered

SETTINGS = {
    "frozen": {"train": {"threads": 1, "freeze_batch_norm": True}, "optimizer": {"name": "sgd", "clip_norm": 0.5}},
    "synchronised": {"train": {"threads": 1, "sync_batch_norm": True}, "optimizer": {"name": "sgd"}},
    "levels": {"train": {"threads": 1, "freeze_batch_norm": True}, "optimizer": {"name": "sgd", "clip_norm": 0.5}},
}
"""Batch norms that know no batch, or that know all of it: in both cases two processes must do what one does. ``levels``
is a network on several levels, whose losses are divided by the qualities of all images."""

RATE = 0.1

PATIENCE_SECONDS = 4
"""In the tests in which the first process works for longer than that."""


def trainer_of(engine, name, compiled=False):
    """A trainer with these settings."""
    if name == "levels":
        return tiny_level_trainer(engine, level_config(**SETTINGS[name]), compiled=compiled)
    return tiny_trainer(engine, small_config(**SETTINGS[name]), compiled=compiled)


def whole_batch(name):
    """A batch whose halves have unlike numbers of objects."""
    if name != "levels":
        return uneven_batch()
    batch = level_batch(images=4)
    for is_object in batch.is_object[:2]:
        is_object[np.flatnonzero(is_object)[2:]] = False
    return batch


def gradients(trainer, batch):
    """Losses and gradients, flat."""
    found, arrays = trainer.gradients(batch)
    return {
        **{f"loss.{name}": np.array(value) for name, value in found.losses.items()},
        **{f"gradient.{name}": array for name, array in arrays.items()},
    }


def results(engine, name, batch, compiled=False):
    """Losses, gradients and the state after a step, flat."""
    trainer = trainer_of(engine, name, compiled)
    found = gradients(trainer, batch)
    stepped = trainer.step(batch, RATE)
    return {
        **found,
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
        for name in SETTINGS:
            share = split_batch(whole_batch(name), process.size)[process.rank]
            # MindSpore both ways: compiled, and operation by operation.
            found = results(engine, name, share, compiled=name == "frozen")
            np.savez(Path(folder, f"{name}-{process.rank}.npz"), **found)
        if engine == "torch":
            began = time.monotonic()
            misbehave(engine, "validate", process)
            Path(folder, f"waited-{process.rank}.txt").write_text(str(time.monotonic() - began))


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
            time.sleep(1)
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1.5 * PATIENCE_SECONDS)

    if kind == "silent":
        if process.is_first:
            work()
        return
    work_while_others_wait(work if process.is_first else None, trainer.agree)


if __name__ == "__main__":
    main(*sys.argv[1:])
