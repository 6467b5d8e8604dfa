"""docs/gallery.md: its images are those that the command makes, and the command works."""

import re
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")


def test_the_page_shows_what_the_command_makes():
    source = (ROOT / "docs" / "gallery.py").read_text(encoding="utf-8")
    made = {f"images/gallery-{name}.jpg" for name in re.findall(r'^    "(\w+)": Outputs', source, re.MULTILINE)}
    shown = set(re.findall(r"\]\((images/[^)]+)\)", PAGE))
    assert len(made) == 4
    assert made == {path for path in shown if "gallery-" in path}
    assert all((ROOT / "docs" / path).is_file() for path in shown)
    assert {path.name for path in (ROOT / "docs/images").glob("gallery-*")} == {Path(path).name for path in made}


@pytest.mark.slow
def test_the_command_makes_them(tmp_path):
    words = ["docs/gallery.py", "--folder", str(tmp_path), "--frames", "3", "--size", "320", "192"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert len(paths) == 4
    assert {cv2.imread(str(path)).shape for path in paths} == {(192, 320, 3)}
