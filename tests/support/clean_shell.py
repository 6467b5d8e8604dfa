"""Programs run as a stranger runs them: without this checkout on Python's path, and without anyone's settings."""

import os
import subprocess


def call(*words, folder, **variables):
    """Run a program in a folder; output is captured, the caller looks at the exit code."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment |= {"OMP_NUM_THREADS": "1", "COLUMNS": "200", **variables}
    return subprocess.run(
        [str(word) for word in words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
