"""Numberings of identities."""

import numpy as np

from fairmot.data.annotations import read_images
from fairmot.data.identities import with_unique_identities


def test_photographs_get_an_identity_for_each_box(tmp_path, make_set):
    make_set(tmp_path, "photos", ["0 -1 .5 .5 .1 .1\n-1 -1 .2 .2 .1 .1\n0 -1 .6 .5 .1 .1\n", "0 -1 .4 .4 .1 .1\n"])
    make_set(tmp_path, "video", ["0 0 .5 .5 .1 .1\n0 -1 .3 .3 .1 .1\n", "0 1 .5 .5 .1 .1\n"])
    images = with_unique_identities(read_images(tmp_path / "data.json"))
    np.testing.assert_array_equal(images.rows[:, 1], [0, -1, 1, 2, 3, 5, 4])
    assert [(each.identities, each.identity_start) for each in images.sets] == [(3, 0), (3, 3)]
    assert images.identity_count == 7


def test_absent_sets_are_still_named_as_skipped(tmp_path, make_set):
    make_set(tmp_path, "here", ["0 0 0.5 0.5 0.1 0.1\n"])
    (tmp_path / "data.json").write_text('{"train": {"none": "none.train", "here": "here.txt"}}')
    images = read_images(tmp_path / "data.json", skip_missing=True)
    assert with_unique_identities(images).skipped == images.skipped == ("none",)
