"""Workflow ``evaluate``: track labelled sequences and score the result."""
