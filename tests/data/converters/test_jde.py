import pytest

from fairmot.data.annotations import read_images
from fairmot.data.converters import convert_jde
from fairmot.errors import InputError

IMAGES = ("MOT17/images/train/MOT17-02-SDP/img1/000001.png", "MOT17/images/train/MOT17-04-SDP/img1/000001.png")
LABELS = ("0 3 0.2 0.5 0.2 0.8\n0 -1 0.8 0.5 0.1 0.4\n", "0 7 0.5 0.5 0.2 0.6\n")
EXPECTED = [[0, 0, 0.2, 0.5, 0.2, 0.8], [0, -1, 0.8, 0.5, 0.1, 0.4], [0, 1, 0.5, 0.5, 0.2, 0.6]]


@pytest.fixture
def make_zoo(tmp_path, make_image):
    def make(labels=LABELS):
        root = tmp_path / "zoo"
        for image, text in zip(IMAGES, labels, strict=True):
            make_image(root / image)
            label = root / image.replace("images", "labels_with_ids").replace(".png", ".txt")
            label.parent.mkdir(parents=True)
            label.write_text(text)
        (root / "lists").mkdir()
        (root / "lists/mot17.train").write_text("\n".join(IMAGES) + "\n")
        return root

    return make


def test_a_list_becomes_a_set(tmp_path, make_zoo):
    summary = convert_jde(make_zoo() / "lists/mot17.train", tmp_path / "out")
    assert (summary.name, summary.images, summary.boxes, summary.identities) == ("mot17.train", 2, 3, 2)
    images = read_images(tmp_path / "out/data.json")
    assert images.rows.tolist() == EXPECTED
    assert [path.parts[-3] for path in images.paths] == ["MOT17-02-SDP", "MOT17-04-SDP"]


def test_one_changed_number_is_seen(tmp_path, make_zoo):
    convert_jde(make_zoo((LABELS[0], "0 7 0.5 0.5 0.3 0.6\n")) / "lists/mot17.train", tmp_path / "out")
    with pytest.raises(AssertionError):
        assert read_images(tmp_path / "out/data.json").rows.tolist() == EXPECTED


def test_the_layout_is_read_as_it_is(tmp_path, make_zoo):
    root = make_zoo()
    for value in ("lists/mot17.train", str(root / "lists/mot17.train")):
        description = tmp_path / "data.json"
        description.write_text(f'{{"root": "{root}", "train": {{"mot17": "{value}"}}, "test_emb": {{}}, "test": {{}}}}')
        images = read_images(description)
        assert images.rows[:, 1].tolist() == [3, -1, 7]
        assert images.identity_count == 9


def test_bad_sources_are_named(tmp_path, make_zoo, make_image):
    root = make_zoo()
    with pytest.raises(InputError, match="no such list"):
        convert_jde(root / "lists", tmp_path / "out")
    away = tmp_path / "away.train"
    away.write_text(IMAGES[0])
    with pytest.raises(InputError, match=r"away\.train line 1: no image MOT17/.*give the root"):
        convert_jde(away, tmp_path / "out")
    assert convert_jde(away, tmp_path / "out", root=root).images == 1
    next(root.rglob("000001.txt")).unlink()
    with pytest.raises(InputError, match="no such label file"):
        convert_jde(root / "lists/mot17.train", tmp_path / "out")
