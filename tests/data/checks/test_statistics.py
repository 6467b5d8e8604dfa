import pytest

from fairmot.data.annotations import read_images
from fairmot.data.checks.statistics import statistics

# Images of 64 x 48 px: heights 24, 12, 36 px and widths 16, 8, 32 px.
STREET = ["0 2 0.5 0.5 0.25 0.5\n1 -1 0.5 0.5 0.125 0.25\n-1 -1 0.5 0.5 0.9 0.9\n", "", "0 2 0.5 0.5 0.5 0.75\n"]
EXPECTED = {
    "name": "street",
    "images": 3,
    "empty_images": 1,
    "boxes": 3,
    "ignored": 1,
    "boxes_with_identity": 2,
    "identities": 1,
    "identity_slots": 3,
    "boxes_per_image": {"mean": 1.0, "max": 2.0},
    "classes": {"0": 2, "1": 1},
    "box_heights_px": {"p0": 12.0, "p10": 14.4, "p50": 24.0, "p90": 33.6, "p100": 36.0},
    "box_widths_px": {"p0": 8.0, "p10": 9.6, "p50": 16.0, "p90": 28.8, "p100": 32.0},
    "image_sizes": {"64x48": 3},
}


def test_counts_of_one_set(tmp_path, make_set):
    make_set(tmp_path, "street", STREET)
    (only,) = statistics(read_images(tmp_path / "data.json"))
    assert only.as_dict() == EXPECTED


def test_one_changed_number_is_seen(tmp_path, make_set):
    make_set(tmp_path, "street", [STREET[0].replace("0.25 0.5\n", "0.25 0.6\n", 1), *STREET[1:]])
    with pytest.raises(AssertionError):
        assert statistics(read_images(tmp_path / "data.json"))[0].as_dict() == EXPECTED


def test_sets_and_all_of_them(tmp_path, make_set):
    make_set(tmp_path, "street", STREET)
    make_set(tmp_path, "park", ["0 2 0.5 0.5 0.25 0.5\n", ""], size=(80, 40))
    make_set(tmp_path, "nobody", [""])
    first, second, third, together = statistics(read_images(tmp_path / "data.json"), threads=1)
    assert first.as_dict() == EXPECTED
    assert (second.box_heights_px["p50"], second.identities, second.identity_slots) == (20, 1, 3)
    assert (third.boxes, third.box_heights_px, third.classes) == (0, {}, {})
    # The two sets' identity 2 are two people.
    assert (together.name, together.images, together.boxes, together.identities) == ("all", 6, 4, 2)
    assert together.image_sizes == {"64x48": 4, "80x40": 2}
    assert together.identity_slots == 6


def test_rare_sizes_are_counted_together(tmp_path, make_set):
    for index in range(11):
        make_set(tmp_path, f"set{index:02}", [""] * (2 if index < 2 else 1), size=(40 + index, 30))
    sizes = statistics(read_images(tmp_path / "data.json"))[-1].image_sizes
    assert list(sizes.items())[:2] == [("40x30", 2), ("41x30", 2)]
    assert (len(sizes), sizes["other"], sum(sizes.values())) == (9, 3, 13)
