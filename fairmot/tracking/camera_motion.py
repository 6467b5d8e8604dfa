"""Camera motion between two frames, and its effect on the tracks.

Sparse optical flow on corners, or matched ORB features, give pairs of points. RANSAC gives the rotation, scale and
shift that most pairs agree on. People move by themselves, so no points are taken from their boxes.

Source: Aharon et al., "BoT-SORT: Robust Associations Multi-Pedestrian Tracking", 2022, section 3.2.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from fairmot.tracking.table import TrackTable

FloatRows = NDArray[np.float64]
GreyImage = NDArray[np.uint8]

WORKING_WIDTH_PX = 640
"""Wider frames are measured at about this width, which saves time and costs little precision."""
MIN_POINTS = 8
"""With fewer inliers the camera counts as still."""
RANSAC_REACH_PX = 2.0
"""Largest reprojection error of an inlier, in pixels of the working size."""
ORB_RATIO = 0.8
"""A match must be nearer than this fraction of the second best match's distance (Lowe's ratio test)."""

IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


class CameraMotion:
    """Measures the motion from each frame to the next.

    Args:
        method: ``flow`` (Shi-Tomasi corners and pyramidal Lucas-Kanade) or ``orb``.
    """

    def __init__(self, method: Literal["flow", "orb"]) -> None:
        self._method = method
        self._previous: GreyImage | None = None
        self._points: NDArray[np.float32] = np.empty((0, 2), np.float32)
        self._descriptors: NDArray[np.uint8] | None = None
        self._orb: Any = None  # created at the first frame

    def measure(self, image: NDArray[np.uint8], boxes_xyxy: FloatRows) -> FloatRows:
        """Return the motion [2, 3] that maps points of the previous frame to this one, image pixels.

        The motion is a rotation with scale and shift. It is the identity for the first frame, after a change of size,
        and if too few points agree.

        Args:
            image: the frame, uint8 [H, W, 3], BGR.
            boxes_xyxy: boxes [N, 4] in this frame that move by themselves, pixels.
        """
        scale = max(1.0, image.shape[1] / WORKING_WIDTH_PX)
        grey: GreyImage = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if scale > 1:
            size = (round(image.shape[1] / scale), max(1, round(image.shape[0] / scale)))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        mask = _background(grey, boxes_xyxy / scale)
        motion = self._by_flow(grey, mask) if self._method == "flow" else self._by_features(grey, mask)
        self._previous = grey
        motion[:, 2] *= scale
        return motion

    def _by_flow(self, grey: GreyImage, mask: GreyImage) -> FloatRows:
        motion = IDENTITY.copy()
        if self._previous is not None and self._previous.shape == grey.shape and len(self._points):
            moved, is_found, _ = cv2.calcOpticalFlowPyrLK(self._previous, grey, self._points, None)
            ok = is_found.ravel() == 1
            motion = _agreed(self._points[ok], moved[ok])
        corners = cv2.goodFeaturesToTrack(grey, 500, 0.01, 7, mask=mask)
        self._points = np.empty((0, 2), np.float32) if corners is None else corners.reshape(-1, 2)
        return motion

    def _by_features(self, grey: GreyImage, mask: GreyImage) -> FloatRows:
        if self._orb is None:
            self._orb = cv2.ORB.create(1000)
        keypoints, descriptors = self._orb.detectAndCompute(grey, mask)
        points = np.array([keypoint.pt for keypoint in keypoints], np.float32).reshape(-1, 2)
        motion = IDENTITY.copy()
        if self._descriptors is not None and descriptors is not None and len(descriptors) > 1:
            pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(self._descriptors, descriptors, k=2)
            good = [best for best, second in pairs if best.distance < ORB_RATIO * second.distance]
            if good:
                before = self._points[[match.queryIdx for match in good]]
                motion = _agreed(before, points[[match.trainIdx for match in good]])
        self._points, self._descriptors = points, descriptors
        return motion


def _background(grey: GreyImage, boxes_xyxy: FloatRows) -> GreyImage:
    mask = np.full(grey.shape, 255, np.uint8)
    height, width = grey.shape
    for left, top, right, bottom in np.clip(boxes_xyxy, 0, [width, height, width, height]).astype(int).tolist():
        mask[top : bottom + 1, left : right + 1] = 0
    return mask


def _agreed(before: NDArray[np.float32], after: NDArray[np.float32]) -> FloatRows:
    if len(before) < MIN_POINTS:
        return IDENTITY.copy()
    motion, is_inlier = cv2.estimateAffinePartial2D(
        before, after, method=cv2.RANSAC, ransacReprojThreshold=RANSAC_REACH_PX
    )
    if motion is None or not np.isfinite(motion).all() or int(is_inlier.sum()) < MIN_POINTS:
        return IDENTITY.copy()
    found: FloatRows = motion.astype(np.float64)
    return found


def move_tracks(table: TrackTable, motion: FloatRows) -> None:
    """Move the states of all tracks with the camera, in place.

    Centres are mapped, their velocities rotated and scaled, heights scaled; the aspect ratio stays. Variances follow:
    those of x and y mix by the squares of the rotation's entries. A rotation also correlates x with y, which the
    filter's blocks cannot represent. Between two frames the rotation is small and both have the same noise, so the
    correlation is negligible.

    Args:
        table: tracks [M].
        motion: rotation, scale and shift [2, 3].
    """
    _move_state(table["mean"], table["covariance"], motion)
    if table.dtype.names is not None and "seen_mean" in table.dtype.names:
        _move_state(table["seen_mean"], table["seen_covariance"], motion)
        _move_boxes(table["seen_box"], motion)


def _move_state(mean: FloatRows, covariance: FloatRows, motion: FloatRows) -> None:
    turn = motion[:, :2]
    scale = math.sqrt(abs(float(np.linalg.det(turn))))
    _move_boxes(mean[:, :4], motion)
    mean[:, 4:6] = mean[:, 4:6] @ turn.T
    mean[:, 7] *= scale
    covariance[..., :2] = covariance[..., :2] @ np.square(turn).T
    covariance[..., 3] *= scale * scale


def _move_boxes(boxes_cxcyah: FloatRows, motion: FloatRows) -> None:
    turn = motion[:, :2]
    boxes_cxcyah[:, :2] = boxes_cxcyah[:, :2] @ turn.T + motion[:, 2]
    boxes_cxcyah[:, 3] *= math.sqrt(abs(float(np.linalg.det(turn))))
