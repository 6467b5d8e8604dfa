"""Constant-velocity Kalman filter of all tracks at once.

The state of a track is (cx, cy, aspect w/h, height) and their velocities per frame. Process noise, measurement noise
and the initial covariance are diagonal, so each coordinate correlates with its own velocity only. The 8 x 8 covariance
is therefore four 2 x 2 blocks, every inverse is a division, and a few array operations filter all tracks. The results
equal those of the full matrices up to rounding.

Source: Wojke et al., "Simple Online and Realtime Tracking with a Deep Association Metric", 2017; FairMOT uses the same
parameters.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairmot.config import TrackerConfig

FloatRows = NDArray[np.float64]
IndexArray = NDArray[np.intp]

POSITION, CROSS, VELOCITY = 0, 1, 2
"""Entries of the blocks in a covariance [M, 3, 4]: variance of the coordinate, its covariance with its velocity, and
variance of the velocity."""
_VARIANCES = slice(POSITION, VELOCITY + 1, 2)

HEIGHT = 3
"""Index of the height among the coordinates."""

_ASPECT = 2


class Noise(NamedTuple):
    """Variances of cx, cy, aspect, height and of their velocities; in squared heights, except for the aspect."""

    process: FloatRows
    """Process noise of a frame [2, 4]: of the coordinates, of their velocities."""
    measurement: FloatRows
    """Measurement noise of a box [4]."""
    initial: FloatRows
    """Variances of a new track [2, 4]: of the coordinates, of their velocities."""

    @classmethod
    def of(cls, config: TrackerConfig) -> Noise:
        """Square the standard deviations of a configuration."""
        place, speed = config.position_std, config.velocity_std
        aspect, aspect_speed = config.aspect_std, config.aspect_velocity_std
        process = np.square([[place, place, aspect, place], [speed, speed, aspect_speed, speed]])
        wider, faster = config.first_position_factor, config.first_velocity_factor
        initial = process * np.square([[wider, wider, 1, wider], [faster, faster, 1, faster]])
        return cls(process, np.square([place, place, config.aspect_measurement_std, place]), initial)


PUBLISHED = Noise.of(TrackerConfig())


def _scaled(variance: NDArray[Any], heights: FloatRows) -> FloatRows:
    """Scale ``variance`` [..., 4], except for the aspect, by the squared heights [M]. Returns [M, ..., 4]."""
    scaled = np.multiply.outer(heights * heights, variance)
    scaled[..., _ASPECT] = variance[..., _ASPECT]
    return scaled


def initiate(boxes_cxcyah: FloatRows, noise: Noise = PUBLISHED) -> tuple[FloatRows, FloatRows]:
    """Start tracks at their first boxes with velocity 0.

    Args:
        boxes_cxcyah: first boxes [M, 4], pixels.
        noise: noise of the filter.

    Returns:
        Means [M, 8] and covariances [M, 3, 4].
    """
    count = len(boxes_cxcyah)
    mean = np.zeros((count, 8))
    mean[:, :4] = boxes_cxcyah
    covariance = np.zeros((count, 3, 4))
    covariance[:, _VARIANCES] = _scaled(noise.initial, mean[:, HEIGHT])
    return mean, covariance


def predict(mean: FloatRows, covariance: FloatRows, noise: Noise = PUBLISHED) -> tuple[FloatRows, FloatRows]:
    """Predict means [M, 8] and covariances [M, 3, 4] for the next frame; returns new arrays.

    The process noise is scaled by the height before the prediction.
    """
    next_mean = mean.copy()
    next_mean[:, :4] += mean[:, 4:]
    next_covariance = covariance.copy()
    # [[1, 1], [0, 1]] times the block times its transpose.
    next_covariance[:, :VELOCITY] += covariance[:, CROSS:]
    next_covariance[:, POSITION] += next_covariance[:, CROSS]
    next_covariance[:, _VARIANCES] += _scaled(noise.process, mean[:, HEIGHT])
    return next_mean, next_covariance


def innovation_variance(mean: FloatRows, covariance: FloatRows, noise: Noise = PUBLISHED) -> FloatRows:
    """Return the variance [M, 4] of a measurement around each track's predicted box."""
    return covariance[:, POSITION] + _scaled(noise.measurement, mean[:, HEIGHT])


def update(
    mean: FloatRows,
    covariance: FloatRows,
    boxes_cxcyah: FloatRows,
    noise: Noise = PUBLISHED,
    noise_factor: FloatRows | None = None,
) -> tuple[FloatRows, FloatRows]:
    """Correct each track with its own measured box.

    Args:
        mean: [M, 8].
        covariance: [M, 3, 4].
        boxes_cxcyah: measured boxes [M, 4], pixels.
        noise: noise of the filter.
        noise_factor: factor [M] of each measurement variance; left out: 1.

    Returns:
        New means [M, 8] and covariances [M, 3, 4].
    """
    measurement = _scaled(noise.measurement, mean[:, HEIGHT])
    if noise_factor is not None:
        measurement *= noise_factor[:, None]
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

    Few pairs of a frame pass the gate. So all pairs are compared by cx alone, and the distance is computed for those
    that pass.

    Args:
        mean: [M, 8].
        covariance: [M, 3, 4].
        boxes_cxcyah: measured boxes [N, 4], pixels.
        gate: maximum squared distance.
        noise: noise of the filter.

    Returns:
        Track rows [P], box rows [P] and squared distances [P], ordered by track and then by box.
    """
    variance = innovation_variance(mean, covariance, noise)
    # A little wider than the gate, so that rounding excludes no pair here.
    reach = np.sqrt(gate * variance[:, 0]) * (1 + 1e-9)
    offset = np.subtract.outer(mean[:, 0], boxes_cxcyah[:, 0])
    tracks, boxes = (np.abs(offset, out=offset) <= reach[:, None]).nonzero()
    difference = mean[tracks, :4] - boxes_cxcyah[boxes]
    distance = (difference * difference / variance[tracks]).sum(axis=1)
    inside = (distance <= gate).nonzero()[0]
    return tracks[inside], boxes[inside], distance[inside]
