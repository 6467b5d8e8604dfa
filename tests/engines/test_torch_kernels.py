"""The Triton kernels of the deformable convolution against its plain form, by Triton's interpreter, without a card."""

import importlib.util
import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from fairmot.engines.torch import deformable  # noqa: E402

pytestmark = [
    # The interpreter is chosen where Triton is imported for the first time: not here.
    pytest.mark.own_process,
    pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is absent (pip install triton)"),
]

SHAPES = {
    "two blocks of positions": ((2, 3, 5, 7), 4, 1, True),
    "several blocks of channels, stride 2": ((1, 37, 4, 7), 18, 2, False),
    "several blocks of outputs": ((1, 5, 2, 3), 70, 1, True),
}


@pytest.fixture
def kernels(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    from fairmot.engines.torch import deformable_triton

    return deformable_triton


def arguments(shape, outputs, stride, bias):
    """Maps whose samples lie inside, across the edge and far outside."""
    generator = torch.Generator().manual_seed(1)
    batch, channels, height, width = shape
    size = ((height - 1) // stride + 1, (width - 1) // stride + 1)
    shapes = [shape, (batch, 18, *size), (batch, 9, *size), (outputs, channels, 3, 3), (outputs,)]
    x, offsets, mask, weight, last = (torch.randn(each, generator=generator) for each in shapes)
    return x, 2 * offsets, mask.sigmoid(), weight, last if bias else None


def results(convolution, given, stride):
    own = [each if each is None else each.clone().requires_grad_() for each in given]
    out = convolution(*own, stride, 1)
    wanted = torch.randn(out.shape, generator=torch.Generator().manual_seed(2))
    known = [each for each in own if each is not None]
    return [out.detach(), *torch.autograd.grad((out * wanted).sum(), known)]


def distances(first, second):
    return [float((ours - theirs).norm() / theirs.norm()) for ours, theirs in zip(first, second, strict=True)]


@pytest.mark.parametrize(("shape", "outputs", "stride", "bias"), SHAPES.values(), ids=SHAPES)
def test_result_and_all_gradients_are_those_of_the_plain_form(kernels, shape, outputs, stride, bias):
    given = arguments(shape, outputs, stride, bias)
    expected = results(deformable.sampled_convolution, given, stride)
    found = results(kernels.convolve, given, stride)
    assert len(found) == 5 + bias
    assert max(distances(found, expected)) < 1e-5
    # A hundredth of a cell beside: each of them must show it, but the bias, whose gradient knows no place.
    x, offsets, *rest = given
    moved = distances(found, results(deformable.sampled_convolution, (x, offsets + 0.01, *rest), stride))
    assert min(moved[:5]) > 1e-4


@pytest.mark.parametrize("wanted", ["all", "weight"])
def test_a_compiled_network_takes_the_kernels_as_one_operator(kernels, wanted):
    from torch.library import opcheck

    given = arguments(*SHAPES["several blocks of channels, stride 2"][:3], bias=True)
    compiled = torch.compile(kernels.convolve, backend="aot_eager", fullgraph=True)
    if wanted == "all":
        found = results(compiled, given, 2)
        assert max(distances(found, results(kernels.convolve, given, 2))) < 1e-6
        x, offsets, *rest = given
        moved = distances(found, results(kernels.convolve, (x, offsets + 0.01, *rest), 2))
        assert min(moved[:5]) > 1e-4
        opcheck(kernels._convolution_operator, (*given, 2, 1))
        return
    weight = given[3].requires_grad_()
    compiled(*given, 2, 1).sum().backward()
    expected = weight.grad.clone()
    weight.grad = None
    kernels.convolve(*given, 2, 1).sum().backward()
    assert torch.equal(weight.grad, expected)
    assert given[0].grad is given[4].grad is None


def test_a_compiled_layer_chooses_the_kernels_without_a_break(kernels, monkeypatch):
    monkeypatch.setattr(deformable, "_takes_kernels", lambda x, dtype: deformable.triton_works(x.device, dtype))
    launched = []
    original = kernels.convolved
    monkeypatch.setattr(kernels, "convolved", lambda *given: launched.append(1) or original(*given))
    for choice in deformable.FORM_CHOICES:  # as ``compile_network`` does
        torch.compiler.assume_constant_result(choice)
    x, offsets, mask, weight, bias = arguments((1, 3, 4, 5), 4, 1, True)
    both = torch.cat([offsets, mask.logit()], 1)
    layer = torch.compile(deformable.deformable_convolution, backend="aot_eager", fullgraph=True)
    found = layer(x, both, weight, bias, 1, 1)
    assert launched
    expected = deformable.sampled_convolution(x, offsets, mask, weight, bias, 1, 1)
    assert max(distances([found], [expected])) < 1e-5
    assert min(distances([found], [expected.roll(1, -1)])) > 1e-2


def test_what_needs_no_gradient_gets_none(kernels):
    x, offsets, mask, weight, bias = arguments((1, 3, 2, 3), 4, 1, True)
    weight.requires_grad_()
    kernels.convolve(x, offsets, mask, weight, bias, 1, 1).sum().backward()
    assert weight.grad is not None
    assert x.grad is offsets.grad is None


def test_the_trial_takes_kernels_that_work_and_no_others(kernels, monkeypatch):
    deformable._tried_kernels.cache_clear()
    assert deformable.triton_works(torch.device("cpu"), torch.float32)

    def wrong(x, offsets, mask, weight, bias, stride, padding):
        return kernels._Convolution.apply(x, offsets + 0.1, mask, weight, bias, stride, padding)

    def broken(*_):
        raise RuntimeError("no compiler\nand more lines")

    for fault, message in ((wrong, "differ from the plain form by"), (broken, "RuntimeError: no compiler; the plain")):
        monkeypatch.setattr(kernels, "convolve", fault)
        deformable._tried_kernels.cache_clear()
        with pytest.warns(RuntimeWarning, match=message):
            assert not deformable.triton_works(torch.device("cpu"), torch.float32)
        assert not deformable.triton_works(torch.device("cpu"), torch.float32)  # and no second warning
    deformable._tried_kernels.cache_clear()


COMPILE = """
import warnings; warnings.simplefilter("ignore")
import triton, fairmot.engines.torch.deformable_kernels as kernels
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
numbers = {"x", "weight", "bias", "out", "gradient"}
others = {"offsets", "mask", "to_x", "to_offsets", "to_mask", "parts"}
for size, kind in ((2, "*bf16"), (2, "*fp16"), (4, "*fp32")):
    blocks = kernels.BLOCKS[size]
    fixed = {"KERNEL": 3, "HAS_BIAS": True, "PRODUCT": "ieee", "BM": blocks.positions, "BN": blocks.outputs}
    fixed["BK"] = blocks.channels
    for kernel in (kernels._forward, kernels._backward_samples, kernels._backward_weight):
        names = kernel.arg_names
        kinds = dict.fromkeys(names, "i32") | dict.fromkeys(numbers & set(names), kind)
        kinds |= dict.fromkeys(others & set(names), "*fp32") | dict.fromkeys(set(fixed) & set(names), "constexpr")
        places = {(names.index(name),): value for name, value in fixed.items() if name in names}
        source = ASTSource(fn=kernel, signature=kinds, constexprs=places)
        options = {"num_warps": blocks.warps, "num_stages": 1}
        done = triton.compile(source, target=GPUTarget("cuda", CAPABILITY, 32), options=options)
        print(kind, kernel.__name__, done.metadata.shared, "mma" in done.asm["ptx"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("capability", [80, 90])
def test_kernels_compile_for_cards_and_half_precision_uses_tensor_cores(capability):
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-c", COMPILE.replace("CAPABILITY", str(capability))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 9
    for kind, kernel, shared, tensor_cores in lines:
        assert int(shared) < 48 * 1024, kernel  # what every card has
        assert tensor_cores == str(kind != "*fp32"), kernel
