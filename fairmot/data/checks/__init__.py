"""Checks before training: validation, statistics and previews of a data set."""
