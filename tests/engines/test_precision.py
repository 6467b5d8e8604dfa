"""Half precision, loss scale, passes of a step, clipping, and steps that are left out."""

import numpy as np
import pytest
from training import distance, small_config, tiny_trainer, uneven_batch

from fairmot.errors import InputError

ENGINES = pytest.mark.parametrize("engine", ["torch", "mindspore"])
SGD = {"name": "sgd"}


def trainer_of(engine, compiled=False, optimizer=SGD, **train):
    pytest.importorskip(engine)
    return tiny_trainer(engine, small_config(optimizer=optimizer, train={"threads": 1, **train}), compiled=compiled)


@pytest.mark.parametrize(
    ("engine", "precision", "compiled"),
    [
        ("torch", "bf16", False),
        ("torch", "f16", False),
        ("mindspore", "f16", False),
        ("mindspore", "f16", True),
    ],
)
def test_half_precision_has_nearly_the_same_gradients(engine, precision, compiled):
    batch = uneven_batch(5)  # no box error so near 0 that its sign could change
    exact, gradients = trainer_of(engine).gradients(batch)
    trainer = trainer_of(engine, precision=precision, compiled=compiled)
    trainer.scale.value = min(trainer.scale.value, 256.0)  # the first one, 65536, would have to find this by halves
    rough, half = trainer.gradients(batch)
    # 8 and 11 bits of mantissa: so far off, and no nearer, or nothing would be in half precision.
    limit = 0.1 if precision == "bf16" else 0.02
    assert 1e-5 < distance(gradients, half) < limit
    assert rough.losses["total"] == pytest.approx(exact.losses["total"], rel=limit)
    assert all(array.dtype == np.float32 for array in half.values())
    before = trainer.state()
    assert trainer.step(batch, 0.01).taken
    after = trainer.state()
    assert (
        distance(
            {name: 0.01 * gradients[name] for name in gradients},
            {name: before[name] - after[name] for name in gradients},
        )
        < 2 * limit
    )


def test_heads_stay_in_float32():
    torch = pytest.importorskip("torch")
    trainer = trainer_of("torch", precision="bf16")
    seen = {}
    original = trainer.network._run

    def look(layer, inputs, holder):
        result = original(layer, inputs, holder)
        for name, module in trainer.network.named_modules():
            if module is holder:
                seen[name] = result.dtype
        return result

    trainer.network._run = look
    trainer.gradients(uneven_batch())
    assert seen["base.1.conv"] == torch.bfloat16
    assert {seen[f"{head}.{layer}"] for head in ("hm", "wh", "reg", "id") for layer in (0, 2)} == {torch.float32}


def test_mindspore_says_that_it_has_no_bfloat16_here():
    with pytest.raises(InputError, match=r"train\.precision: MindSpore has no bf16"):
        trainer_of("mindspore", precision="bf16")


@ENGINES
def test_a_scale_that_is_too_large_is_halved_and_its_step_left_out(engine):
    trainer = trainer_of(engine, precision="f16", optimizer={"name": "adam", "learning_rate": 1e-3})
    batch = uneven_batch()
    trainer.scale.value = 2.0**40
    before = trainer.state()
    result = trainer.step(batch, 1e-3)
    assert not result.taken
    assert np.isfinite(result.losses["total"])
    after = trainer.state()
    assert after.pop("loss_scale") == 2.0**39
    del before["loss_scale"]
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array, err_msg=name)
    trainer.scale.value = 2.0**10
    assert trainer.step(batch, 1e-3).taken
    assert trainer.state()["loss_scale_good_steps"] == 1


@ENGINES
def test_the_scale_is_in_the_state_and_may_be_missing_from_it(engine):
    half, exact = trainer_of(engine, precision="f16"), trainer_of(engine)
    half.scale.value, half.scale.good_steps = 512.0, 7
    state = half.state()
    assert (state["loss_scale"], state["loss_scale_good_steps"]) == (512.0, 7)
    other = trainer_of(engine, precision="f16")
    other.load_state(state)
    assert (other.scale.value, other.scale.good_steps) == (512.0, 7)
    exact.load_state(state)
    assert "loss_scale" not in exact.state()
    other.load_state(exact.state())


@ENGINES
def test_two_passes_are_one_step(engine):
    batch = uneven_batch()
    whole, halves = trainer_of(engine, freeze_batch_norm=True), trainer_of(engine, freeze_batch_norm=True, accumulate=2)
    (losses, gradients), (other, ours) = whole.gradients(batch), halves.gradients(batch)
    assert distance(gradients, ours) < 1e-5
    for name, value in losses.losses.items():
        assert other.losses[name] == pytest.approx(value, rel=1e-5), name
    results = [trainer.step(batch, 0.1) for trainer in (whole, halves)]
    assert results[0].gradient_norm == pytest.approx(results[1].gradient_norm, rel=1e-5)
    assert whole.state()["step"] == halves.state()["step"] == 1
    moved = [
        {name: array for name, array in trainer.state().items() if name.startswith(("network.", "loss."))}
        for trainer in (whole, halves)
    ]
    assert distance(*moved) < 1e-6
    ours["network.hm.0.weight"] = ours["network.hm.0.weight"] * np.float32(1.01)
    assert distance(gradients, ours) > 1e-5


@ENGINES
def test_frozen_batch_norms_keep_their_statistics(engine):
    frozen, moving = trainer_of(engine, freeze_batch_norm=True), trainer_of(engine)
    for trainer, keeps in ((frozen, True), (moving, False)):
        before = trainer.state()
        trainer.step(uneven_batch(), 0.1)
        after = trainer.state()
        for name in before:
            if "running" in name or "num_batches" in name:
                assert np.array_equal(before[name], after[name]) == keeps, name


@ENGINES
@pytest.mark.parametrize("share", [0.5, 2.0])
def test_a_long_gradient_is_shortened(engine, share):
    free = trainer_of(engine)
    _, gradients = free.gradients(uneven_batch())
    length = sum(float((array.astype(np.float64) ** 2).sum()) for array in gradients.values()) ** 0.5
    trainer = trainer_of(engine, optimizer={"name": "sgd", "clip_norm": share * length})
    before = trainer.state()
    assert trainer.step(uneven_batch(), 0.1).gradient_norm == pytest.approx(length, rel=1e-5)
    after = trainer.state()
    step = {name: before[name].astype(np.float64) - after[name] for name in gradients}
    expected = {name: 0.1 * min(share, 1.0) * array for name, array in gradients.items()}
    assert distance(expected, step) < 1e-4
    assert distance({name: 1.01 * array for name, array in expected.items()}, step) > 1e-4


@ENGINES
def test_a_batch_without_a_finite_loss_changes_nothing(engine):
    trainer = trainer_of(engine, optimizer={"name": "adam", "ema_decay": 0.9})
    trainer.step(uneven_batch(), 1e-3)
    before = trainer.state()
    spoiled = uneven_batch(1)
    spoiled.extents[spoiled.is_object] = np.inf
    result = trainer.step(spoiled, 1e-3)
    assert not result.taken
    assert not np.isfinite(result.losses["total"])
    for name, array in trainer.state().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert trainer.step(uneven_batch(2), 1e-3).taken
    assert not np.array_equal(trainer.state()["network.hm.2.bias"], before["network.hm.2.bias"])
