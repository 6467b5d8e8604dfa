"""Writes docs/architecture.md and its drawing from the source: ``python docs/make_pages.py``.

The page has one line for each source file: the first line of the file's docstring. ``LAYERS`` assigns rooms to layers;
``tests/test_imports.py`` holds who may import whom, and the page lists its exceptions.
"""

from __future__ import annotations

import ast
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fairmot"
PAGE = ROOT / "docs" / "architecture.md"
DRAWING = ROOT / "docs" / "images" / "layers.svg"

LAYERS: list[tuple[str, list[str], str]] = [
    ("Commands", ["cli", "__main__"], "parse, call one workflow, print"),
    ("Training and serving", ["training", "serve"], "call workflows"),
    ("Workflows", ["workflows", "benchmark", "report"], "one function for each command; they do not know each other"),
    (
        "Parts",
        ["data", "tracking", "evaluation", "media", "street"],
        "NumPy; import config and formats, never each other, nor an engine",
    ),
    ("Detector", ["detector", "weights"], "an engine behind one call; weights from any file"),
    ("Engines", ["engines"], "MindSpore, PyTorch, ONNX Runtime, OpenVINO"),
    ("Files and settings", ["config", "formats", "network"], "one reader and writer each; the network as data"),
    ("Base", ["errors", "files", "geometry", "detections", "interrupts", "progress"], "import nothing but each other"),
]
"""Layer, its rooms, what it does; from the top down. A layer imports the ones below it."""

INTRODUCTION = """\
# Architecture

<!-- Written by `python docs/make_pages.py` from the source files: do not edit. -->

![Layers of the code, from the commands down to the base modules](images/layers.svg)

A layer imports the layers below it and never the ones above. Parts do not import each other, workflows do not either,
and no module outside `engines/` imports an engine by name. `tests/test_imports.py` reads the imports of every file and
fails on any other. Its exceptions, each with the reason:

"""


def first_line(path: Path) -> str:
    """First line of a file's docstring, as Markdown for a table cell."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if not text:
        raise SystemExit(f"{path}: has no docstring; write what the file is for in its first line")
    return text.splitlines()[0].rstrip(".").replace("``", "`").replace("|", "\\|")


def exceptions() -> dict[tuple[str, str], str]:
    """The exceptions that ``tests/test_imports.py`` grants: importing room, imported room -> reason."""
    for node in ast.parse((ROOT / "tests" / "test_imports.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EXCEPTIONS":
            return dict(ast.literal_eval(node.value))
    raise SystemExit("tests/test_imports.py: holds no EXCEPTIONS")


def page(package: Path = PACKAGE) -> str:
    """Text of ``docs/architecture.md`` for the source files of a package."""
    granted = "".join(f"* `{one}` imports `{other}`: {reason}.\n" for (one, other), reason in exceptions().items())
    sections = [INTRODUCTION + granted + "\n`fairmot/__init__.py` gives the public names ([API reference](api.md)).\n"]
    for layer, rooms, note in LAYERS:
        files: list[Path] = []
        for room in rooms:
            single = package / f"{room}.py"
            files += [single] if single.exists() else sorted((package / room).rglob("*.py"))
        rows = "".join(f"| `{path.relative_to(package).as_posix()}` | {first_line(path)} |\n" for path in files)
        sections.append(f"## {layer}\n\n{note[0].upper()}{note[1:]}.\n\n| file | what it does |\n|--|--|\n{rows}")
    return "\n".join(sections)


def drawing() -> str:
    """The layers as an SVG, one row of boxes each."""
    width, left, height, gap = 880, 190, 48, 18
    total = 15 + len(LAYERS) * (height + gap)
    title = "Layers of the code: " + ", ".join(name for name, _, _ in LAYERS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" width="{width}" height="{total}" '
        f'role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>',
        "<style>text{font:14px system-ui,sans-serif;fill:#1d2b2a}.s{font-size:11px;fill:#4a5c5a}"
        ".b{fill:#e8f3f1;stroke:#00796b;stroke-width:1.5}.a{stroke:#455a64;stroke-width:1.6;marker-end:url(#m)}</style>"
        '<defs><marker id="m" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L10 5L0 10z" fill="#455a64"/></marker></defs>',
        f'<rect width="{width}" height="{total}" rx="10" fill="#fff"/>',
    ]
    for row, (name, rooms, note) in enumerate(LAYERS):
        top = 15 + row * (height + gap)
        parts.append(f'<text x="15" y="{top + 29}" font-weight="600">{escape(name)}</text>')
        each = (width - left - 15 - 10 * (len(rooms) - 1)) / len(rooms)
        for column, room in enumerate(rooms):
            x = left + column * (each + 10)
            parts.append(f'<rect class="b" x="{x:.1f}" y="{top}" width="{each:.1f}" height="{height - 16}" rx="6"/>')
            middle = f'x="{x + each / 2:.1f}" y="{top + 21}" text-anchor="middle"'
            parts.append(f"<text {middle}>{escape(room)}</text>")
        parts.append(f'<text class="s" x="{left}" y="{top + height - 3}">{escape(note)}</text>')
        if row:
            parts.append(f'<line class="a" x1="60" y1="{top - gap - 8}" x2="60" y2="{top + 10}"/>')
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    """Write the page and its drawing."""
    PAGE.write_text(page(), encoding="utf-8")
    DRAWING.write_text(drawing(), encoding="utf-8")


if __name__ == "__main__":
    main()
