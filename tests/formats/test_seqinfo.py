"""One reader of ``seqinfo.ini``: scores, images and converters accept and refuse the same files."""

import cv2
import numpy as np
import pytest

from fairmot.data.converters import convert_motchallenge
from fairmot.errors import InputError
from fairmot.formats.ground_truth import load_ground_truth
from fairmot.formats.rows import MAX_FRAMES
from fairmot.formats.seqinfo import MAX_FRAME_RATE, SequenceInfo, load_info, write_info
from fairmot.media.sources.frames import read_frames

COUNT = 3


@pytest.fixture
def sequence(tmp_path):
    """Call with the bytes of ``seqinfo.ini``: a sequence of three images, 8 x 6 pixels, with ground truth."""

    def make(info):
        folder = tmp_path / "walk"
        for name in ("img1", "gt"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(1, COUNT + 1):
            cv2.imwrite(str(folder / "img1" / f"{number:06}.png"), np.zeros((6, 8, 3), np.uint8))
        (folder / "gt" / "gt.txt").write_text("1,1,1,1,4,4,1,1,1\n")
        (folder / "seqinfo.ini").write_bytes(info if isinstance(info, bytes) else info.encode())
        return folder

    return make


READERS = {
    "scores": load_ground_truth,
    "images": read_frames,
    "converter": lambda folder: convert_motchallenge(folder, folder.parent / "out"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "info",
    [
        f"[Sequence]\nname=walk\nimDir=img1\nframeRate=25\nseqLength={COUNT}\nimWidth=8\nimHeight=6\nimExt=.png\n",
        f"\ufeff[Sequence]\nseqLength={COUNT}\nframeRate=25\n",
        f"; a comment\r\n[Sequence]\r\nseqLength = {COUNT} \r\nframeRate = 29.97\r\n",
        f"[Sequence]\nseqLength={COUNT}\n",
        f"[Sequence]\nseqlength={COUNT}\nframerate={MAX_FRAME_RATE}\nname=100%\n",
    ],
)
def test_all_readers_accept_the_same(sequence, reader, info):
    READERS[reader](sequence(info))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("info", "message"),
    [
        (f"seqLength={COUNT}\n", "expected \\[Sequence\\]"),
        ("[Sequence]\nseqLength=many\n", "many"),
        ("[Sequence]\nseqLength=0\n", "seqLength 0 is less than 1"),
        ("[Sequence]\nseqLength=-3\n", "seqLength -3 is less than 1"),
        (f"[Sequence]\nseqLength={MAX_FRAMES + 1}\n", "too large"),
        (f"[Sequence]\nseqLength={COUNT}\nframeRate=fast\n", "fast"),
        (f"[Sequence]\nseqLength={COUNT}\nimWidth=wide\n", "wide"),
        (b"[Sequence]\nseqLength=\xff\n", "cannot be read"),
        *(
            (f"[Sequence]\nseqLength={COUNT}\nframeRate={rate}\n", f"frameRate {rate}, expected")
            for rate in ("0", "-25", "nan", "inf", "1000.5")
        ),
    ],
)
def test_all_readers_refuse_the_same(sequence, reader, info, message):
    with pytest.raises(InputError, match=rf"seqinfo\.ini: .*{message}") as caught:
        READERS[reader](sequence(info))
    assert "\n" not in str(caught.value)


def test_only_scores_need_the_length(sequence):
    folder = sequence("[Sequence]\nframeRate=14\n")
    with pytest.raises(InputError, match="seqLength is missing"):
        load_info(folder)
    assert load_info(folder, needs_length=False).frame_count == 0
    assert read_frames(folder).frame_count == COUNT


def test_what_is_written_is_read(tmp_path):
    info = SequenceInfo(tmp_path.name, 12, 29.97, (640, 480), "frames", ".jpg")
    write_info(tmp_path, info, "a comment")
    assert load_info(tmp_path) == info
    text = (tmp_path / "seqinfo.ini").read_text()
    assert text.startswith(f"; a comment\n[Sequence]\nname={tmp_path.name}\nimDir=frames\nframeRate=29.97\n")
    # The twin: another number in the file is another answer.
    (tmp_path / "seqinfo.ini").write_text(text.replace("seqLength=12", "seqLength=13"))
    assert load_info(tmp_path) != info
    write_info(tmp_path, SequenceInfo(tmp_path.name, 5))
    assert load_info(tmp_path) == SequenceInfo(tmp_path.name, 5)
