"""Parameters in joined arrays: which share one, and steps equal to those of separate arrays."""

import numpy as np
import pytest
from test_trainer import assert_same_arrays
from training import small_batch, small_config, tiny_trainer

ms = pytest.importorskip("mindspore")

from fairmot.engines.mindspore import joined  # noqa: E402
from fairmot.engines.mindspore.joined import Join, Plan, Stored, Write  # noqa: E402
from fairmot.engines.mindspore.network import runner  # noqa: E402

SHAPES = {"a": (2, 3), "b": (4,), "c": (5,), "d": (3, 1), "e": (7,), "f": (20,), "g": (1,)}
KINDS = {name: len(shape) for name, shape in SHAPES.items()}


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


def plan(largest=16):
    parameters = {name: ms.Parameter(ms.Tensor(array), name=name) for name, array in arrays().items()}
    return Plan(parameters, KINDS, largest)


def test_neighbours_of_one_kind_share_an_array_up_to_its_size():
    made = plan()
    groups = [made.names[start:stop] for start, stop in made.bounds]
    assert groups == [("a", "d"), ("b", "c", "e"), ("f",), ("g",)]
    assert made.kinds == (2, 1, 1, 1)
    apart = plan(largest=0)
    assert [stop - start for start, stop in apart.bounds] == [1] * 7
    assert set(apart.names) == set(SHAPES)


@pytest.mark.parametrize("compiled", [False, True])
def test_joined_arrays_come_apart_again(compiled):
    made = plan()
    found = runner(Join(made), compiled)(tuple(ms.Tensor(p.asnumpy()) for p in made.parameters))
    assert [array.shape for array in found] == [(9,), (16,), (20,), (1,)]
    split = dict(made.split([array.asnumpy() for array in found]))
    assert_same_arrays(split, arrays())
    other = arrays(1)
    fresh = made.join([other[name] for name in made.names])
    runner(Write(made), compiled)(tuple(ms.Tensor(array) for array in fresh))
    written = {parameter.name: parameter.asnumpy() for parameter in made.parameters}
    assert_same_arrays(written, other)
    with pytest.raises(AssertionError):
        assert_same_arrays(written, arrays())


def test_stored_arrays_are_copies_by_name():
    stored = Stored(plan(), arrays(), "m")
    assert len(stored.parameters) == 4
    assert_same_arrays(stored.arrays(), arrays())
    stored.load(arrays(1))
    assert_same_arrays(stored.arrays(), arrays(1))


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_steps_equal_those_of_separate_arrays(monkeypatch, compiled):
    factors = {"base.0.": 0.5, "wh.": 0.0}
    optimizer = {"name": "adamw", "weight_decay": 0.1, "rate_factors": factors, "ema_decay": 0.9}
    config = small_config(optimizer=optimizer)
    states = []
    for largest in (0, joined.LARGEST):
        monkeypatch.setattr(joined, "LARGEST", largest)
        trainer = tiny_trainer("mindspore", config, compiled=compiled)
        assert (len(trainer.optimizer.m) == len(trainer.optimizer.trained)) == (largest == 0)
        for seed in (1, 2):
            trainer.step(small_batch(seed), 1e-3)
        states.append(trainer.state())
    assert_same_arrays(*states)
    name = "network.hm.2.weight"
    assert not np.array_equal(states[0]["ema.hm.2.weight"], states[0][name])
    with pytest.raises(AssertionError):
        assert_same_arrays(states[0], states[1] | {name: states[1][name] * np.float32(1.000001)})
