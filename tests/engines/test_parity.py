"""The training engines against each other: gradients, steps, statistics, detections."""

import numpy as np
import pytest
from training import IDENTITIES, create_trainer, graph_of, small_batch, small_config, small_weights

from fairmot.engines import load_inference

pytest.importorskip("torch")
pytest.importorskip("mindspore")


def pair_of_trainers(**sections):
    config = small_config(**sections)
    arguments = (graph_of(config), small_weights(config), IDENTITIES, config, "cpu")
    return [
        create_trainer("torch", *arguments),
        create_trainer("mindspore", *arguments),
    ]


def assert_close(first, second, names, tolerance):
    """Global L2 distance of the named arrays, relative to their length."""
    difference = sum(float(((first[n].astype(np.float64) - second[n]) ** 2).sum()) for n in names)
    length = sum(float((first[n].astype(np.float64) ** 2).sum()) for n in names)
    assert difference**0.5 <= tolerance * length**0.5


@pytest.fixture(scope="module")
def sgd_trainers():
    return pair_of_trainers(optimizer={"name": "sgd"})


def test_gradients_agree(sgd_trainers):
    # With running statistics: the float32 noise of batch statistics is larger than real differences.
    (losses, ours), (other_losses, theirs) = (t.gradients(small_batch(), training=False) for t in sgd_trainers)
    assert ours.keys() == theirs.keys()
    for name, value in losses.losses.items():
        np.testing.assert_allclose(other_losses.losses[name], value, rtol=1e-5, err_msg=name)
    assert_close(ours, theirs, ours, 1e-4)
    heaviest = max(ours, key=lambda name: np.linalg.norm(ours[name]))
    theirs[heaviest] = theirs[heaviest] * np.float32(1.001)
    with pytest.raises(AssertionError):
        assert_close(ours, theirs, ours, 1e-4)


def test_one_step_and_the_running_statistics_agree(sgd_trainers):
    names = sgd_trainers[0].state().keys()
    start = sgd_trainers[0].state()
    assert names == sgd_trainers[1].state().keys()
    for trainer in sgd_trainers:
        trainer.step(small_batch(), 1e-3)
    ours, theirs = (trainer.state() for trainer in sgd_trainers)
    for kind in ("running_mean", "running_var"):
        chosen = [name for name in names if name.endswith(kind)]
        assert len(chosen) > 10
        moved = {name: ours[name] - start[name] for name in chosen}
        other = {name: theirs[name] - start[name] for name in chosen}
        assert_close(moved, other, chosen, 2e-4)
        heaviest = max(chosen, key=lambda name: np.linalg.norm(moved[name]))
        other[heaviest] = other[heaviest] * np.float32(1.01)
        with pytest.raises(AssertionError):
            assert_close(moved, other, chosen, 2e-4)
    trained = [name for name in names if "running" not in name and "num_batches" not in name and name != "step"]
    trained = [name for name in trained if not name.startswith("optimizer.")]
    steps = {name: ours[name] - start[name] for name in trained}
    assert_close(steps, {name: theirs[name] - start[name] for name in trained}, trained, 2e-3)
    for name in (n for n in names if n.endswith("num_batches_tracked")):
        assert ours[name] == theirs[name] == 1


def test_a_checkpoint_moves_between_the_engines(sgd_trainers):
    torch_trainer, mindspore_trainer = sgd_trainers
    mindspore_trainer.load_state(torch_trainer.state())
    ours, theirs = torch_trainer.state(), mindspore_trainer.state()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


def assert_each_is_found(wanted, among):
    """Each detection is among the others: box, class, score and embedding. Near-ties may have changed places."""
    for image in range(len(wanted.scores)):
        distance = np.abs(wanted.boxes_xyxy[image][:, None] - among.boxes_xyxy[image]).max(2)
        distance[wanted.class_ids[image][:, None] != among.class_ids[image]] = np.inf
        partner = distance.argmin(1)
        assert distance.min(1).max() < 1e-2
        np.testing.assert_allclose(among.scores[image][partner], wanted.scores[image], rtol=0, atol=1e-5)
        np.testing.assert_allclose(among.embeddings[image][partner], wanted.embeddings[image], rtol=0, atol=1e-4)


def assert_same_detections(first, second):
    assert_each_is_found(first, second)
    assert_each_is_found(second, first)


def changed(found, field, value, entry=(1, 3)):
    array = getattr(found, field).copy()
    array[entry] = value(array)
    return found._replace(**{field: array})


@pytest.fixture(scope="module", params=["yolo", "dla_34"])
def detections(request):
    network = small_config(request.param).network.model_copy(update={"classes": 3})
    config = small_config(network=network.model_dump())
    weights = small_weights(config)
    # Classes much alike, so that each has some of the best peaks.
    first = weights["hm.2.weight"][:1]
    noise = np.random.default_rng(6).normal(0, 0.02, (3, *first.shape[1:]))
    weights["hm.2.weight"] = (first + noise).astype(np.float32)
    images = small_batch().images
    return {
        name: load_inference(name).load_canvas_detector(graph_of(config), weights, (96, 64), 20, "cpu")(images)
        for name in ("torch", "mindspore", "onnxruntime")
    }


def test_detections_agree(detections):
    assert len(np.unique(detections["torch"].class_ids)) > 1
    for name in ("mindspore", "onnxruntime"):
        assert_same_detections(detections["torch"], detections[name])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("boxes_xyxy", lambda boxes: boxes[1, 3] + np.float32([0, 0, 0.05, 0])),
        ("scores", lambda scores: scores[1, 3] + 1e-4),
        ("class_ids", lambda ids: (ids[1, 3] + 1) % 3),
        ("embeddings", lambda embeddings: embeddings[1, 3] + np.float32([0] * 7 + [1e-3])),
    ],
)
def test_one_changed_number_is_no_agreement(detections, field, value):
    for name in ("mindspore", "onnxruntime"):
        with pytest.raises(AssertionError):
            assert_same_detections(detections["torch"], changed(detections[name], field, value))


def test_one_left_out_is_no_agreement(detections):
    ours, theirs = detections["torch"], detections["mindspore"]
    for field in theirs._fields:
        theirs = changed(theirs, field, lambda array: array[1, 4])
    # All that is left is right: only the other way round shows the gap.
    assert_each_is_found(theirs, ours)
    with pytest.raises(AssertionError):
        assert_same_detections(ours, theirs)
