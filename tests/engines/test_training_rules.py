"""The rules of training by themselves; that each engine follows them is tested with the trainers."""

import math

import numpy as np
import pytest
from training import small_batch

from fairmot.engines.training_rules import (
    LossScale,
    average_decay,
    check_state,
    count_targets,
    embedding_scale,
    identity_classifiers,
    normalisers,
    rate_factor,
    split_batch,
)
from fairmot.errors import InputError


def test_embeddings_are_as_long_as_published_where_there_is_a_term():
    assert [embedding_scale(count) for count in (0, 1, 2)] == [0, 0, 0]
    assert embedding_scale(3) == pytest.approx(math.sqrt(2) * math.log(2))


def test_classifiers_have_their_places():
    assert [each.name for each in identity_classifiers(7)] == ["classifier"]
    assert identity_classifiers(7) == identity_classifiers((7,))
    first, third = identity_classifiers((4, 2, 5))
    assert (first.name, first.first, first.identities) == ("classifier.0", 0, 4)
    assert (third.name, third.first, third.identities) == ("classifier.2", 6, 5)
    assert third.scale == pytest.approx(math.sqrt(2) * math.log(4))


def test_the_longest_prefix_gives_the_rate():
    factors = {"backbone.": 0.1, "backbone.backbone.stem": 0.0}
    assert rate_factor("network.backbone.backbone.stem.conv.weight", factors) == 0.0
    assert rate_factor("network.backbone.C3_p3.conv1.conv.weight", factors) == 0.1
    assert rate_factor("classifier.weight", factors) == 1.0


def test_averages_begin_short_and_end_at_the_limit():
    assert average_decay(0.9, 1) == 2 / 11
    assert average_decay(0.9, 10_000) == 0.9


def test_parts_are_in_order_and_their_counts_add_up_to_the_whole():
    batch, classifiers = small_batch(images=4), identity_classifiers(7)
    parts = split_batch(batch, 2)
    np.testing.assert_array_equal(np.concatenate([part.cells for part in parts]), batch.cells)
    counts = [count_targets(part, classifiers) for part in parts]
    np.testing.assert_array_equal(sum(counts), count_targets(batch, classifiers))
    whole = normalisers(count_targets(batch, classifiers))
    assert normalisers(sum(counts), parts=2) == tuple(each / 2 for each in whole)
    assert split_batch(batch, 1) == [batch]
    with pytest.raises(ValueError, match="4 images in 3 equal parts"):
        split_batch(batch, 3)


def test_a_state_must_have_the_names_and_shapes_of_the_trainer():
    own = {"a": np.zeros(2), "b": np.zeros((2, 3))}
    check_state({"a": np.ones(2), "b": np.ones((2, 3))}, own)
    with pytest.raises(
        InputError, match=r"does not fit this run: a is missing; .*b has shape \[3, 2\], expected \[2, 3\]"
    ):
        check_state({"b": np.ones((3, 2))}, own)


def test_the_scale_follows_what_happens():
    scale = LossScale(True)
    assert scale.value == 2.0**16
    scale.update(False)
    assert scale.value == 2.0**15
    for _ in range(1999):
        scale.update(True)
    assert (scale.value, scale.good_steps) == (2.0**15, 1999)
    scale.update(True)
    assert (scale.value, scale.good_steps) == (2.0**16, 0)
    idle = LossScale(False)
    idle.update(False)
    assert (idle.value, idle.arrays()) == (1.0, {})
