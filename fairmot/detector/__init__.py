"""The detector: images of any size in, detections out; and what loads one."""

from __future__ import annotations

from fairmot.detector.detector import Detector, PreparedImage
from fairmot.detector.loading import SHIPPED_WEIGHTS, load_detector, load_network, weights_tracker

__all__ = ["SHIPPED_WEIGHTS", "Detector", "PreparedImage", "load_detector", "load_network", "weights_tracker"]
