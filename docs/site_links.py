"""Hook of the documentation site: what pages link to outside ``docs`` becomes part of the site.

On GitHub ``[configs/](../configs)`` shows the folder; a site knows its own files alone. So each such file is copied to
``repository/`` of the site, a folder becomes a page that lists its files, and the links are turned there.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

FOLDER = "repository"
_LINK = re.compile(r"(\]\()(\.\./[^)#\s]+)")


def on_files(files: Files, config: Any) -> Files:
    """Add what the pages link to."""
    root = Path(config.config_file_path).parent
    for page in list(files.documentation_pages()):
        for _, link in _LINK.findall(page.content_string):
            inside = _inside(page.src_uri, link)
            if inside is not None:
                _add(files, config, root, inside)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links out of ``docs`` to the copies."""

    def turned(match: re.Match[str]) -> str:
        inside = _inside(page.file.src_uri, match[2])
        if inside is None:
            return match[0]
        is_folder = (Path(page.file.src_dir).parent / inside).is_dir()
        target = f"{FOLDER}/{inside}.md" if is_folder else f"{FOLDER}/{inside}"
        return match[1] + posixpath.relpath(target, posixpath.dirname(page.file.src_uri) or ".")

    return _LINK.sub(turned, markdown)


def _inside(page: str, link: str) -> str | None:
    """The path in the repository that a link names; None: it stays in ``docs``."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    return None if path.startswith(("docs/", "..")) else path


def _add(files: Files, config: Any, root: Path, inside: str) -> None:
    path = root / inside
    if path.is_dir():
        names = sorted(each.name for each in path.iterdir() if each.is_file())
        text = f"# {inside}/\n\n" + "".join(f"* [{name}]({path.name}/{name})\n" for name in names)
        _append(files, File.generated(config, f"{FOLDER}/{inside}.md", content=text))
        for name in names:
            _add(files, config, root, f"{inside}/{name}")
    elif path.is_file():  # one that is not there is left to the strict build
        _append(files, File.generated(config, f"{FOLDER}/{inside}", abs_src_path=str(path)))


def _append(files: Files, file: File) -> None:
    if files.get_file_from_path(file.src_uri) is None:
        files.append(file)
