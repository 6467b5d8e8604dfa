"""Constant-velocity Kalman filter of all tracks at once.

The state of a track is (cx, cy, aspect w/h, height) and their velocities per frame. Process noise, measurement noise
and the first covariance are diagonal, so a coordinate correlates with its own velocity and with nothing else: the
8 x 8 covariance is four 2 x 2 blocks, every inverse is a division, and a whole table of tracks is a few array
operations. The numbers are those of the full matrices up to rounding.

Source: Wojke et al., "Simple Online and Realtime Tracking with a Deep Association Metric", 2017, whose constants
FairMOT keeps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatRows = NDArray[np.float64]
IndexArray = NDArray[np.intp]

POSITION, CROSS, VELOCITY = 0, 1, 2
"""Where a block's entries lie in a covariance [M, 3, 4]: variance of the coordinate, covariance of the coordinate and
its velocity, variance of the velocity."""

HEIGHT = 3
"""Which coordinate is the height."""

# Standard deviations: of cx, cy and height in heights, of the aspect absolute.
_POSITION_STD = np.array([1 / 20, 1 / 20, 1e-2, 1 / 20])
_VELOCITY_STD = np.array([1 / 160, 1 / 160, 1e-5, 1 / 160])
_MEASUREMENT_STD = np.array([1 / 20, 1 / 20, 1e-1, 1 / 20])
# A new track is less certain, the aspect excepted.
_FIRST_POSITION_STD = _POSITION_STD * [2, 2, 1, 2]
_FIRST_VELOCITY_STD = _VELOCITY_STD * [10, 10, 1, 10]


def _variance(std: NDArray[Any], heights: FloatRows) -> FloatRows:
    """Square ``std`` [4] for tracks of these heights [M]; the aspect's does not scale. Returns [M, 4]."""
    scale = np.empty((len(heights), 4))
    scale[...] = heights[:, None]
    scale[:, 2] = 1.0
    scale *= std
    scale *= scale
    return scale


def initiate(boxes_cxcyah: FloatRows) -> tuple[FloatRows, FloatRows]:
    """Start tracks at their first boxes, standing still.

    Args:
        boxes_cxcyah: first boxes [M, 4], pixels.

    Returns:
        Means [M, 8] and covariances [M, 3, 4].
    """
    count = len(boxes_cxcyah)
    mean = np.zeros((count, 8))
    mean[:, :4] = boxes_cxcyah
    covariance = np.zeros((count, 3, 4))
    covariance[:, POSITION] = _variance(_FIRST_POSITION_STD, mean[:, HEIGHT])
    covariance[:, VELOCITY] = _variance(_FIRST_VELOCITY_STD, mean[:, HEIGHT])
    return mean, covariance


def predict(mean: FloatRows, covariance: FloatRows) -> tuple[FloatRows, FloatRows]:
    """Move means [M, 8] and covariances [M, 3, 4] on by one frame; returns new arrays.

    The noise is taken from the height before the step.
    """
    heights = mean[:, HEIGHT]
    next_mean = mean.copy()
    next_mean[:, :4] += mean[:, 4:]
    next_covariance = covariance.copy()
    position, cross, velocity = (next_covariance[:, block] for block in (POSITION, CROSS, VELOCITY))
    position += 2 * cross
    position += velocity
    position += _variance(_POSITION_STD, heights)
    cross += velocity
    velocity += _variance(_VELOCITY_STD, heights)
    return next_mean, next_covariance


def innovation_variance(mean: FloatRows, covariance: FloatRows) -> FloatRows:
    """Return the variance [M, 4] of a measurement around each track's predicted box."""
    return covariance[:, POSITION] + _variance(_MEASUREMENT_STD, mean[:, HEIGHT])


def update(mean: FloatRows, covariance: FloatRows, boxes_cxcyah: FloatRows) -> tuple[FloatRows, FloatRows]:
    """Correct each track by its own measured box [M, 4]; returns new means [M, 8] and covariances [M, 3, 4]."""
    spread = innovation_variance(mean, covariance)
    gain = covariance[:, :VELOCITY] / spread[:, None]
    next_mean = mean.copy()
    next_mean.reshape(-1, 2, 4)[...] += gain * (boxes_cxcyah - mean[:, :4])[:, None]
    next_covariance = covariance.copy()
    next_covariance[:, :VELOCITY] -= gain * covariance[:, POSITION, None]
    next_covariance[:, VELOCITY] -= gain[:, CROSS] * covariance[:, CROSS]
    return next_mean, next_covariance


def gated_pairs(
    mean: FloatRows, covariance: FloatRows, boxes_cxcyah: FloatRows, gate: float
) -> tuple[IndexArray, IndexArray, FloatRows]:
    """Find the pairs of track and box whose squared Mahalanobis distance is at most ``gate``.

    Few pairs of a picture pass, so the whole table is made for the centre alone and the rest for what passed there.

    Args:
        mean: [M, 8].
        covariance: [M, 3, 4].
        boxes_cxcyah: measured boxes [N, 4], pixels.
        gate: largest squared distance.

    Returns:
        Track rows [P], box rows [P] and squared distances [P], ordered by track and then by box.
    """
    spread = innovation_variance(mean, covariance)
    offset = np.subtract.outer(mean[:, 0], boxes_cxcyah[:, 0])
    squared = offset * offset
    squared /= spread[:, 0, None]
    np.subtract.outer(mean[:, 1], boxes_cxcyah[:, 1], out=offset)
    offset *= offset
    offset /= spread[:, 1, None]
    squared += offset
    tracks, boxes = np.nonzero(squared <= gate)
    shape_offset = mean[tracks, 2:4] - boxes_cxcyah[boxes, 2:4]
    shape_offset *= shape_offset
    shape_offset /= spread[tracks, 2:4]
    distance = squared[tracks, boxes] + shape_offset.sum(axis=1)
    inside = distance <= gate
    return tracks[inside], boxes[inside], distance[inside]
