"""What a card computes never waits for the processor, nor the processor for the card, but once a step at its end.

Without a card the calls that would wait are counted: reading a tensor, cutting out as much as it says, copying numbers.
"""

from collections import Counter

import numpy as np
import pytest
from levels import level_batch
from training import small_batch, small_config, trainer_of

torch = pytest.importorskip("torch")

from torch.overrides import TorchFunctionMode  # noqa: E402

from fairmot.config import parse_config  # noqa: E402
from fairmot.engines.torch.detector import TorchDetector  # noqa: E402
from fairmot.network.architectures import build_graph  # noqa: E402
from fairmot.network.initial import initial_weights  # noqa: E402

WAITING = {
    "item",
    "tolist",
    "numpy",
    "cpu",
    "nonzero",
    "masked_select",
    "__bool__",
    "__float__",
    "__int__",
    "__index__",
}
COPYING = {"tensor", "as_tensor", "from_numpy", "new_tensor", "to"}


class Watch(TorchFunctionMode):
    """Counts the calls that would wait for a card, or copy to it, by name."""

    def __init__(self):
        super().__init__()
        self.seen = Counter()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        moves = name != "to" or any(isinstance(each, str | torch.device) for each in args[1:])
        if name in WAITING or (name in COPYING and moves):
            self.seen[name] += 1
        if name in ("__getitem__", "__setitem__"):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            for each in index:
                if isinstance(each, list | np.ndarray) or (torch.is_tensor(each) and each.dtype == torch.bool):
                    self.seen["[mask]"] += 1
        return function(*args, **(kwargs or {}))


def test_the_watch_sees_what_waits():
    with Watch() as watch:
        numbers = torch.tensor([1.0, 2.0])
        numbers[numbers > 1].sum().item()
        float(numbers[[0, 1]].max())
        numbers.new_tensor([1.0])
    assert watch.seen == {"tensor": 1, "[mask]": 2, "item": 1, "__float__": 1, "new_tensor": 1}


@pytest.mark.parametrize("architecture", ["dla_34", "lite"])
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_a_step_reads_its_losses_once(architecture, precision):
    sections = {"train": {"threads": 1, "precision": precision}, "optimizer": {"clip_norm": 1.0, "ema_decay": 0.9}}
    trainer = trainer_of("torch", small_config(architecture, **sections))
    batch = level_batch() if architecture == "lite" else small_batch()
    trainer.step(batch, 1e-3)  # grids are taken to a card in the first one
    trainer.uploaded[id(batch)] = trainer._parts(batch)
    with Watch() as watch:
        assert trainer.step(batch, 1e-3).taken
    assert watch.seen == {"tolist": 1}


@pytest.mark.parametrize("architecture", ["dla_34", "lite"])
def test_a_detector_can_be_recorded(architecture):
    """As a CUDA graph, which allows no copy and no waiting."""
    network = {"architecture": architecture, "input_width_px": 96, "input_height_px": 64}
    graph = build_graph(parse_config({"network": network}, "test").network)
    detector = TorchDetector(graph, initial_weights(graph), (96, 64), 20, "cpu", torch.bfloat16)
    canvases = torch.from_numpy(small_batch().images)
    with torch.inference_mode():
        with Watch() as watch:
            detector._compute(canvases)
        # The canvases themselves, which a recording has on the card already.
        assert watch.seen == {"to": 1}
