"""Write model, style and scripts as one self-contained HTML file."""

from __future__ import annotations

import base64
import html
import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fairmot.errors import InputError
from fairmot.files import replacing
from fairmot.report.footage import Footage

# In order of use; the page holds them as one script.
_SCRIPTS = (
    "columns.js",
    "editor.js",
    "model.js",
    "selection.js",
    "links.js",
    "player.js",
    "overlay.js",
    "charts.js",
    "counting.js",
    "places.js",
    "floor.js",
    "compare.js",
    "exports.js",
    "timeline.js",
    "tables.js",
    "refinement.js",
    "page.js",
)
_CHUNK_BYTES = 3 * 2**18  # a multiple of 3: base64 of the parts is base64 of the whole


def write_page(path: Path, model: dict[str, Any], embedded: dict[int, Footage]) -> None:
    """Write the page; a crash leaves the old page or the new one.

    Args:
        path: the page.
        model: what is shown; each source's ``video`` names its element or its address.
        embedded: index of a source -> the video that is embedded in the page.

    Raises:
        InputError: it cannot be written.
    """
    place = files("fairmot.report") / "assets"

    def asset(name: str) -> str:
        return (place / name).read_text(encoding="utf-8")

    # "<" would end the script element that holds the model, wherever a name contains a tag.
    text = json.dumps(model, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    before, after = asset("page.html").split("<!-- videos -->")
    parts = {
        "<!-- title -->": html.escape(model["title"]),
        "/* style */": asset("page.css"),
    }
    for mark, content in parts.items():
        before = before.replace(mark, content)
    script = "\n".join(asset(name) for name in _SCRIPTS)
    try:
        # Names of folders need not be UTF-8.
        errors = "xmlcharrefreplace"
        with replacing(path) as temporary, temporary.open("w", encoding="utf-8", errors=errors) as page:
            page.write(before)
            page.write(f'<script type="application/json" id="model">{text}</script>\n')
            for number, footage in embedded.items():
                page.write(f'<script type="text/plain" id="video-{number}">')
                with footage.path.open("rb") as video:
                    while chunk := video.read(_CHUNK_BYTES):
                        page.write(base64.b64encode(chunk).decode("ascii"))
                page.write("</script>\n")
            page.write(after.replace("/* script */", script))
    except OSError as error:
        raise InputError(f"{path}: the page cannot be written ({error.strerror})") from error


def link(page: Path, video: Path) -> str:
    """Return the address of a video relative to the page."""
    try:
        relative = os.path.relpath(video.resolve(), page.resolve().parent)
    except ValueError:  # another drive
        return video.resolve().as_uri()
    return quote(Path(relative).as_posix())
