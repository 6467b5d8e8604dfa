"""Read a configuration from a YAML file and overrides; an unknown key is an error that names the closest one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from fairmot.config.sections import Config
from fairmot.config.tracker import PRESETS, TrackerConfig
from fairmot.errors import InputError, closest_name


def shipped_configs() -> dict[str, Path]:
    """Return name -> file of the configurations inside the package (in a checkout: ``configs/``)."""
    here = Path(__file__).resolve().parents[1]
    folder = here / "configs" if (here / "configs").is_dir() else here.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_config(source: str | Path, overrides: tuple[str, ...] = ()) -> Config:
    """Read a YAML file, or a shipped configuration by its name, and apply ``a.b=value`` overrides.

    Raises:
        InputError: no such file, invalid YAML, an unknown key or a value out of range.
    """
    shipped = shipped_configs()
    path = Path(source)
    if not path.is_file() and str(source) in shipped:
        path = shipped[str(source)]
    if not path.is_file():
        raise InputError(
            f"{source}: no such configuration{closest_name(str(source), shipped)}; "
            f"give a YAML file or one of: {', '.join(shipped)}"
        )
    values = _yaml_mapping(path)
    for override in overrides:
        _apply_override(values, override)
    return parse_config(values, str(path))


def load_tracker_config(source: str | Path = "fairmot", confidence: float | None = None) -> TrackerConfig:
    """Return the tracker's parameters from a preset or a YAML file.

    Args:
        source: name of a preset, or a file of ``parameter: value`` lines such as ``fairmot tune`` writes. The file
            changes the defaults, or the preset that a line ``preset: byte`` in it names.
        confidence: replaces the ``confidence`` of the source.

    Raises:
        InputError: no such preset or file, invalid YAML, an unknown parameter or a value out of range.
    """
    changes: dict[str, Any] = {}
    name, path = str(source), Path(source)
    if name not in PRESETS and path.suffix in (".yaml", ".yml"):
        changes = _yaml_mapping(path)
        name = str(changes.pop("preset", "fairmot"))
    if confidence is not None:
        changes["confidence"] = confidence
    try:
        return TrackerConfig.preset(name, **changes)
    except InputError as error:
        raise InputError(f"{path}: {error}" if changes and path.suffix else str(error)) from error
    except TypeError as error:
        raise InputError(f"{path}: every key must be the name of a parameter") from error


def _yaml_mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a YAML file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected 'key: value' lines, found a {type(values).__name__}")
    return values


def parse_config(values: dict[str, Any], origin: str) -> Config:
    """Check nested values; errors name their file, ``origin``.

    Raises:
        InputError: an unknown key or a value out of range.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        problems = [_describe(problem) for problem in error.errors(include_url=False)]
        raise InputError(f"{origin}: {'; '.join(problems)}") from error


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise InputError(f"setting {override!r}: expected key=value, for example optimizer.learning_rate=1e-4")
    *sections, last = key.strip().split(".")
    inner = values
    for section in sections:
        inner = inner.setdefault(section, {})
        if not isinstance(inner, dict):
            raise InputError(f"setting {override!r}: {section!r} is a value, not a section")
    try:
        inner[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"setting {override!r}: not valid YAML: {' '.join(str(error).split())}") from error


def _describe(problem: Any) -> str:
    location = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        section: type[BaseModel] = Config
        for part in problem["loc"][:-1]:
            annotation = section.model_fields[str(part)].annotation
            if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
                break
            section = annotation
        return f"unknown key {location!r}{closest_name(str(problem['loc'][-1]), section.model_fields)}"
    if problem["type"] == "value_error":  # from a check of our own: its message contains the value
        return f"{location}: {problem['ctx']['error']}"
    return f"{location}: {problem['msg']}, got {problem['input']!r}"
