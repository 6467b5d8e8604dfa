"""Workflow ``track``: sources in; result rows, video and what else is wanted out."""
