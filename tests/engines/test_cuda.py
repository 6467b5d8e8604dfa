"""PyTorch on an NVIDIA card against PyTorch on the processor; skipped where there is no card."""

from contextlib import nullcontext

import numpy as np
import pytest
from levels import level_batch
from small_run import configuration
from test_oracles import check_heads
from test_precision import distance
from training import (
    IDENTITIES,
    create_trainer,
    graph_of,
    small_batch,
    small_config,
    tiny_trainer,
    trainer_of,
    uneven_batch,
)

import fairmot
from fairmot.engines import load_inference
from fairmot.errors import InputError
from fairmot.network.initial import initial_weights
from fairmot.street import render_street
from fairmot.training.loop import train

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA device")

ROUNDING = 1e-4
"""Of sums in another order, through deep networks; TF32 is coarser."""


@pytest.mark.parametrize("case", ["dla_34_s18_1x320x576", "dlaconv_34_s11_1x320x576"])
def test_heads_equal_the_published_network(case, oracle, recipe):
    check_heads(
        lambda graph, weights: load_inference("torch").load_network(graph, weights, "cuda"), case, oracle, recipe
    )


def test_the_detector_finds_what_it_finds_on_the_processor():
    on_card, on_processor = (fairmot.load_detector(engine="torch", device=device) for device in ("cuda", "cpu"))
    images = [frame.image for frame in render_street(people=8, frames=3, size=(854, 480), seed=3)]
    found, expected = on_card.batch(images), on_processor.batch(images)
    for ours, theirs in zip(found, expected, strict=True):
        assert len(theirs) > 3
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-4)
        np.testing.assert_allclose(ours.boxes_xyxy, theirs.boxes_xyxy, atol=0.05)
        np.testing.assert_allclose(ours.embeddings, theirs.embeddings, atol=1e-3)
        with pytest.raises(AssertionError):
            np.testing.assert_allclose(ours.boxes_xyxy, theirs.boxes_xyxy + 0.1, atol=0.05)


def losses_and_gradients(build, architecture, device):
    config = small_config(architecture, train={"threads": 1, "precision": "f32"})
    result, gradients = build("torch", config, device=device).gradients(uneven_batch(5))
    return result.losses, gradients


def allow_tf32(monkeypatch):
    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("what follows needs a card that knows TF32")
    monkeypatch.setattr("fairmot.engines.torch.trainer.exact_float32", lambda device: nullcontext())


def test_gradients_equal_those_of_the_processor(monkeypatch):
    _, expected = losses_and_gradients(tiny_trainer, "yolo", "cpu")
    assert distance(expected, losses_and_gradients(tiny_trainer, "yolo", "cuda")[1]) < ROUNDING
    allow_tf32(monkeypatch)
    assert distance(expected, losses_and_gradients(tiny_trainer, "yolo", "cuda")[1]) > ROUNDING


def test_losses_of_a_deep_network_equal_those_of_the_processor(monkeypatch):
    """Not its gradients: of maps so small, two kernels of one processor give some that differ by a hundredth."""
    expected, _ = losses_and_gradients(trainer_of, "dla_34", "cpu")
    found, _ = losses_and_gradients(trainer_of, "dla_34", "cuda")
    assert found == pytest.approx(expected, rel=ROUNDING)
    allow_tf32(monkeypatch)
    assert losses_and_gradients(trainer_of, "dla_34", "cuda")[0] != pytest.approx(expected, rel=ROUNDING)


def test_the_compiled_deformable_convolution_is_the_plain_one():
    pytest.importorskip("torchvision")
    from fairmot.engines.torch.deformable import deformable_convolution, sampled_convolution

    rng = torch.Generator().manual_seed(1)
    x, offsets, weight, bias = (
        torch.randn(shape, generator=rng).cuda() for shape in ((2, 16, 20, 30), (2, 27, 20, 30), (8, 16, 3, 3), (8,))
    )
    compiled = deformable_convolution(x, offsets, weight, bias, 1, 1)
    plain = sampled_convolution(x, offsets[:, :18], offsets[:, 18:].sigmoid(), weight, bias, 1, 1)
    assert (compiled - plain).norm() < ROUNDING * plain.norm()
    assert (compiled - 1.001 * plain).norm() > ROUNDING * plain.norm()


@pytest.mark.parametrize(("kind", "limit"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02), (torch.float16, 3e-3)])
@pytest.mark.parametrize("sizes", [(64, 64, 30, 41), (128, 64, 19, 34), (70, 33, 5, 7)])
def test_the_kernels_of_the_deformable_convolution_are_the_plain_one(kind, limit, sizes):
    pytest.importorskip("triton")
    from fairmot.engines.torch.deformable import sampled_convolution, triton_works
    from fairmot.engines.torch.deformable_triton import convolve

    assert triton_works(torch.device("cuda"), kind)
    inner, outer, height, width = sizes
    rng = torch.Generator().manual_seed(1)
    shapes = ((2, inner, height, width), (2, 18, height, width), (2, 9, height, width), (outer, inner, 3, 3), (outer,))
    given = [torch.randn(shape, generator=rng).cuda() for shape in shapes]
    wanted = torch.randn(2, outer, height, width, generator=rng).cuda()

    def results(convolution, kind, moved=0.0):
        own = [each + moved if place == 1 else each for place, each in enumerate(given)]
        own = [each.to(kind if place in (0, 3, 4) else torch.float32) for place, each in enumerate(own)]
        own = [each.detach().requires_grad_() for each in own]
        with torch.backends.cudnn.flags(allow_tf32=False):
            out = convolution(*own, 1, 1)
            return [out.detach(), *torch.autograd.grad((out.float() * wanted).sum(), own)]

    def distances(found, expected):
        return [
            float((ours.float() - plain).norm() / plain.norm()) for ours, plain in zip(found, expected, strict=True)
        ]

    found, expected = results(convolve, kind), results(sampled_convolution, torch.float32)
    assert max(distances(found, expected)) < limit
    # The gradient of the bias knows no place.
    assert min(distances(results(convolve, kind, 0.1), expected)[:5]) > limit


@pytest.mark.parametrize("architecture", ["dla_34", "lite"])
def test_losses_in_bfloat16_are_those_of_float32_within_a_hundredth(architecture):
    batch = level_batch(images=4) if architecture == "lite" else uneven_batch(5)

    def losses(precision):
        config = small_config(architecture, train={"precision": precision})
        graph = graph_of(config)
        trainer = create_trainer("torch", graph, initial_weights(graph), IDENTITIES, config, "cuda")
        return trainer.gradients(batch)[0]

    exact, half = losses("f32"), losses("bf16")
    assert half.losses["total"] == pytest.approx(exact.losses["total"], rel=0.01)
    assert half.losses["total"] != pytest.approx(exact.losses["total"], rel=1e-7)


@pytest.mark.parametrize("architecture", ["dla_34", "lite"])
def test_a_step_does_not_wait_for_the_card(architecture):
    config = small_config(architecture, train={"precision": "bf16"}, optimizer={"clip_norm": 1.0, "ema_decay": 0.9})
    trainer = trainer_of("torch", config, device="cuda")
    batch = level_batch() if architecture == "lite" else small_batch()
    trainer.step(batch, 1e-3)  # kernels are compiled and tried
    trainer.uploaded[id(batch)] = trainer._parts(batch)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert trainer.step(batch, 1e-3).taken
        with pytest.raises(RuntimeError, match="synchroniz"):
            trainer.network.arrays()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize(("precision", "limit"), [("bf16", 0.1), ("f16", 0.02), ("auto", 0.1)])
def test_half_precision_has_nearly_the_same_gradients(precision, limit):
    batch = uneven_batch(5)  # no box error so near 0 that its sign could change
    _, expected = tiny_trainer("torch", small_config()).gradients(batch)
    trainer = tiny_trainer("torch", small_config(train={"threads": 1, "precision": precision}), device="cuda")
    trainer.scale.value = min(trainer.scale.value, 256.0)  # the first one would have to find this by halves
    _, found = trainer.gradients(batch)
    assert 1e-4 < distance(expected, found) < limit
    assert trainer.step(batch, 1e-3).taken


def test_a_state_moves_to_the_processor_and_back_bit_for_bit():
    config = small_config(optimizer={"ema_decay": 0.5})
    first, second, third = (trainer_of("torch", config, device=device) for device in ("cuda", "cpu", "cuda"))
    first.step(small_batch(), 1e-3)
    second.load_state(first.state())
    third.load_state(second.state())
    state = third.state()
    for name, array in first.state().items():
        np.testing.assert_array_equal(array, state[name], err_msg=name)
    third.step(small_batch(1), 1e-3)
    assert any(not np.array_equal(array, third.state()[name]) for name, array in state.items())


def test_uploading_ahead_changes_no_step():
    batches = [small_batch(seed) for seed in range(5)]
    plain, ahead = (trainer_of("torch", small_config(), device="cuda") for _ in range(2))
    expected = [plain.step(batch, 1e-3).losses["total"] for batch in batches]
    found = [ahead.step(batch, 1e-3).losses["total"] for batch in ahead.prefetched(iter(batches))]
    assert found == pytest.approx(expected, rel=1e-3)
    assert found != pytest.approx(expected[1:] + expected[:1], rel=1e-3)
    assert not ahead.uploaded


def test_a_run_on_the_card_is_resumed_on_the_processor(images, tmp_path):
    whole = train(configuration(images, tmp_path / "run", epochs=1), "torch", "cuda")
    assert whole.weights.exists()
    longer = configuration(images, tmp_path / "run", epochs=2)
    assert train(longer, "torch", "cpu", resume=True).weights.exists()


def test_out_of_memory_is_one_line(images, tmp_path):
    config = configuration(images, tmp_path / "run")
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-4)
    try:
        with pytest.raises(InputError, match=r"out of memory with 2 images of 96 x 64 a batch; try train"):
            train(config, "torch", "cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def test_more_processes_than_cards_are_refused(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", str(torch.cuda.device_count()))
    with pytest.raises(InputError, match="no card for process"):
        trainer_of("torch", small_config(), device="cuda")
