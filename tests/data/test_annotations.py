import json
from pathlib import PurePosixPath

import numpy as np
import pytest

from fairmot.data.annotations import (
    label_file,
    read_description,
    read_images,
    read_labels,
)
from fairmot.errors import InputError

ONE = "0 0 0.5 0.5 0.2 0.4\n"


def test_rows_of_all_images_lie_in_one_array(tmp_path, make_set):
    make_set(tmp_path, "street", [ONE + "-1 7 0.1 0.1 0.2 0.2\n", "", "\n0 4 0.25 0.5 0.1 0.3\n\n"])
    images = read_images(tmp_path / "data.json")
    assert len(images) == 3
    assert images.starts.tolist() == [0, 2, 2, 3]
    np.testing.assert_array_equal(images.labels(0), [[0, 0, 0.5, 0.5, 0.2, 0.4], [-1, -1, 0.1, 0.1, 0.2, 0.2]])
    assert images.labels(1).shape == (0, 6)
    np.testing.assert_array_equal(images.labels(2), [[0, 4, 0.25, 0.5, 0.1, 0.3]])
    (street,) = images.sets
    assert (street.images, street.boxes, street.ignored, street.identities) == (3, 2, 1, 5)


@pytest.mark.parametrize("root", ["~nosuchuser", "~nosuchuser/sets", "a\\u0000b"])
def test_a_root_that_cannot_be_is_named(tmp_path, root):
    (tmp_path / "data.json").write_text(f'{{"root": "{root}", "train": {{"street": "street.txt"}}}}')
    with pytest.raises(InputError, match=r"data\.json: ") as refused:
        read_images(tmp_path / "data.json")
    assert "\n" not in str(refused.value)


def test_labels_are_copies(tmp_path, make_set):
    make_set(tmp_path, "street", [ONE])
    images = read_images(tmp_path / "data.json")
    images.labels(0)[:] = 9
    assert images.rows.max() < 1


def test_identities_of_sets_are_joined_by_offset(tmp_path, make_set):
    make_set(tmp_path, "first", ["0 3 .5 .5 .1 .1\n0 -1 .5 .5 .1 .1\n", "0 0 .5 .5 .1 .1\n"])
    make_set(tmp_path, "plain", ["0 -1 .5 .5 .1 .1\n"])
    make_set(tmp_path, "last", ["0 0 .5 .5 .1 .1\n0 2 .5 .5 .1 .1\n"])
    images = read_images(tmp_path / "data.json")
    assert images.rows[:, 1].tolist() == [3, -1, 0, -1, 4, 6]
    assert [each.identity_start for each in images.sets] == [0, 4, 4]
    assert images.identity_count == 4 + 0 + 3 + 1
    some = read_images(tmp_path / "data.json", ("last",))
    assert some.rows[:, 1].tolist() == [0, 2]
    assert some.identity_count == 4


def test_joined_identities_equal_the_published_ones(oracle, tmp_path, make_set):
    arrays = oracle("targets_outside_s2.npz")
    first = " ".join(["0", str(arrays["id_set_sizes"][0] - 1), "0.5 0.5 0.1 0.1"])
    make_set(tmp_path, "setA", [first])
    lines = [
        " ".join([f"{row[0]:.0f}", f"{row[1]:.0f}", *(f"{value:.7f}" for value in row[2:])]) for row in arrays["labels"]
    ]
    make_set(tmp_path, "setB", ["\n".join(lines)])
    images = read_images(tmp_path / "data.json")
    found = images.labels(1)[:, 1]
    expected = arrays["ids"][: len(found)]
    np.testing.assert_array_equal(found, expected)
    assert images.identity_count == arrays["nID"]
    assert (found + 1 != expected).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ONE + "0 1 0.5 0.5 0.2\n", r"labels_with_ids/street/0000\.txt line 2: 5 columns, expected 6"),
        (ONE + ONE + "0 1 0.5 0.5 0.2 0.1 7\n", r"line 3: 7 columns, expected 6 \(class identity x y w h\)"),
        ("\n0 1 0.5 O.5 0.2 0.3\n", r"line 2: 'O\.5' is not a number"),
        ("0 1 0.5 nan 0.2 0.3\n", r"line 1: a number is not finite"),
        ("0 1.5 0.5 0.5 0.2 0.3\n", r"line 1: class and identity must be whole"),
        ("0 -2 0.5 0.5 0.2 0.3\n", r"line 1: class and identity must be -1 or more"),
        (ONE + "\n0 1 320 240 50 100\n", r"line 3: x, y, w, h must be divided"),
    ],
)
def test_bad_lines_are_named(tmp_path, make_set, text, message):
    make_set(tmp_path, "street", [text, ONE])
    with pytest.raises(InputError, match=message):
        read_images(tmp_path / "data.json")


def test_missing_images_are_named(tmp_path, make_set):
    make_set(tmp_path, "street", [ONE, ONE, ONE])
    for number in (1, 2):
        (tmp_path / f"images/street/000{number}.png").unlink()
    with pytest.raises(InputError, match=r"street\.txt line 2: no image .*street/0001\.png \(and 1 more of 3\)"):
        read_images(tmp_path / "data.json")


def test_a_missing_label_file_is_no_empty_image(tmp_path, make_set):
    make_set(tmp_path, "street", [ONE])
    (tmp_path / "labels_with_ids/street/0000.txt").unlink()
    with pytest.raises(InputError, match="no such label file"):
        read_images(tmp_path / "data.json")


def test_root_is_relative_to_the_description_and_can_be_overridden(tmp_path, make_set):
    make_set(tmp_path / "images", "street", [ONE])
    folder = tmp_path / "lists"
    folder.mkdir()
    (tmp_path / "images/street.txt").rename(folder / "street.txt")
    for root, override in (("../images", None), ("/nowhere", tmp_path / "images")):
        (folder / "data.json").write_text(json.dumps({"root": root, "train": {"street": "street.txt"}}))
        assert read_images(folder / "data.json", root=override).paths[0].name == "0000.png"


def test_lists_may_lie_in_the_root(tmp_path, make_set):
    make_set(tmp_path / "images", "street", [ONE])
    (tmp_path / "data.json").write_text(json.dumps({"root": "images", "train": {"street": "street.txt"}}))
    assert len(read_images(tmp_path / "data.json")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "expected"),
        ('{"roots": "."}', r"unknown key 'roots' \(did you mean 'root'\?\)"),
        ('{"train": ["a.txt"]}', "must map names"),
        ('{"root": 3}', "'root' must be"),
        ('{"root": ".", "train": {}}', "no sets under 'train'"),
    ],
)
def test_bad_descriptions_are_explained(tmp_path, text, message):
    path = tmp_path / "data.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_images(path)


def test_unknown_set_and_missing_files(tmp_path, make_set):
    make_set(tmp_path, "street", [ONE])
    with pytest.raises(InputError, match=r"no set 'stret' under 'train' \(did you mean 'street'\?\)"):
        read_images(tmp_path / "data.json", ("stret",))
    with pytest.raises(InputError, match="no such file"):
        read_description(tmp_path / "other.json")
    (tmp_path / "street.txt").write_text("\n")
    with pytest.raises(InputError, match="names no images"):
        read_images(tmp_path / "data.json")
    (tmp_path / "street.txt").unlink()
    with pytest.raises(InputError, match=r"1 of 1 sets are absent: street \(no list .*street\.txt\)"):
        read_images(tmp_path / "data.json")


def test_label_files_are_parallel_to_images():
    assert (
        label_file(PurePosixPath("MOT17/images/train/02/img1/1.jpg")).as_posix()
        == "MOT17/labels_with_ids/train/02/img1/1.txt"
    )
    assert label_file(PurePosixPath("images/a.b.png")).as_posix() == "labels_with_ids/a.b.txt"
    with pytest.raises(InputError, match="images/"):
        label_file(PurePosixPath("photos/a.jpg"))


def test_an_empty_label_file_is_an_image_of_nobody(tmp_path):
    (tmp_path / "0.txt").write_text("")
    assert read_labels(tmp_path / "0.txt").shape == (0, 6)


@pytest.fixture
def partial(tmp_path, make_set):
    """Three sets, of which the first has no list and the last no images."""
    make_set(tmp_path, "here", ["0 0 0.5 0.5 0.1 0.1\n"])
    (tmp_path / "unfetched.txt").write_text("images/unfetched/1.png\nimages/unfetched/2.png\n")
    path = tmp_path / "data.json"
    path.write_text('{"train": {"none": "none.train", "here": "here.txt", "unfetched": "unfetched.txt"}}')
    return path


def test_absent_sets_are_named_all_at_once(partial):
    expected = (
        r"2 of 3 sets are absent: none \(no list .*none\.train\); unfetched \(none of the 2 images .*skip_missing"
    )
    with pytest.raises(InputError, match=expected):
        read_images(partial)
    assert [each.name for each in read_images(partial, ("here",)).sets] == ["here"]


def test_absent_sets_are_left_out_only_when_asked(partial):
    images = read_images(partial, skip_missing=True)
    assert ([each.name for each in images.sets], images.skipped) == (["here"], ("none", "unfetched"))
    with pytest.raises(InputError, match="2 of 2 sets are absent"):
        read_images(partial, ("none", "unfetched"), skip_missing=True)


def test_an_incomplete_set_is_never_left_out(partial):
    (partial.parent / "here.txt").write_text("images/here/0000.png\nimages/here/0001.png\n")
    with pytest.raises(InputError, match=r"here\.txt line 2: no image"):
        read_images(partial, skip_missing=True)


def test_the_shipped_description_names_the_six_sets_of_mix(request, tmp_path):
    shipped = tmp_path / "data.json"
    shipped.write_bytes((request.config.rootpath / "data/data.json").read_bytes())
    names = ["mot17.half", "caltech.all", "citypersons.train", "cuhksysu.train", "prw.train", "eth.train"]
    assert list(read_description(shipped).lists) == names
    with pytest.raises(InputError, match="6 of 6 sets are absent: " + ".*".join(names)):
        read_images(shipped)


def test_lists_beside_the_working_directory(tmp_path, make_set, monkeypatch):
    # Published descriptions name lists as ./data/mot17.train, from the folder in which training is started.
    make_set(tmp_path / "zoo", "here", ["0 0 0.5 0.5 0.1 0.1\n"])
    (tmp_path / "data").mkdir()
    (tmp_path / "zoo/here.txt").rename(tmp_path / "data/here.train")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cfg").mkdir()
    path = tmp_path / "cfg/data.json"
    path.write_text(f'{{"root": "{tmp_path / "zoo"}", "train": {{"here": "./data/here.train"}}, "test_emb": {{}}}}')
    assert len(read_images(path)) == 1
