"""Workflow ``explain``: every error of a run, with the tracker's costs and decisions there."""
