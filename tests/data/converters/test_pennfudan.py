import pytest

from fairmot.data.converters import convert_pennfudan
from fairmot.errors import InputError

TEXT = """# Compatible with PASCAL Annotation Version 1.00
Image size (X x Y x C) : 100 x 50 x 3
Bounding box for object 1 "PASpersonWalking" (Xmin, Ymin) - (Xmax, Ymax) : (1, 1) - (100, 50)
Bounding box for object 2 "PASpersonWalking" (Xmin, Ymin) - (Xmax, Ymax) : (11, 21) - (30, 40)
"""


@pytest.fixture
def source(tmp_path, make_image):
    make_image(tmp_path / "Ped/PNGImages/P1.png")
    (tmp_path / "Ped/Annotation").mkdir()
    (tmp_path / "Ped/Annotation/P1.txt").write_text(TEXT)
    return tmp_path / "Ped"


def test_inclusive_corners_from_one_become_edges(tmp_path, source, boxes_of):
    summary = convert_pennfudan(source, tmp_path / "out")
    assert (summary.name, summary.images, summary.boxes, summary.identities, summary.ignored) == ("Ped", 1, 2, 0, 0)
    assert boxes_of(tmp_path / "out", "Ped")["P1.png"] == [[0, -1, 0, 0, 100, 50], [0, -1, 10, 20, 30, 40]]


def test_the_whole_database(tmp_path, shared):
    summary = convert_pennfudan(shared("data", "pennfudan"), tmp_path)
    assert (summary.images, summary.boxes, summary.identities) == (170, 423, 0)


def test_bad_sources_are_explained(tmp_path, source):
    annotation = source / "Annotation/P1.txt"
    for text, message in (
        ("nothing", "no line 'Image size"),
        (TEXT.replace("(30, 40)", "(30; 40)"), "states 2 bounding boxes, but 1"),
    ):
        annotation.write_text(text)
        with pytest.raises(InputError, match=rf"P1\.txt: .*{message}"):
            convert_pennfudan(source, tmp_path / "out")
    annotation.rename(source / "Annotation/P2.txt")
    with pytest.raises(InputError, match="no image P2"):
        convert_pennfudan(source, tmp_path / "out")
    (source / "Annotation/P2.txt").unlink()
    with pytest.raises(InputError, match="no annotation texts"):
        convert_pennfudan(source, tmp_path / "out")
    with pytest.raises(InputError, match="no folder PNGImages or images"):
        convert_pennfudan(tmp_path / "out", tmp_path / "out")
