"""Workflow ``train`` (``loop.py``), and ``self-check``: run, checkpoints, metrics, validation, processes."""
