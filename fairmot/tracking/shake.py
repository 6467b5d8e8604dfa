"""The shake of the camera, from tracks alone: what moves all boxes of a frame alike and at once.

Each track's displacement from frame to frame less its own over half a second or so is measurement noise and, where the
camera shakes, the same for everybody. The median over the tracks of a frame is therefore the shake, without any image.
Where people stand alone or the camera is on a tripod it is noise, and is not used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from fairmot.tracking.interpolation import FRAME, IDENTITY

FloatRows = NDArray[np.float64]

OWN_MOTION_SECONDS = 0.3
"""Standard deviation of the Gaussian filter that tells a track's own displacement."""
LEAST_TRACKS = 2
"""Frames with fewer tracks tell no shake."""
LEAST_RATIO = 10.0
"""The shake is used where its variance is this many times that of the median of independent noise.

Still and panning cameras have at most 5, jerking ones 35 and more (``benchmarks/presets.py``).
"""
ROUNDS = 4
"""What is left of the shake in the tracks' own displacements is found in the next round."""


def shake_of(rows: FloatRows, first: float, frame_count: int, frame_rate: float) -> FloatRows:
    """Return the place of the image in each frame [F, 2], pixels, relative to an even motion; zeros without shake.

    Args:
        rows: [R, 6 or more]: frame, identity, left, top, width, height.
        first: number of the first frame.
        frame_count: F.
        frame_rate: frames/s.
    """
    still = np.zeros((frame_count, 2))
    table = rows[np.lexsort((rows[:, FRAME], rows[:, IDENTITY]))]
    centres = table[:, 2:4] + table[:, 4:6] / 2
    follows = (np.diff(table[:, IDENTITY]) == 0) & (np.diff(table[:, FRAME]) == 1)
    places = follows.nonzero()[0]
    if not len(places):
        return still
    moved = centres[places + 1] - centres[places]
    frames = np.rint(table[places + 1, FRAME] - first).astype(np.int64)
    order = np.argsort(frames, kind="stable")
    starts = np.concatenate([[0], (np.diff(frames[order]) != 0).nonzero()[0] + 1])
    counts = np.diff(np.concatenate([starts, [len(frames)]]))
    enough = counts >= LEAST_TRACKS
    if not enough.any():
        return still
    runs = np.concatenate([[0], (np.diff(places) != 1).nonzero()[0] + 1, [len(places)]])
    sigma = max(2.0, OWN_MOTION_SECONDS * frame_rate)
    steps = np.zeros((frame_count, 2))
    for number in range(ROUNDS):
        left = moved - steps[frames]
        apart = (left - _smooth(left, runs, sigma))[order]
        common = np.column_stack([_medians(apart[:, axis], starts, counts) for axis in (0, 1)])
        if number == 0:
            rest = np.square(apart - np.repeat(common, counts, axis=0)).sum(axis=1)
            # Medians on both sides: one wrong match moves its track by a box, and everybody else not at all.
            noise = np.median(np.add.reduceat(rest, starts)[enough] / (counts * np.maximum(counts - 1, 1))[enough])
            if np.median(np.square(common[enough]).sum(axis=1)) <= LEAST_RATIO * noise:
                return still
        steps[frames[order][starts[enough]]] += common[enough]
    place: FloatRows = np.cumsum(steps, axis=0)
    return place


def _smooth(values: FloatRows, runs: NDArray[np.intp], sigma: float) -> FloatRows:
    """Return the Gaussian mean over time of each run of values [N, 2]; at its ends the mean of what there is."""
    smooth = np.empty_like(values)
    for begin, end in zip(runs[:-1].tolist(), runs[1:].tolist(), strict=True):
        weight = gaussian_filter1d(np.ones(end - begin), sigma, mode="constant")
        smooth[begin:end] = gaussian_filter1d(values[begin:end], sigma, axis=0, mode="constant") / weight[:, None]
    return smooth


def _medians(values: FloatRows, starts: NDArray[np.intp], counts: NDArray[np.intp]) -> FloatRows:
    """Return the median of each group of consecutive values."""
    ranked = values[np.lexsort((values, np.repeat(np.arange(len(starts)), counts)))]
    middle: FloatRows = (ranked[starts + (counts - 1) // 2] + ranked[starts + counts // 2]) / 2
    return middle
