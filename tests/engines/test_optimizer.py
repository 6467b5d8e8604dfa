"""Each engine's optimiser against the written-down formula, over several steps of a network."""

import numpy as np
import pytest
from training import small_batch, small_config, tiny_trainer, tiny_weights


@pytest.mark.parametrize("engine", ["torch", "mindspore"])
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_steps_follow_the_formula(engine, name):
    factors = {"base.0.": 0.5, "wh.": 0.0}
    config = small_config(optimizer={"name": name, "weight_decay": 0.1, "rate_factors": factors})
    trainer = tiny_trainer(engine, config)
    expected = {key: array.astype(np.float64) for key, array in trainer.state().items()}
    # Adam makes a whole step of a gradient that is nothing but rounding.
    counted = {}
    for count in (1, 2, 3):
        batch = small_batch(count)
        _, gradients = trainer.gradients(batch)
        trainer.step(batch, 1e-3)
        for key, gradient in gradients.items():
            whole = follow(expected, key, gradient.astype(np.float64), name, count)
            counted[key] = counted.get(key, True) & ((whole == 0) | (np.abs(whole) > 1e-6))
    state = trainer.state()
    assert np.concatenate([mask.ravel() for mask in counted.values()]).mean() > 0.9
    for key, mask in counted.items():
        np.testing.assert_allclose(state[key][mask], expected[key][mask], rtol=0, atol=3e-6, err_msg=key)
    np.testing.assert_array_equal(state["network.wh.2.weight"], tiny_weights(config)["wh.2.weight"])
    assert not np.array_equal(state["network.hm.2.weight"], tiny_weights(config)["hm.2.weight"])
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(state["loss.s_det"], expected["loss.s_det"] + 1e-5, rtol=0, atol=3e-6)


def follow(expected, key, gradient, name, count):
    """Move ``expected[key]`` and its moments by one step at rate 1e-3, in float64; return what the moments take in."""
    bare = key.removeprefix("network.")
    rate = 1e-3 * (0.5 if bare.startswith("base.0.") else 0.0 if bare.startswith("wh.") else 1.0)
    decay = 0.1 if gradient.ndim > 1 else 0.0
    value = expected[key]
    if rate == 0:
        return gradient
    if name != "adamw":
        gradient = gradient + decay * value
    else:
        value = value * (1 - rate * decay)
    if name == "sgd":
        expected[key] = value - rate * gradient
        return gradient
    m = expected[f"optimizer.m.{key}"] = 0.9 * expected[f"optimizer.m.{key}"] + 0.1 * gradient
    v = expected[f"optimizer.v.{key}"] = 0.999 * expected[f"optimizer.v.{key}"] + 0.001 * gradient**2
    expected[key] = value - rate * (m / (1 - 0.9**count)) / (np.sqrt(v / (1 - 0.999**count)) + 1e-8)
    return gradient
