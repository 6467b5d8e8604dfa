import cv2
import numpy as np
import pytest

from fairmot.data.annotations import read_images
from fairmot.data.checks.preview import chosen_images, contact_sheet, identity_colour, write_preview
from fairmot.errors import InputError

BOX = "0 4 0.5 0.5 0.5 0.5\n"


@pytest.fixture
def images(tmp_path, make_set):
    make_set(tmp_path, "other", ["0 8 0.5 0.5 0.1 0.1\n"] * 9)
    make_set(tmp_path, "street", [BOX, "0 -1 0.5 0.5 0.5 0.5\n", "-1 -1 0.5 0.5 0.5 0.5\n", ""], size=(160, 80))
    for path in (tmp_path / "images/street").iterdir():
        cv2.imwrite(str(path), np.zeros((80, 160, 3), np.uint8))
    return read_images(tmp_path / "data.json")


def test_the_choice_is_seeded_and_takes_each_set(images):
    first = chosen_images(images, 6, seed=1)
    assert first == chosen_images(images, 6, seed=1)
    assert first != chosen_images(images, 6, seed=2)
    assert sum(index >= 9 for index in first) == 3
    assert chosen_images(images, 99) == list(range(13))


def test_boxes_have_the_colour_of_their_identity_in_its_set(images):
    # Each tile is 320 x 160 px and lies 6 px from the corner: left edge of the box at 86, top at 46.
    for index, colour in ((9, identity_colour(4)), (10, (255, 255, 255)), (11, (160, 160, 160))):
        sheet = contact_sheet(images, [index], 320)
        assert sheet.shape == (160 + 18 + 12, 320 + 12, 3)
        assert sheet[100, 86].tolist() == list(colour)
        assert sheet[46, 180].tolist() == list(colour)
        assert sheet[100, 88].tolist() == [0, 0, 0]
    assert contact_sheet(images, [12], 320)[100, 86].tolist() == [0, 0, 0]


def test_colours_of_neighbours_differ():
    colours = {identity_colour(identity) for identity in range(50)}
    assert len(colours) > 45


def test_tiles_lie_in_a_grid(images):
    sheet = contact_sheet(images, [9, 10, 11, 12, 9], 100)
    assert sheet.shape == (2 * (50 + 18) + 3 * 6, 3 * 106 + 6, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_the_sheet_is_written(tmp_path, images, suffix):
    path = tmp_path / "new" / f"sheet{suffix}"
    assert write_preview(images, path, count=4, seed=3, tile_width_px=64) == 4
    encoded = cv2.imencode(suffix, contact_sheet(images, chosen_images(images, 4, 3), 64))[1]
    np.testing.assert_array_equal(cv2.imread(str(path)), cv2.imdecode(encoded, cv2.IMREAD_COLOR))


def test_other_files_are_refused(tmp_path, images):
    with pytest.raises(InputError, match=r"sheet\.txt: a contact sheet is an image"):
        write_preview(images, tmp_path / "sheet.txt")
