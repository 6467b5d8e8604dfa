"""Constant-velocity Kalman filter of all tracks at once.

The state of a track is (cx, cy, aspect w/h, height) and their velocities per frame. Process noise, measurement noise
and the first covariance are diagonal, so a coordinate correlates with its own velocity and with nothing else: the
8 x 8 covariance is four 2 x 2 blocks, every inverse is a division, and a whole table of tracks is a few array
operations. The numbers are those of the full matrices up to rounding.

Source: Wojke et al., "Simple Online and Realtime Tracking with a Deep Association Metric", 2017, whose constants
FairMOT keeps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig

FloatRows = NDArray[np.float64]
IndexArray = NDArray[np.intp]

POSITION, CROSS, VELOCITY = 0, 1, 2
"""Where a block's entries lie in a covariance [M, 3, 4]: variance of the coordinate, covariance of the coordinate and
its velocity, variance of the velocity."""
_VARIANCES = slice(POSITION, VELOCITY + 1, 2)

HEIGHT = 3
"""Which coordinate is the height."""

_ASPECT = 2


class Noise(NamedTuple):
    """Variances of cx, cy, aspect, height and of their velocities: in squared heights, of the aspect absolute."""

    step: FloatRows
    """What a frame adds [2, 4]: to the coordinates, to their velocities."""
    measurement: FloatRows
    """Of a measured box [4]."""
    first: FloatRows
    """Of a new track [2, 4]: it is less certain, the aspect excepted."""

    @classmethod
    def of(cls, config: TrackerConfig) -> Noise:
        """Square the spreads of a configuration."""
        place, speed = config.position_std, config.velocity_std
        aspect, aspect_speed = config.aspect_std, config.aspect_velocity_std
        step = np.square([[place, place, aspect, place], [speed, speed, aspect_speed, speed]])
        wider, faster = config.first_position_factor, config.first_velocity_factor
        first = step * np.square([[wider, wider, 1, wider], [faster, faster, 1, faster]])
        return cls(step, np.square([place, place, config.aspect_measurement_std, place]), first)


PUBLISHED = Noise.of(TrackerConfig())


def _scaled(variance: NDArray[Any], heights: FloatRows) -> FloatRows:
    """Scale ``variance`` [..., 4] for tracks of these heights [M]; the aspect's does not. Returns [M, ..., 4]."""
    scaled = np.multiply.outer(heights * heights, variance)
    scaled[..., _ASPECT] = variance[..., _ASPECT]
    return scaled


def initiate(boxes_cxcyah: FloatRows, noise: Noise = PUBLISHED) -> tuple[FloatRows, FloatRows]:
    """Start tracks at their first boxes, standing still.

    Args:
        boxes_cxcyah: first boxes [M, 4], pixels.
        noise: spreads.

    Returns:
        Means [M, 8] and covariances [M, 3, 4].
    """
    count = len(boxes_cxcyah)
    mean = np.zeros((count, 8))
    mean[:, :4] = boxes_cxcyah
    covariance = np.zeros((count, 3, 4))
    covariance[:, _VARIANCES] = _scaled(noise.first, mean[:, HEIGHT])
    return mean, covariance


def predict(mean: FloatRows, covariance: FloatRows, noise: Noise = PUBLISHED) -> tuple[FloatRows, FloatRows]:
    """Move means [M, 8] and covariances [M, 3, 4] on by one frame; returns new arrays.

    The noise is taken from the height before the step.
    """
    next_mean = mean.copy()
    next_mean[:, :4] += mean[:, 4:]
    next_covariance = covariance.copy()
    # [[1, 1], [0, 1]] times the block times its transpose.
    next_covariance[:, :VELOCITY] += covariance[:, CROSS:]
    next_covariance[:, POSITION] += next_covariance[:, CROSS]
    next_covariance[:, _VARIANCES] += _scaled(noise.step, mean[:, HEIGHT])
    return next_mean, next_covariance


def innovation_variance(mean: FloatRows, covariance: FloatRows, noise: Noise = PUBLISHED) -> FloatRows:
    """Return the variance [M, 4] of a measurement around each track's predicted box."""
    return covariance[:, POSITION] + _scaled(noise.measurement, mean[:, HEIGHT])


def update(
    mean: FloatRows,
    covariance: FloatRows,
    boxes_cxcyah: FloatRows,
    noise: Noise = PUBLISHED,
    noise_share: FloatRows | None = None,
) -> tuple[FloatRows, FloatRows]:
    """Correct each track by its own measured box.

    Args:
        mean: [M, 8].
        covariance: [M, 3, 4].
        boxes_cxcyah: measured boxes [M, 4], pixels.
        noise: spreads.
        noise_share: factor [M] on the variance of each measurement; left out: 1.

    Returns:
        New means [M, 8] and covariances [M, 3, 4].
    """
    measurement = _scaled(noise.measurement, mean[:, HEIGHT])
    if noise_share is not None:
        measurement *= noise_share[:, None]
    gain = covariance[:, :VELOCITY] / (covariance[:, POSITION] + measurement)[:, None]
    next_mean = mean.copy()
    next_mean.reshape(-1, 2, 4)[...] += gain * (boxes_cxcyah - mean[:, :4])[:, None]
    next_covariance = covariance.copy()
    next_covariance[:, :VELOCITY] -= gain * covariance[:, POSITION, None]
    next_covariance[:, VELOCITY] -= gain[:, CROSS] * covariance[:, CROSS]
    return next_mean, next_covariance


def squared_distance(
    mean: FloatRows, covariance: FloatRows, boxes_cxcyah: FloatRows, noise: Noise = PUBLISHED
) -> FloatRows:
    """Return the squared Mahalanobis distance [M, N] of every box [N, 4] to every track [M]."""
    difference = mean[:, None, :4] - boxes_cxcyah
    distance: FloatRows = (difference**2 / innovation_variance(mean, covariance, noise)[:, None]).sum(axis=2)
    return distance


def gated_pairs(
    mean: FloatRows, covariance: FloatRows, boxes_cxcyah: FloatRows, gate: float, noise: Noise = PUBLISHED
) -> tuple[IndexArray, IndexArray, FloatRows]:
    """Find the pairs of track and box whose squared Mahalanobis distance is at most ``gate``.

    Few pairs of an image pass, so the whole table is made for cx alone and the rest for what passed there.

    Args:
        mean: [M, 8].
        covariance: [M, 3, 4].
        boxes_cxcyah: measured boxes [N, 4], pixels.
        gate: largest squared distance.
        noise: spreads.

    Returns:
        Track rows [P], box rows [P] and squared distances [P], ordered by track and then by box.
    """
    spread = innovation_variance(mean, covariance, noise)
    # A little more than the gate, so that rounding decides nothing here.
    reach = np.sqrt(gate * spread[:, 0]) * (1 + 1e-9)
    offset = np.subtract.outer(mean[:, 0], boxes_cxcyah[:, 0])
    tracks, boxes = (np.abs(offset, out=offset) <= reach[:, None]).nonzero()
    difference = mean[tracks, :4] - boxes_cxcyah[boxes]
    distance = (difference * difference / spread[tracks]).sum(axis=1)
    inside = (distance <= gate).nonzero()[0]
    return tracks[inside], boxes[inside], distance[inside]
