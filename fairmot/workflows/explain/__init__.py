"""Workflow ``explain``: every error of a run, and what the tracker weighed there."""
