"""Canvases for training embeddings: crops pasted on photographs, and photographs seen twice."""

import cv2
import numpy as np

SIZES = ((576, 320), (512, 384), (384, 512))
"""Canvases of 16:9, 4:3 and portrait sources: about one area in their proportions, multiples of 32."""
HEIGHTS_PX = (36, 320)
GREY = (114, 114, 114)
BOX_NOISE = 0.04
"""Standard deviation of a corner, in box sizes: detections are not exact."""


def background(photographs, rng, size=SIZES[0]):
    """Return a random part of a random photograph [H, W, 3], in the proportions of ``size`` (width, height)."""
    image = photographs[rng.integers(len(photographs))]
    height, width = image.shape[:2]
    ratio = size[0] / size[1]
    part_width = min(width, height * ratio) * rng.uniform(0.5, 1)
    part_height = part_width / ratio
    left, top = rng.uniform(0, width - part_width), rng.uniform(0, height - part_height)
    part = image[int(top) : int(top + part_height) + 1, int(left) : int(left + part_width) + 1]
    canvas = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
    return canvas[:, ::-1].copy() if rng.random() < 0.5 else canvas.copy()


def paste(canvas, crop, rng, taken, heights=HEIGHTS_PX, most_overlap=0.25, tries=20):
    """Paste a crop at a random height and place; return its box, or None where there is no room.

    ``heights`` are the least and the greatest, in pixels; small ones are as frequent as tall ones (in the logarithm).
    ``most_overlap`` of the smaller of two boxes may be shared.
    """
    canvas_height, canvas_width = canvas.shape[:2]
    for _ in range(tries):
        height = min(np.exp(rng.uniform(*np.log(heights))), canvas_height)
        width = max(6, round(height * 0.5 * rng.uniform(0.85, 1.15)))
        height = round(height)
        left, top = rng.integers(0, canvas_width - width + 1), rng.integers(0, canvas_height - height + 1)
        box = np.array([left, top, left + width, top + height])
        if len(taken):
            others = np.array(taken)
            sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
            areas = (others[:, 2:] - others[:, :2]).prod(1)
            if (np.clip(sides, 0, None).prod(1) > most_overlap * np.minimum(width * height, areas)).any():
                continue
        finer = cv2.INTER_AREA if height < 128 else cv2.INTER_LINEAR
        canvas[top : top + height, left : left + width] = cv2.resize(crop, (width, height), interpolation=finer)
        return tuple(box)
    return None


def change_colours(image, rng, strength=1.0):
    """Change brightness, white balance and contrast at random."""
    values = image.astype(np.float32)
    values = values * rng.uniform(1 - 0.3 * strength, 1 + 0.3 * strength) + rng.uniform(-25, 25) * strength
    values *= rng.uniform(1 - 0.08 * strength, 1 + 0.08 * strength, 3)
    mean = values.mean()
    values = (values - mean) * rng.uniform(1 - 0.3 * strength, 1 + 0.3 * strength) + mean
    return np.clip(values, 0, 255).astype(np.uint8)


def change_crop(crop, rng):
    """Mirror, cut, recolour and blur a crop at random."""
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    height, width = crop.shape[:2]
    if rng.random() < 0.7:
        top, bottom = (int(rng.uniform(0, most) * height) for most in (0.08, 0.1))
        left, right = (int(rng.uniform(0, 0.12) * width) for _ in range(2))
        crop = crop[top : height - bottom, left : width - right]
    crop = change_colours(np.ascontiguousarray(crop), rng)
    return cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.4, 1.2)) if rng.random() < 0.15 else crop


def cover_parts(canvas, boxes, photographs, rng):
    """Lay a piece of a photograph over the middle or the legs of every fourth person."""
    for left, top, right, bottom in boxes:
        if rng.random() >= 0.25:
            continue
        width = max(2, int(rng.uniform(0.2, 0.6) * (right - left)))
        height = max(2, int(rng.uniform(0.15, 0.4) * (bottom - top)))
        x = max(int(left + rng.random() * (right - left - width)), 0)
        y = max(int(min(top + rng.uniform(0.25, 1) * (bottom - top - height), bottom - height)), 0)
        other = photographs[rng.integers(len(photographs))]
        room = np.maximum(1, np.array(other.shape[:2]) - (height, width))
        row, column = rng.integers(0, room)
        piece = other[row : row + height, column : column + width]
        place = canvas[y : y + piece.shape[0], x : x + piece.shape[1]]
        place[:] = piece[: place.shape[0], : place.shape[1]]


def degrade(canvas, rng):
    """Compress and blur a canvas at random."""
    if rng.random() < 0.3:
        quality = int(rng.uniform(35, 80))
        canvas = cv2.imdecode(cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.4, 1.2)) if rng.random() < 0.15 else canvas


def shake(boxes, rng):
    """Move the corners of boxes [n, 4] by ``BOX_NOISE``."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    sizes = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return boxes + rng.normal(0, BOX_NOISE, boxes.shape).astype(np.float32) * sizes


def crowd(crops, photographs, rng, size):
    """Return a canvas with as many of the crops as find room, their boxes [n, 4], and which crops they are [n]."""
    canvas, taken, kept = background(photographs, rng, size), [], []
    for index, crop in enumerate(crops):
        box = paste(canvas, change_crop(crop, rng), rng, taken)
        if box is not None:
            taken.append(box)
            kept.append(index)
    cover_parts(canvas, taken, photographs, rng)
    return degrade(canvas, rng), shake(taken, rng), np.array(kept, np.int64)


def view(image, boxes, photographs, rng, size):
    """Return a random view of a labelled photograph: canvas, boxes [n, 4], and which of the given ones they are [n].

    One person gets a random height; people of whom less than 0.7 is seen, or of unlike heights, are left out.
    """
    height, width = image.shape[:2]
    chosen = boxes[rng.integers(len(boxes))]
    scale = min(2.0, np.exp(rng.uniform(*np.log(HEIGHTS_PX))) / (chosen[3] - chosen[1]))
    stretch = np.exp(rng.uniform(-0.06, 0.06))
    scales = np.array([scale * stretch, scale / stretch])
    whole = np.array([width, height]) * scales
    centre = (chosen[:2] + chosen[2:]) / 2 * scales
    wanted = np.array([rng.uniform(0.15, 0.85), rng.uniform(0.3, 0.7)]) * size
    room = np.array(size) - whole
    shift = np.where(room >= 0, room * rng.random(2), np.clip(wanted - centre, np.minimum(room, 0), 0))
    if scale < 0.7:  # warping alone would skip pixels
        image = cv2.resize(image, None, fx=scales[0], fy=scales[1], interpolation=cv2.INTER_AREA)
    factors = (1.0, 1.0) if scale < 0.7 else scales
    matrix = np.array([[factors[0], 0, shift[0]], [0, factors[1], shift[1]]], np.float32)
    canvas = change_colours(cv2.warpAffine(image, matrix, size, borderValue=GREY), rng, 0.8)
    moved = boxes * np.tile(scales, 2) + np.tile(shift, 2)
    inside = np.clip(moved, 0, size * 2)
    seen = (inside[:, 2:] - inside[:, :2]).prod(1) / (moved[:, 2:] - moved[:, :2]).prod(1)
    heights = moved[:, 3] - moved[:, 1]
    kept = np.flatnonzero((seen > 0.7) & (heights >= 30) & (heights <= 400))
    moved = moved[kept]
    if rng.random() < 0.5:
        canvas = canvas[:, ::-1].copy()
        moved = np.stack([size[0] - moved[:, 2], moved[:, 1], size[0] - moved[:, 0], moved[:, 3]], 1)
    cover_parts(canvas, moved, photographs, rng)
    return degrade(canvas, rng), shake(moved, rng), kept
