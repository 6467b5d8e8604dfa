"""Thumbnails: each identity in the frame that shows it best, and the scene."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.geometry import ImageArray
from fairmot.media.sources.frames import read_frames
from fairmot.progress import Progress
from fairmot.report.footage import Footage

_HEIGHT_PX, _MOST_WIDTH_PX = 96, 96
_SCENE_WIDTH_PX = 720
_MARGIN = 0.06
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 80]


def best_rows(
    tracks: NDArray[np.int64],
    boxes_tlwh: NDArray[np.float64],
    scores: NDArray[np.float64],
    size: tuple[int, int],
) -> NDArray[np.int64]:
    """Return for each track [T] the row that shows it best: large, confident, and entirely inside the frame.

    Args:
        tracks: track of each row [N], 0 to T - 1, each of them present.
        boxes_tlwh: boxes [N, 4], pixels.
        scores: scores [N].
        size: width and height of the frame, pixels.
    """
    low = np.maximum(boxes_tlwh[:, :2], 0)
    high = np.minimum(boxes_tlwh[:, :2] + boxes_tlwh[:, 2:], size)
    inside = np.prod(np.maximum(high - low, 0), axis=1)
    area = np.maximum(np.prod(boxes_tlwh[:, 2:], axis=1), 1.0)
    quality = np.maximum(scores, 1e-3) * inside * (inside / area) ** 2
    order = np.lexsort((quality, tracks))
    best: NDArray[np.int64] = order[np.flatnonzero(np.diff(tracks[order], append=-1))]
    return best


def cut_thumbnails(
    footage: Footage,
    moments: NDArray[np.int64],
    boxes_tlwh: NDArray[np.float64],
    name: str,
    progress: Progress | None = None,
) -> tuple[list[str | None], str | None]:
    """Cut boxes out of a video, in one pass over it.

    Args:
        footage: the video.
        moments: tracked frame of each box [T].
        boxes_tlwh: boxes [T, 4], pixels.
        name: of the source, for ``progress``.
        progress: called for every frame.

    Returns:
        JPEG data URIs, None where the frame is missing or the box lies outside; and that of the first tracked frame.
    """
    thumbnails: list[str | None] = [None] * len(moments)
    scene = None
    wanted: dict[int, list[int]] = {0: []}
    for number, moment in enumerate(moments.tolist()):
        wanted.setdefault(moment, []).append(number)
    last = max(moment for moment in wanted if moment < len(footage.selected))
    selected = footage.selected[: last + 1]
    reader = read_frames(footage.path, selected.start, selected.stop, selected.step)
    scale = np.divide(reader.size, footage.size)[[0, 1, 0, 1]]  # a video may show frames smaller than they were tracked
    with reader:
        for frame in reader:
            moment = selected.index(frame.index)
            if moment == 0:
                height = max(1, round(_SCENE_WIDTH_PX * frame.image.shape[0] / frame.image.shape[1]))
                scene = _data_uri(cv2.resize(frame.image, (_SCENE_WIDTH_PX, height), interpolation=cv2.INTER_AREA))
            for number in wanted.get(moment, ()):
                thumbnails[number] = _cut(frame.image, boxes_tlwh[number] * scale)
            if progress:
                progress(f"{name}: thumbnails", moment + 1, len(selected))
    return thumbnails, scene


def _cut(image: ImageArray, box_tlwh: NDArray[np.float64]) -> str | None:
    left, top, width, height = box_tlwh
    low = np.array([left - _MARGIN * width, top - _MARGIN * height])
    high = np.array([left + (1 + _MARGIN) * width, top + (1 + _MARGIN) * height])
    bounds = np.array([image.shape[1], image.shape[0]])
    (x0, y0), (x1, y1) = low.clip(0, bounds).astype(int), np.ceil(high.clip(0, bounds)).astype(int)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    scale = min(_HEIGHT_PX / (y1 - y0), _MOST_WIDTH_PX / (x1 - x0))
    size = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return _data_uri(cv2.resize(image[y0:y1, x0:x1], size, interpolation=way))


def _data_uri(image: ImageArray) -> str:
    _, data = cv2.imencode(".jpg", image, _JPEG)
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
