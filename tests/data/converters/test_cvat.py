import zipfile

import pytest

from fairmot.data.converters import convert_cvat
from fairmot.errors import InputError

VIDEO = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<meta><task><size>4</size><mode>interpolation</mode><original_size><width>100</width><height>50</height></original_size>
<labels><label><name>person</name></label><label><name>car</name></label></labels></task></meta>
<track id="0" label="car"><box frame="0" outside="0" occluded="0" keyframe="1" xtl="1" ytl="1" xbr="9" ybr="9"/></track>
<track id="1" label="person">
<box frame="0" outside="0" occluded="0" keyframe="1" xtl="10.50" ytl="5" xbr="30.50" ybr="45"/>
<box frame="2" outside="0" occluded="1" keyframe="1" xtl="14.50" ytl="7" xbr="34.50" ybr="47"/>
<box frame="3" outside="1" occluded="0" keyframe="1" xtl="14.50" ytl="7" xbr="34.50" ybr="47"/>
</track>
<track id="2" label="person"><box frame="3" outside="0" keyframe="1" xtl="-4" ytl="0" xbr="9" ybr="30"/></track>
</annotations>"""
EXPECTED_VIDEO = {
    "frame_000000.png": [[0, 0, 10.5, 5, 30.5, 45]],
    "frame_000001.png": [[0, 0, 12.5, 6, 32.5, 46]],
    "frame_000002.png": [[0, 0, 14.5, 7, 34.5, 47]],
    "frame_000003.png": [[0, 1, -4, 0, 9, 30]],
}
IMAGES = """<annotations><version>1.1</version>
<meta><job><labels><label><name>adult</name></label><label><name>child</name></label></labels></job></meta>
<image id="0" name="day/a.png" width="100" height="50">
<box label="adult" occluded="0" xtl="1" ytl="2" xbr="11" ybr="32" z_order="0"/>
<box label="child" occluded="0" xtl="20" ytl="10" xbr="26" ybr="28"><attribute name="track_id">9</attribute></box>
<polygon label="adult" points="1,1;2,2;3,3"/></image>
<image id="1" name="b.png" width="100" height="50"></image>
</annotations>"""
# As https://docs.cvat.ai says: frame, track, left, top, width, height, "not ignored", class, visibility.
MOT = "1,4,10,5,20,40,1,2,1.0\n2,4,12,5,20,40,1,2,0.5\n2,6,50,5,10,30,0,2,1.0\n1,1,1,1,5,5,1,1,1.0\n"
EXPECTED_MOT = {
    "000001.png": [[0, 0, 10, 5, 30, 45]],
    "000002.png": [[0, 0, 12, 5, 32, 45], [-1, -1, 50, 5, 60, 35]],
}


def packed(folder):
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in folder.rglob("*"):
            file.write(path, path.relative_to(folder))
    return archive


@pytest.fixture
def make_video(tmp_path, make_image):
    def make(text=VIDEO):
        for index in range(4):
            make_image(tmp_path / f"walk/images/frame_{index:06}.png")
        (tmp_path / "walk/annotations.xml").write_text(text)
        return tmp_path / "walk"

    return make


@pytest.fixture
def make_mot(tmp_path, make_image):
    def make(text=MOT, names=("000001", "000002")):
        for name in names:
            make_image(tmp_path / f"walk/img1/{name}.png")
        (tmp_path / "walk/gt").mkdir()
        (tmp_path / "walk/gt/gt.txt").write_text(text)
        (tmp_path / "walk/gt/labels.txt").write_text("car\npedestrian\n")
        return tmp_path / "walk"

    return make


@pytest.mark.parametrize(
    ("offset", "content"),
    [(8, b"\x01\x00"), (10, b"\x63\x00"), (10, b"\x0e\x00"), (16, b"bad!"), (46, b"\xff\x00")],
    ids=["encrypted", "unknown method", "lzma", "checksum", "name"],
)
def test_archives_that_cannot_be_unpacked_are_one_line(make_video, tmp_path, offset, content):
    """Bytes of the first entry in the list of members (PKZIP, central directory) are overwritten."""
    archive = packed(make_video())
    data = bytearray(archive.read_bytes())
    place = data.find(b"PK\x01\x02")
    data[place + offset : place + offset + len(content)] = content
    archive.write_bytes(data)
    with pytest.raises(InputError, match=r"walk\.zip: ") as refused:
        convert_cvat(archive, tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("cut", [10, 200])
def test_a_cut_archive_is_one_line(make_video, tmp_path, cut):
    archive = packed(make_video())
    archive.write_bytes(archive.read_bytes()[:-cut])
    with pytest.raises(InputError, match=r"walk\.zip: "):
        convert_cvat(archive, tmp_path / "out")


@pytest.mark.parametrize("form", ["folder", "zip", "xml"])
def test_tracks_of_a_video(tmp_path, make_video, boxes_of, form):
    folder = make_video()
    source = {"folder": folder, "zip": packed(folder), "xml": folder / "annotations.xml"}[form]
    summary = convert_cvat(source, tmp_path / "out", "walk")
    assert (summary.images, summary.boxes, summary.identities) == (4, 4, 2)
    assert boxes_of(tmp_path / "out", "walk") == EXPECTED_VIDEO
    assert not list((tmp_path / "out").glob(".cvat*"))


def test_one_changed_number_in_a_video_is_seen(tmp_path, make_video, boxes_of):
    convert_cvat(make_video(VIDEO.replace("14.50", "14.60", 1)), tmp_path / "out", "walk")
    with pytest.raises(AssertionError):
        assert boxes_of(tmp_path / "out", "walk") == EXPECTED_VIDEO


def test_shapes_in_images(tmp_path, make_image, boxes_of):
    for name in ("day/a.png", "b.png"):
        make_image(tmp_path / "images" / name)
    (tmp_path / "annotations.xml").write_text(IMAGES)
    source = tmp_path / "annotations.xml"
    with pytest.raises(InputError, match=r"choose categories among adult, child"):
        convert_cvat(source, tmp_path / "out", images=tmp_path / "images")
    with pytest.raises(InputError, match=r"no category 'adlt' \(did you mean 'adult'\?\)"):
        convert_cvat(source, tmp_path / "out", categories=["adlt"], images=tmp_path / "images")
    convert_cvat(source, tmp_path / "out", "some", categories=["adult", "child"], images=tmp_path / "images")
    assert boxes_of(tmp_path / "out", "some") == {
        "a.png": [[0, -1, 1, 2, 11, 32], [0, 0, 20, 10, 26, 28]],
        "b.png": [],
    }
    (tmp_path / "images/day/a.png").unlink()
    with pytest.raises(InputError, match=r"its image day/a\.png is missing"):
        convert_cvat(source, tmp_path / "out", categories=["adult"], images=tmp_path / "images")


def test_mot_export(tmp_path, make_mot, boxes_of):
    summary = convert_cvat(packed(make_mot()), tmp_path / "out")
    assert (summary.name, summary.boxes, summary.identities, summary.ignored) == ("walk", 2, 1, 1)
    assert boxes_of(tmp_path / "out", "walk") == EXPECTED_MOT


def test_one_changed_number_in_a_mot_export_is_seen(tmp_path, make_mot, boxes_of):
    convert_cvat(make_mot(MOT.replace("12,5,20", "12,5,21")), tmp_path / "out")
    with pytest.raises(AssertionError):
        assert boxes_of(tmp_path / "out", "walk") == EXPECTED_MOT


@pytest.mark.parametrize("names", [("frame_000000", "frame_000001"), ("early", "late")])
def test_other_names_of_frames(tmp_path, make_mot, boxes_of, names):
    convert_cvat(make_mot(names=names), tmp_path / "out")
    assert list(boxes_of(tmp_path / "out", "walk").values()) == list(EXPECTED_MOT.values())


def other_track(text):
    return VIDEO.replace("</annotations>", text + "</annotations>")


def test_polygons_and_skeletons_beside_boxes_are_left_out_and_counted(tmp_path, make_video):
    polygon = '<track id="7" label="person"><polygon frame="0" outside="0" points="1,1;5,5;9,1"/></track>'
    point = '<points frame="0" outside="0" points="1,1"/>'
    skeleton = f'<track id="8" label="person"><skeleton frame="0" outside="0">{point}</skeleton></track>'
    summary = convert_cvat(make_video(other_track(polygon + skeleton)), tmp_path / "out")
    assert (summary.boxes, summary.identities) == (4, 2)
    assert summary.ledger.shapes_left_out == {"polygons": 1, "skeletons": 1}
    assert summary.ledger.boxes_left_out == {"of label car": 1}
    assert summary.ledger.boxes_added == {"between key frames": 1}


def test_the_box_around_a_turned_one_is_kept(tmp_path, make_video, boxes_of):
    turned = '<track id="7" label="person"><box frame="1" xtl="35" ytl="10" xbr="65" ybr="40" rotation="45.0"/></track>'
    convert_cvat(make_video(other_track(turned)), tmp_path / "out", "walk")
    half = 30 / 2**0.5
    assert boxes_of(tmp_path / "out", "walk")["frame_000001.png"][1][2:] == pytest.approx(
        [50 - half, 25 - half, 50 + half, 25 + half], abs=1e-3
    )


def test_tasks_with_a_step_between_frames(tmp_path, make_image, boxes_of):
    meta = VIDEO.replace("<size>4</size>", "<size>3</size><frame_filter>step=5</frame_filter>")
    for old, new in (("0", "0"), ("2", "10"), ("3", "15")):
        meta = meta.replace(f'frame="{old}"', f'frame="@{new}"')
    for number in (0, 5, 10, 15):
        make_image(tmp_path / f"walk/images/frame_{number:06}.png")
    (tmp_path / "walk/annotations.xml").write_text(meta.replace("@", ""))
    convert_cvat(tmp_path / "walk", tmp_path / "out", "walk")
    expected = {f"frame_{5 * i:06}.png": rows for i, rows in enumerate(EXPECTED_VIDEO.values())}
    assert boxes_of(tmp_path / "out", "walk") == expected


def test_frames_between_key_frames_need_no_image(tmp_path, make_video, boxes_of):
    folder = make_video()
    (folder / "images/frame_000001.png").unlink()
    convert_cvat(folder, tmp_path / "out", "walk")
    assert "frame_000001.png" not in boxes_of(tmp_path / "out", "walk")


def test_exports_without_images_name_the_option(tmp_path, make_video, make_mot):
    for folder in (make_video(), make_mot()):
        for name in ("images", "img1"):
            if (folder / name).exists():
                (folder / name).rename(tmp_path / name)
        for source in (folder, packed(folder)):
            with pytest.raises(InputError, match=r"an export without images .*folder of its images"):
                convert_cvat(source, tmp_path / "out")
        for path in folder.rglob("annotations.xml"):
            path.unlink()


def test_bad_sources_are_named(tmp_path, make_mot, make_video):
    with pytest.raises(InputError, match="not an export of CVAT"):
        convert_cvat(tmp_path, tmp_path / "out")
    folder = make_mot("3,4,10,5,20,40,1,2,1.0\n")
    with pytest.raises(InputError, match=r"boxes in frame 2 .*which has no image"):
        convert_cvat(folder, tmp_path / "out")
    (folder / "gt/gt.txt").write_text("1,4,10,5,20,40,1,3,1.0\n")
    with pytest.raises(InputError, match="classes up to 3, but 2 names"):
        convert_cvat(folder, tmp_path / "out")
    for text, message in (
        ("<annotations>", "cannot be read as XML"),
        ("<annotation/>", "it begins with <annotation>"),
        (VIDEO.replace('xtl="1"', ""), "an element without 'xtl'"),
        (VIDEO.replace('xtl="1"', 'xtl="one"'), "'one'"),
    ):
        with pytest.raises(InputError, match=message):
            convert_cvat(make_video(text), tmp_path / "out")
