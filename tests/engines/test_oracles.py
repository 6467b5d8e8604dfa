"""Every engine against the reference outputs of the published code: heads, losses, gradients."""

import functools
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fairmot.config import LossConfig
from fairmot.engines import engines_with, load_inference, load_training
from fairmot.network.architectures import build_graph, published_config
from fairmot.network.official import drop_never_used

TOLERANCE = {"heatmap": 1e-3, "extents": 1e-3, "embedding": 1e-3, "offsets": 2e-4}
"""Largest difference that other kernels and thread counts explain (oracles/README.md)."""

ENGINES = ("torch", "mindspore", "mindspore-eager", "onnxruntime", "openvino")
TRAINING_ENGINES = ("torch", "mindspore", "mindspore-eager")
FOLDER = Path(os.environ.get("FAIRMOT_SHARED", Path(__file__).resolve().parents[2].parent / "shared")) / "oracles"
FORWARD = {"dla_34_s18_1x320x576", "dlaconv_34_s11_1x320x576"} | {
    path.stem.removeprefix("forward_") for path in FOLDER.glob("forward_*.npz")
}
"""These, and whatever else the folder holds: a reference of another network needs no new test."""
LOSSES = ("normal_s1", "one_empty_s2")


def engine_functions(name):
    """What is compared of an engine: ``load_network`` and, of one that trains, ``losses_of_heads``."""
    pytest.importorskip(name.removesuffix("-eager"))
    if name == "mindspore-eager":
        from fairmot.engines.mindspore import heads_loss, network

        return SimpleNamespace(
            load_network=lambda graph, weights, device: network.MindSporeNetwork(graph, weights, compiled=False),
            losses_of_heads=functools.partial(heads_loss.losses_of_heads, compiled=False),
        )
    training = load_training(name) if name in engines_with("training") else None
    return SimpleNamespace(
        load_network=load_inference(name).load_network, losses_of_heads=getattr(training, "losses_of_heads", None)
    )


def compare_heads(heads, arrays, scale=1.0):
    """Compare head maps with a forward oracle; ``scale`` perturbs for the twin."""
    public = {"heatmap": "hm", "extents": "wh", "offsets": "reg"}
    for name, stored in public.items():
        np.testing.assert_allclose(heads[name] * scale, arrays[stored], rtol=0, atol=TOLERANCE[name], err_msg=name)
    embedding = heads["embedding"]
    flat = embedding.reshape(*embedding.shape[:2], -1)
    np.testing.assert_allclose(
        flat[:, :, arrays["id_pos"]] * scale, arrays["id_at_pos"], rtol=0, atol=TOLERANCE["embedding"]
    )
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1) * scale, arrays["id_norm"], rtol=0, atol=2e-3)


def forward_cases():
    """Where MindSpore has no fast kernels, a whole network takes it minutes: all but one of them are slow tests."""
    for case in sorted(FORWARD):
        for engine in ENGINES:
            slow = engine.startswith("mindspore") and (engine, case) != ("mindspore", "dla_34_s18_1x320x576")
            yield pytest.param(engine, case, marks=pytest.mark.slow if slow else ())


@pytest.mark.parametrize(("engine", "case"), list(forward_cases()))
def test_heads_equal_the_published_network(engine, case, oracle, recipe):
    functions = engine_functions(engine)
    check_heads(lambda graph, weights: functions.load_network(graph, weights, "cpu"), case, oracle, recipe)


def check_heads(load, case, oracle, recipe):
    """Compare the network that ``load`` makes of a graph and weights with a forward oracle, and its twin."""
    arrays = oracle(f"forward_{case}.npz")
    architecture = str(arrays["arch"])
    weights, dropped = drop_never_used(recipe.make_official_checkpoint(architecture, int(arrays["seed"])))
    assert len(dropped) == (14 if architecture.startswith("dla") else 0)
    pixels = recipe.make_input(int(arrays["seed"]), tuple(arrays["input_shape"]))
    heads = load(build_graph(published_config(architecture)), weights)(pixels)
    compare_heads(heads, arrays)
    with pytest.raises(AssertionError):
        compare_heads(heads, arrays, scale=1.002)


def loss_case(arrays):
    heads = {
        "heatmap": arrays["head_hm"],
        "extents": arrays["head_wh"],
        "offsets": arrays["head_reg"],
        "embedding": arrays["head_id"],
    }
    batch = SimpleNamespace(
        images=None,
        heatmap=arrays["target_hm"],
        is_object=arrays["target_reg_mask"].astype(bool),
        cells=arrays["target_ind"],
        extents=arrays["target_wh"],
        offsets=arrays["target_reg"],
        identities=arrays["target_ids"],
    )
    parameters = {
        "classifier.weight": arrays["classifier_weight"],
        "classifier.bias": arrays["classifier_bias"],
        "loss.s_det": arrays["s_det"].reshape(1),
        "loss.s_id": arrays["s_id"].reshape(1),
    }
    return heads, batch, parameters


GRADIENTS = {
    "heatmap": "hm",
    "extents": "wh",
    "offsets": "reg",
    "embedding": "id",
    "classifier.weight": "classifier_weight",
    "classifier.bias": "classifier_bias",
    "loss.s_det": "s_det",
    "loss.s_id": "s_id",
}
LOSS_NAMES = {"total": "total", "heatmap": "hm", "extents": "wh", "offsets": "off", "identity": "id"}


def compare_losses(losses, gradients, arrays, gradient_scale=1.0):
    for name, stored in LOSS_NAMES.items():
        np.testing.assert_allclose(losses[name], arrays[f"loss_{stored}"], rtol=1e-5, err_msg=name)
    for name, stored in GRADIENTS.items():
        reference = np.asarray(arrays[f"grad_{stored}"], dtype=np.float64)
        difference = np.linalg.norm(gradients[name].reshape(reference.shape) * gradient_scale - reference)
        assert difference <= 1e-4 * np.linalg.norm(reference), name


@pytest.mark.parametrize("case", LOSSES)
@pytest.mark.parametrize("engine", TRAINING_ENGINES)
def test_losses_and_gradients_equal_the_published_ones(engine, case, oracle):
    functions = engine_functions(engine)
    arrays = oracle(f"loss_{case}.npz")
    heads, batch, parameters = loss_case(arrays)
    result, gradients = functions.losses_of_heads(heads, batch, parameters, LossConfig())
    compare_losses(result.losses, gradients, arrays)
    with pytest.raises(AssertionError):
        compare_losses(result.losses, gradients, arrays, gradient_scale=1.0003)
    image, slot = np.argwhere(batch.is_object)[0]
    batch.extents[image, slot, 0] += 0.5
    result, gradients = functions.losses_of_heads(heads, batch, parameters, LossConfig())
    with pytest.raises(AssertionError):
        compare_losses(result.losses, gradients, arrays)


@pytest.mark.parametrize("engine", TRAINING_ENGINES)
def test_fixed_weighting_is_detection_plus_a_tenth_of_identity(engine, oracle):
    functions = engine_functions(engine)
    arrays = oracle("loss_normal_s1.npz")
    heads, batch, parameters = loss_case(arrays)
    result, gradients = functions.losses_of_heads(heads, batch, parameters, LossConfig(weighting="fixed"))
    np.testing.assert_allclose(result.losses["total"], arrays["fix_loss_total"], rtol=1e-5)
    assert not gradients["loss.s_det"].any()
    assert not gradients["loss.s_id"].any()


@pytest.mark.parametrize("engine", TRAINING_ENGINES)
def test_without_identities_the_term_is_left_out(engine, oracle):
    functions = engine_functions(engine)
    arrays = oracle("loss_normal_s1.npz")
    heads, batch, parameters = loss_case(arrays)
    batch.identities[...] = -1
    result, gradients = functions.losses_of_heads(heads, batch, parameters, LossConfig())
    assert result.losses["identity"] == 0
    np.testing.assert_allclose(result.losses["total"], arrays["skip_id_loss_total"], rtol=1e-5)
    np.testing.assert_allclose(gradients["loss.s_id"], 0.5, rtol=1e-6)
    for name in ("heatmap", "extents", "offsets"):
        reference = arrays[f"grad_{GRADIENTS[name]}"]  # the detection terms do not see identities
        assert np.linalg.norm(gradients[name] - reference) <= 1e-4 * np.linalg.norm(reference)
    assert not gradients["classifier.weight"].any()


@pytest.mark.parametrize("engine", TRAINING_ENGINES)
def test_an_image_without_any_object_gives_a_finite_loss(engine, oracle):
    functions = engine_functions(engine)
    heads, batch, parameters = loss_case(oracle("loss_normal_s1.npz"))
    batch.is_object[...] = False
    batch.heatmap[...] = 0
    batch.identities[...] = 0  # padded slots hold identity 0: they must not be trained
    result, gradients = functions.losses_of_heads(heads, batch, parameters, LossConfig())
    assert all(np.isfinite(value) for value in result.losses.values())
    assert result.losses["identity"] == 0
    assert all(np.isfinite(gradient).all() for gradient in gradients.values())


@pytest.mark.parametrize("engine", TRAINING_ENGINES)
def test_a_padded_slot_cannot_change_a_loss(engine, oracle):
    functions = engine_functions(engine)
    heads, batch, parameters = loss_case(oracle("loss_normal_s1.npz"))
    before, _ = functions.losses_of_heads(heads, batch, parameters, LossConfig())
    padded = ~batch.is_object
    assert padded.any()
    batch.extents[padded] = 1e3
    batch.offsets[padded] = -7
    batch.cells[padded] = 5
    batch.identities[padded] = 17
    after, _ = functions.losses_of_heads(heads, batch, parameters, LossConfig())
    assert before.losses == after.losses
