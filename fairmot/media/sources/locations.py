"""How a source is named: files, folders, globs, cameras, streams, a pipe."""

from __future__ import annotations

import glob
import platform
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from fairmot.errors import InputError
from fairmot.formats.images import IMAGE_SUFFIXES

VIDEO_SUFFIXES = frozenset(
    {
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".ts",
        ".mts",
        ".wmv",
        ".flv",
        ".ogv",
        ".3gp",
        ".m2ts",
    }
    | {".h264", ".264", ".h265", ".265", ".hevc", ".m2v", ".vob"}
)
# Transport streams and playlists may have an end or none: whoever opens them sees.
_FINITE_SUFFIXES = VIDEO_SUFFIXES - {".ts", ".mts", ".m2ts"}
_STANDARD_INPUT = "pipe:0"  # FFmpeg's name for it
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Some cameras write user=U_password=P_channel=1 into the path.
_IN_PATH = re.compile(r"(?P<before>[/#;_])(?P<key>[^/#;=_]+(?:_[^/#;=_]+)*)=(?P<value>(?:(?!_[^/#;=_]+=)[^;#/])*)")
# A value that should have been encoded may hold anything but the next field.
_FIELD = re.compile(r"(?P<before>^)(?P<key>[^=]+)=(?P<value>.*)", re.DOTALL)
_SECRET = re.compile(r"pass|pwd|pw$|token|key|secret|auth|sig|cred|session|sid$|jwt|user|login|usr|hash|pin$|code$")
_HARMLESS = re.compile(
    r"channel|stream|streamid|(sub)?type|resolution|size|width|height|fps|framerate|(video)?codec|profile|cam|camera|"
    r"bitrate|compression|quality|rotation|audio|video|transportmode|proto|protocol|unicast|mode|format"
)
_SHORT, _LONG_FIELD, _LONG_SEGMENT = 3, 8, 20


@dataclass(frozen=True, slots=True)
class Location:
    """A camera, stream or pipe as FFmpeg opens it; ``str()`` of it hides a password."""

    address: str
    name: str
    format: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    is_endless: bool = True
    """Whether it is reopened when lost, and drops frames that are not taken in time."""
    advice: str = "no stream that can be read there"

    @property
    def is_pipe(self) -> bool:
        """Whether it is standard input."""
        return self.address == _STANDARD_INPUT

    def __str__(self) -> str:
        return "standard input" if self.address == _STANDARD_INPUT else without_password(self.address)


def without_password(address: str) -> str:
    """Return an address without what may be secret in it: user, password, tokens; anything else as it is.

    A password may hold ``@``, ``/`` or ``#`` that should have been encoded. In queries and wherever ``key=value``
    stands, only values are shown that are short or whose key is known to be harmless. ``***`` stands for the others.
    """
    match = _SCHEME.match(address)
    if match is None:
        return address
    scheme, rest = match[0], address[match.end() :]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    # A colon before the last @ begins a password, wherever the path seems to begin.
    end = rest.rfind("@") if ":" in authority or "@" in authority else -1
    if end >= 0 and "@" in authority and not re.search(r"[:@/?#]", rest[authority.rfind("@") + 1 : end]):
        end = authority.rfind("@")
    path, question, query = rest[end + 1 :].partition("?")
    host, slash, segments = path.partition("/")
    shown = "/".join("***" if _is_random(segment, _LONG_SEGMENT) else segment for segment in segments.split("/"))
    fields = ("***" if _is_random(field, _LONG_FIELD) else _FIELD.sub(_hidden, field) for field in query.split("&"))
    return scheme + host + _IN_PATH.sub(_hidden, slash + shown) + question + "&".join(fields)


def _hidden(match: re.Match[str]) -> str:
    key, value = unquote(match["key"]).lower(), match["value"]
    is_harmless = _HARMLESS.fullmatch(key) is not None or (len(value) <= _SHORT and not _SECRET.search(key))
    return match[0] if not value or is_harmless else f"{match['before']}{match['key']}=***"


def _is_random(text: str, length: int) -> bool:
    """Whether a word without a key looks like a token: long, letters and digits."""
    return re.fullmatch(rf"(?=.*[0-9])(?=.*[A-Za-z])[\w%.~+-]{{{length},}}", text) is not None and "." not in text[-5:]


def live_location(source: str) -> Location | None:
    """Return the location of a camera (``0``, ``/dev/video0``), stream (``rtsp://...``) or pipe (``-``), else None.

    Raises:
        InputError: a camera by number on a system where cameras have names.
    """
    if source == "-":
        return Location(_STANDARD_INPUT, "stdin", is_endless=False, advice="no video that can be read comes in")
    if re.fullmatch(r"[0-9]{1,3}", source) and not Path(source).exists():
        return _camera(int(source))
    if _is_device(source):
        return Location(source, Path(source).name, "v4l2", advice="no camera that can be opened")
    if source.startswith("video="):
        return Location(source, source.removeprefix("video="), "dshow", advice="no camera of this name")
    if not is_address(source) or is_file_address(source):
        return None
    parts = urlsplit(without_password(source))
    name = re.sub(r"[^\w.-]+", "_", f"{parts.hostname or ''}_{Path(parts.path).stem}").strip("_") or "stream"
    options = {"analyzeduration": "2000000"}
    if parts.scheme in ("rtsp", "rtsps"):
        # Over UDP a full buffer loses packets, and firewalls let few of them pass.
        options["rtsp_transport"] = "tcp"
    return Location(source, name, options=options)


def is_address(source: str) -> bool:
    """Whether this is ``scheme://...``.

    Raises:
        InputError: it begins like one, but is malformed.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", source) is None:
        return False
    try:
        urlsplit(source)
    except ValueError as error:
        raise InputError(f"{without_password(source)}: not an address; expected scheme://host/path") from error
    return True


def is_file_address(source: str) -> bool:
    """Whether this is certainly the address of a video file, which has an end, rather than of a stream."""
    parts = urlsplit(source)
    return parts.scheme == "file" or (
        parts.scheme in ("http", "https") and Path(parts.path).suffix.lower() in _FINITE_SUFFIXES
    )


def local_file(source: str) -> Path | None:
    """Return the path of a ``file://`` address, else None."""
    parts = urlsplit(source)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def expand(sources: Sequence[str | Path]) -> list[str | list[Path]]:
    """Resolve globs and folders of videos.

    Images of one folder that a glob matches become one list of files; every other match is a source of its own.

    Raises:
        InputError: a glob that matches nothing.
    """
    found: list[str | list[Path]] = []
    for source in map(str, sources):
        if is_address(source) or not glob.has_magic(source) or Path(source).exists():
            found += videos_in(Path(source)) or [source]
            continue
        matches = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
        if not matches:
            raise InputError(f"{source}: nothing matches")
        images = all(Path(match).suffix.lower() in IMAGE_SUFFIXES for match in matches)
        if images and len({Path(match).parent for match in matches}) == 1:
            found.append([Path(match) for match in matches])
        else:
            found += matches
    return found


def videos_in(folder: Path) -> list[str]:
    """Return the videos of a folder that holds no images; any other folder is a source itself and yields none."""
    if not folder.is_dir() or (folder / "seqinfo.ini").exists() or (folder / "img1").is_dir():
        return []
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    if any(file.suffix.lower() in IMAGE_SUFFIXES for file in files):
        return []
    return [str(file) for file in files if file.suffix.lower() in VIDEO_SUFFIXES]


def _camera(number: int) -> Location:
    system = platform.system()
    if system == "Linux":
        return Location(f"/dev/video{number}", f"camera{number}", "v4l2", advice="no camera that can be opened")
    if system == "Darwin":
        advice = "no camera that can be opened"
        return Location(f"{number}:none", f"camera{number}", "avfoundation", {"framerate": "30"}, advice=advice)
    raise InputError(f"camera {number}: on this system a camera is named, for example 'video=Integrated Camera'")


def _is_device(source: str) -> bool:
    try:
        return stat.S_ISCHR(Path(source).stat().st_mode) and source.startswith("/dev/video")
    except OSError:
        return False
