"""``train.compile``: the network is compiled as one piece, with the same losses and gradients, or says why not."""

import importlib.util
import sys
from functools import partial
from types import ModuleType

import pytest
from training import distance, small_config, tiny_trainer, uneven_batch

from fairmot.errors import InputError

torch = pytest.importorskip("torch")

from fairmot.engines.torch import deformable  # noqa: E402

pytestmark = [
    pytest.mark.own_process,  # the compiler keeps its state in the process
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),  # it uses what PyTorch itself calls deprecated
]


def trainer_of(**train):
    config = small_config(optimizer={"name": "sgd"}, train={"threads": 1, **train})
    return tiny_trainer("torch", config, deformable=True)


@pytest.fixture(autouse=True)
def nothing_compiled_yet():
    from torch._dynamo import reset
    from torch._dynamo.utils import counters

    reset()
    counters.clear()


@pytest.fixture
def torchvision(monkeypatch):
    """Torchvision's operator; where it is absent, a stand-in that computes the plain form."""
    deformable._imported_torchvision.cache_clear()
    if importlib.util.find_spec("torchvision") is None:
        package, operators = ModuleType("torchvision"), ModuleType("torchvision.ops")
        operators.deform_conv2d = lambda x, offsets, weight, bias, stride, padding, dilation, mask: (
            deformable.sampled_convolution(x, offsets, mask, weight, bias, stride, padding)
        )
        monkeypatch.setitem(sys.modules, "torchvision", package)
        monkeypatch.setitem(sys.modules, "torchvision.ops", operators)
    yield
    deformable._imported_torchvision.cache_clear()


@pytest.mark.parametrize("fixture", [None, "torchvision"])
@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_a_compiled_network_is_one_piece_with_the_same_losses_and_gradients(backend, fixture, monkeypatch, request):
    from torch._dynamo.utils import counters

    if fixture is not None:
        request.getfixturevalue(fixture)
        assert deformable.torchvision_works()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    batch = uneven_batch(5)
    expected, gradients = trainer_of().gradients(batch)
    trainer = trainer_of(compile=True)
    found, compiled = trainer.gradients(batch)
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]
    assert found.losses["total"] == pytest.approx(expected.losses["total"], rel=1e-5)
    assert distance(gradients, compiled) < 1e-4
    moved = trainer.state()
    moved["network.base.2.conv.weight"][0, 0, 0, 0] += 0.01
    trainer.load_state(moved)
    other, compiled = trainer.gradients(batch)
    assert other.losses["total"] != pytest.approx(expected.losses["total"], rel=1e-5)
    assert distance(gradients, compiled) > 1e-4


def test_without_a_compiler_the_option_says_so(tmp_path, monkeypatch):
    from torch._inductor import config

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(config.cpp, "cxx", (None, str(tmp_path / "absent")))
    with pytest.raises(InputError, match=r"train\.compile: PyTorch cannot compile.*[Cc]ompiler.*train\.compile=false"):
        trainer_of(compile=True).step(uneven_batch(5), 0.01)
