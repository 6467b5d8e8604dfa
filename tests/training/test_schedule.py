import pytest

from fairmot.config import OptimizerConfig
from fairmot.training.schedule import learning_rate


def test_the_published_schedule_drops_after_epoch_20():
    config = OptimizerConfig()
    rates = [learning_rate(config, epoch * 10, 10, 30) for epoch in range(30)]
    assert rates[:20] == [1e-4] * 20
    assert rates[20:] == pytest.approx([1e-5] * 10)


def test_cosine_ends_at_a_hundredth():
    config = OptimizerConfig(schedule="cosine", learning_rate=1.0)
    rates = [learning_rate(config, step, 10, 10) for step in range(100)]
    assert rates[0] == pytest.approx(1.0)
    assert rates[50] == pytest.approx(0.505)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("schedule", ["step", "cosine"])
def test_warm_up_rises_in_a_line(schedule):
    config = OptimizerConfig(schedule=schedule, learning_rate=1.0, warmup_steps=4)
    assert [learning_rate(config, step, 100, 10) for step in range(4)] == pytest.approx([0.25, 0.5, 0.75, 1.0])
