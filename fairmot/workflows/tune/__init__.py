"""Workflow ``tune``: search the tracker's parameters on saved detections."""
