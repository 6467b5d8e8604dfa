"""Scores of tracking results: MOTChallenge files, pre-processing, CLEAR, identity and HOTA, tables."""
