"""A fixed part of a list is held out, in whole blocks."""

import json
import random

import pytest
from typer.testing import CliRunner

from fairmot.cli import app
from fairmot.data.annotations import read_images
from fairmot.data.splitting import held_out, split_list
from fairmot.errors import InputError

NAMES = [f"images/{number:03}.jpg" for number in range(230)]


def test_every_fifth_block_of_twenty_is_held_out():
    assert sorted(held_out(NAMES, 5, 20)) == NAMES[80:100] + NAMES[180:200]


def test_the_order_of_the_list_does_not_matter():
    shuffled = random.Random(1).sample(NAMES, len(NAMES))
    assert held_out(shuffled, 5, 20) == held_out(NAMES, 5, 20)
    assert held_out([*shuffled, NAMES[80]], 5, 20) == held_out(NAMES, 5, 20)
    assert held_out(NAMES, 5, 21) != held_out(NAMES, 5, 20)


@pytest.mark.parametrize("suffix", [".txt", ""])
def test_both_lists_together_are_the_list_in_its_order(tmp_path, suffix):
    source = tmp_path / f"mot17.half{suffix}"
    lines = [*reversed(NAMES), NAMES[80]]
    source.write_text("\n".join(lines) + "\n\n")
    found = split_list(source)
    train, held = ((tmp_path / f"mot17.half.{part}{suffix}").read_text().splitlines() for part in ("train", "held"))
    assert (found.train_images, found.held_images) == (len(train), len(held)) == (190, 41)
    assert not {*train} & {*held}
    assert train == [line for line in lines if line not in held]
    assert held == [line for line in lines if line not in train]


def test_the_description_trains_on_one_part_and_holds_the_other(tmp_path, make_set):
    for name in ("first", "second"):
        make_set(tmp_path, name, [f"0 {number} .5 .5 .2 .5" for number in range(6)])
    description = tmp_path / "data.json"
    whole = read_images(description, ["first"]).paths
    for _ in range(2):  # the second time, nothing changes
        arguments = ["data", "split", str(tmp_path / "first.txt"), "--one-in", "3", "--block", "1"]
        result = CliRunner().invoke(app, [*arguments, "--data", str(description)])
        assert result.exit_code == 0, result.output
        assert "4 images to train on" in result.stdout
        values = json.loads(description.read_text())
        assert values["train"] == {"first.train": "first.train.txt", "second": "second.txt"}
        assert [*values["train"]] == ["first.train", "second"]
        assert values["val"] == {"first.held": "first.held.txt"}
    assert read_images(description, ["first.train"]).paths == tuple(whole[index] for index in (0, 1, 3, 4))
    assert read_images(description, part="val").paths == (whole[2], whole[5])


def test_a_set_keeps_its_name_where_its_list_has_another(tmp_path):
    (tmp_path / "zoo.lst").write_text("\n".join(NAMES))
    description = tmp_path / "data.json"
    description.write_text('{"train": {"mot": "./zoo.lst", "prw": "prw.txt"}}')
    for _ in range(2):
        split_list(tmp_path / "zoo.lst", description=description)
        values = json.loads(description.read_text())
        assert [*values["train"].items()] == [("mot.train", "zoo.lst.train"), ("prw", "prw.txt")]
        assert values["val"] == {"mot.held": "zoo.lst.held"}


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a.jpg\nb.jpg\n", {}, "2 images are fewer than 5 blocks of 20"),
        ("", {}, "0 images"),
        ("a.jpg\n", {"every": 1}, "at least 2"),
        ("a.jpg\n", {"block": 0}, "at least 2 and 1"),
        (None, {}, "cannot be read"),
    ],
)
def test_mistakes_are_one_line(tmp_path, text, options, message):
    path = tmp_path / "list.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        split_list(path, **options)
    assert "\n" not in str(caught.value)
    assert [*tmp_path.iterdir()] == ([path] if text is not None else [])


def test_a_broken_description_leaves_no_lists(tmp_path):
    (tmp_path / "list.txt").write_text("\n".join(NAMES))
    (tmp_path / "data.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        split_list(tmp_path / "list.txt", description=tmp_path / "data.json")
    assert not (tmp_path / "list.held.txt").exists()
