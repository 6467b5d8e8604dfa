"""One bright walker as a sequence in MOTChallenge layout."""

from pathlib import Path

import cv2
import numpy as np


def write_walk(folder: Path, frames: int) -> Path:
    """Write ``folder/walk``: images of 160 x 96 in which one person moves 5 px a frame, and the ground truth."""
    sequence = folder / "walk"
    (sequence / "img1").mkdir(parents=True)
    (sequence / "gt").mkdir()
    rows = []
    for index in range(frames):
        left, top, width, height = 20 + 5 * index, 30, 20, 50
        image = np.full((96, 160, 3), 40, np.uint8)
        cv2.rectangle(image, (left, top), (left + width, top + height), (200, 220, 240), -1)
        cv2.imwrite(str(sequence / "img1" / f"{index + 1:06}.png"), image)
        rows.append(f"{index + 1},1,{left},{top},{width},{height},1,1,1\n")
    (sequence / "gt" / "gt.txt").write_text("".join(rows))
    (sequence / "seqinfo.ini").write_text(
        f"[Sequence]\nname=walk\nimDir=img1\nframeRate=25\nseqLength={frames}\nimWidth=160\nimHeight=96\nimExt=.png\n"
    )
    return sequence
