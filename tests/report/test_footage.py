from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from fairmot.errors import InputError
from fairmot.report.footage import all_frames, drawn_footage, frame_seconds, is_playable, source_footage


def test_times_of_frames_are_those_of_the_file(shared_case):
    times = frame_seconds(shared_case.run / "yard.mp4")
    np.testing.assert_allclose(times, np.arange(40) / 20, atol=1e-6)
    assert len(drawn_footage(shared_case.run / "yard.mp4").seconds) == 40


def test_a_playable_source_is_taken_as_it_is(shared_case, tmp_path):
    video = shared_case.run / "yard.mp4"
    footage = source_footage(video, range(4, 24, 5), tmp_path / "copy.mp4")
    assert footage.path == video
    assert (footage.made, footage.drawn) == (False, False)
    assert list(footage.selected) == [4, 9, 14, 19]
    np.testing.assert_allclose(footage.seconds, np.array([4, 9, 14, 19]) / 20, atol=1e-6)
    assert not (tmp_path / "copy.mp4").exists()


def test_pixels_that_are_not_square_become_square(shared_case, tmp_path):
    wide = tmp_path / "wide.mp4"
    with av.open(str(shared_case.run / "yard.mp4")) as source, av.open(str(wide), "w") as target:
        stream = target.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    footage = source_footage(wide, all_frames(), tmp_path / "copy.mp4")
    assert (footage.made, footage.size, len(footage.seconds)) == (True, (320, 180), 40)
    assert not is_playable(wide)
    assert is_playable(footage.path)


def test_images_become_a_video(tmp_path):
    for number in range(6):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((40, 64, 3), 30 * number, np.uint8))
    calls = []
    footage = source_footage(tmp_path, all_frames(1, 2), tmp_path / "copy.mp4", lambda *call: calls.append(call))
    assert footage.made
    assert footage.path == tmp_path / "copy.mp4"
    assert len(footage.seconds) == 3
    assert [done for _, done, _ in calls] == [1, 2, 3]


def test_a_file_without_video_is_one_line(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"broken\.mp4: not a video"):
        frame_seconds(tmp_path / "broken.mp4")
