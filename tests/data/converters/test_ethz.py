import pytest

from fairmot.data.converters import convert_ethz
from fairmot.errors import InputError

TEXT = """"left/image_00000000_0.png": (10, 5, 30, 45), (62, 40, 50, 5):-1, (7, 7, 7, 20);
"left/image_00000001_0.png": (12.5, 5, 32.5, 45):0.93 , (1, 2, 3, 4)~3;
"left/image_00000002_0.png";
"left/image_00000003_0.png": (-4, 8, 6, 30).
"""
EXPECTED = {
    "image_00000000_0.png": [[0, -1, 10, 5, 30, 45], [0, -1, 50, 5, 62, 40]],
    "image_00000001_0.png": [[0, -1, 12.5, 5, 32.5, 45], [0, -1, 1, 2, 3, 4]],
    "image_00000002_0.png": [],
    "image_00000003_0.png": [[0, -1, -4, 8, 6, 30]],
}


@pytest.fixture
def make_source(tmp_path, make_image):
    def make(text):
        for index in range(4):
            make_image(tmp_path / f"src/seq/left/image_{index:08}_0.png")
        (tmp_path / "src/seq/annot.idl").write_text(text)
        return tmp_path / "src"

    return make


def test_boxes_of_a_sequence(tmp_path, make_source, boxes_of):
    summary = convert_ethz(make_source(TEXT), tmp_path / "out", "eth.train")
    assert (summary.images, summary.boxes, summary.identities) == (4, 5, 0)
    assert boxes_of(tmp_path / "out", "eth.train") == EXPECTED


def test_one_changed_number_is_seen(tmp_path, make_source, boxes_of):
    convert_ethz(make_source(TEXT.replace("45)", "46)", 1)), tmp_path / "out", "eth.train")
    with pytest.raises(AssertionError):
        assert boxes_of(tmp_path / "out", "eth.train") == EXPECTED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('\n"left/image_00000000_0.png": (1, 2, 3);\n', r'annot\.idl line 2: expected "image"'),
        ("left/image_00000000_0.png: (1, 2, 3, 4);\n", "line 1: expected"),
        ('"left/none.png": (1, 2, 3, 4);\n', r"line 1: no image left/none\.png"),
    ],
)
def test_bad_lines_are_named(tmp_path, make_source, text, message):
    with pytest.raises(InputError, match=message):
        convert_ethz(make_source(text), tmp_path / "out")
    with pytest.raises(InputError, match=r"no \.idl files"):
        convert_ethz(tmp_path / "src/seq/left", tmp_path / "out")
