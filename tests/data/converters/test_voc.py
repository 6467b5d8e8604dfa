import pytest

from fairmot.data.converters import convert_dataset, convert_voc
from fairmot.errors import InputError


def object_of(name, box, difficult=0):
    sides = "".join(
        f"<{side}>{value}</{side}>" for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>{sides}</bndbox></object>"


def annotation_of(*objects, width=100):
    return f"<annotation><size><width>{width}</width><height>50</height></size>{''.join(objects)}</annotation>"


@pytest.fixture
def source(tmp_path, make_image):
    make_image(tmp_path / "voc/JPEGImages/a.jpg")
    (tmp_path / "voc/Annotations").mkdir()
    objects = (
        object_of("upper", (11, 1, 30, 20)),  # inside the person
        object_of("person", (11, 1, 30, 50)),
        object_of("upper", (61, 1, 80, 20)),  # of somebody without a box
        object_of("person", (41, 1, 50, 10), difficult=1),
    )
    (tmp_path / "voc/Annotations/a.xml").write_text(annotation_of(*objects))
    return tmp_path / "voc"


def test_other_classes_become_ignore_regions_unless_they_lie_in_a_kept_box(tmp_path, source, boxes_of):
    summary = convert_voc(source, tmp_path / "out")
    assert (summary.name, summary.images, summary.boxes, summary.ignored) == ("voc", 1, 1, 2)
    assert boxes_of(tmp_path / "out", "voc")["a.jpg"] == [
        [0, -1, 10, 0, 30, 50],
        [-1, -1, 60, 0, 80, 20],
        [-1, -1, 40, 0, 50, 10],
    ]


def test_regions_of_a_table_are_ignored_too(tmp_path, source, boxes_of):
    table = tmp_path / "ignore.csv"
    table.write_text("image,left,top,width,height,score\na.jpg,5.5,6,10,20,0.9\n")
    assert convert_voc(source, tmp_path / "out", ignore=table).ignored == 3
    assert boxes_of(tmp_path / "out", "voc")["a.jpg"][-1] == [-1, -1, 5.5, 6, 15.5, 26]


def test_another_class_can_be_kept(tmp_path, source):
    assert convert_voc(source, tmp_path / "out", class_name="upper").boxes == 2


def test_bodies_and_their_heads_become_one_box(tmp_path, source, boxes_of):
    objects = (
        object_of("looking", (31, 1, 50, 16)),  # between two bodies, nearer to the second
        object_of("person", (11, 11, 34, 50)),
        object_of("person", (31, 11, 48, 50)),
        object_of("aside", (11, 3, 32, 14)),
        object_of("person", (71, 11, 90, 50)),  # its head has no box
        object_of("aside", (55, 1, 60, 6)),  # its body has no box
    )
    (source / "Annotations/a.xml").write_text(annotation_of(*objects))
    convert_dataset("voc", source, tmp_path / "out", head_classes=("looking", "aside"))
    assert boxes_of(tmp_path / "out", "voc")["a.jpg"] == [
        [0, -1, 10, 2, 34, 50],
        [0, -1, 30, 0, 50, 50],
        [-1, -1, 70, 10, 90, 50],
        [-1, -1, 54, 0, 60, 6],
    ]


def test_heads_in_the_street_photographs(tmp_path, shared):
    source = shared("data", "extra", "tud_street_person")
    summary = convert_voc(source, tmp_path, head_classes=("deflection", "undeflect"))
    assert summary.boxes == 921  # of 976 bodies; looked at: the boxes reach from head to foot
    assert summary.boxes + summary.ignored >= 976


def test_counts_of_the_street_photographs(tmp_path, shared):
    source = shared("data", "extra", "tud_street_person")
    plain = convert_voc(source, tmp_path)
    more = convert_voc(source, tmp_path, ignore=source / "ignore_candidates.csv")
    assert (plain.images, plain.boxes) == (more.images, more.boxes) == (340, 976)
    assert more.ignored - plain.ignored == 1097
    assert 0 < plain.ignored < 230 + 737


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotation>", "not a PASCAL VOC annotation"),
        ("<annotation/>", "not a PASCAL VOC annotation"),
        (annotation_of(width=0), "given as 0 x 50"),
        (annotation_of(object_of("person", (1, 2, "x", 4))), "not a PASCAL VOC annotation"),
    ],
)
def test_bad_annotations_are_named(tmp_path, source, text, message):
    (source / "Annotations/a.xml").write_text(text)
    with pytest.raises(InputError, match=rf"a\.xml: .*{message}"):
        convert_voc(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,left,top,width\n", "line 1: no column height"),
        ("image,left,top,width,height\na.jpg,1,2,x,4\n", "line 2: left, top, width, height must be numbers"),
        ("image,left,top,width,height\na.jpg,1,2\n", "line 2: left, top, width, height must be numbers"),
        ("image,left,top,width,height\nb.jpg,1,2,3,4\n", r"boxes for b\.jpg, which is not an image"),
    ],
)
def test_bad_tables_are_named(tmp_path, source, text, message):
    (tmp_path / "ignore.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        convert_voc(source, tmp_path / "out", ignore=tmp_path / "ignore.csv")


def test_missing_parts_are_named(tmp_path, source):
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        convert_voc(source, tmp_path / "out", ignore=tmp_path / "none.csv")
    (source / "Annotations/a.xml").rename(source / "Annotations/b.xml")
    with pytest.raises(InputError, match=r"b\.xml: no image b"):
        convert_voc(source, tmp_path / "out")
    (source / "Annotations/b.xml").unlink()
    with pytest.raises(InputError, match="no XML files"):
        convert_voc(source, tmp_path / "out")
    with pytest.raises(InputError, match="expected JPEGImages or images"):
        convert_voc(tmp_path, tmp_path / "out")
