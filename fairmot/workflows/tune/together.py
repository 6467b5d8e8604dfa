"""Trials of one study, taken by several processes together."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psutil

_OWNER = "process"
_PAUSE_SECONDS = 0.2


def taken_together(
    study: Any, trials: int, objective: Callable[[Any], float], lock: AbstractContextManager[Any]
) -> Iterator[None]:
    """Take trials until the study holds that many, those of other processes included; yield after each of one's own.

    Trials of processes that are gone are taken again. Ends when all trials have ended, wherever they ran.

    Args:
        study: an Optuna study.
        trials: how many trials it should hold, pruned ones included.
        objective: returns the value of a trial, or raises ``optuna.TrialPruned``.
        lock: held while trials are counted.
    """
    import optuna

    states = optuna.trial.TrialState
    while True:
        with lock:
            done = running = 0
            for each in study.get_trials(deepcopy=False):
                if each.state == states.RUNNING and not _is_alive(each.user_attrs.get(_OWNER)):
                    study.tell(each.number, state=states.FAIL)
                else:
                    running += each.state == states.RUNNING
                    done += each.state in (states.COMPLETE, states.PRUNED)
            if done >= trials:
                return
            trial = study.ask() if done + running < trials else None
            if trial is not None:
                trial.set_user_attr(_OWNER, [platform.node(), os.getpid(), psutil.Process().create_time()])
        if trial is None:
            time.sleep(_PAUSE_SECONDS)
            continue
        try:
            study.tell(trial, objective(trial))
        except optuna.TrialPruned:
            study.tell(trial, state=states.PRUNED)
        except BaseException:
            study.tell(trial, state=states.FAIL)
            raise
        yield


def _is_alive(owner: Any) -> bool:
    """Whether the process of a trial may still work on it; of another machine nothing is known."""
    if not isinstance(owner, list) or len(owner) != 3:
        return False
    machine, process, begun = owner
    if machine != platform.node():
        return True
    try:
        return bool(abs(psutil.Process(process).create_time() - begun) < 1)
    except psutil.Error:
        return False
