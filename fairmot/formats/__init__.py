"""File formats, each with one reader and one writer: MOTChallenge text and folders, recordings, ``run.json``."""
