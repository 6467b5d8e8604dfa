"""Workflow ``track``: sources in; result rows, video and other outputs out."""
