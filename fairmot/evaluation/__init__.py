"""Scores of tracking results: pre-processing, CLEAR, identity, HOTA, average precision, errors and tables."""
