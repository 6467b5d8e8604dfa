"""Hold out a fixed part of a path list: whole blocks of neighbours, so that frames of one moment stay together."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from fairmot.data.annotations import Description, read_description
from fairmot.errors import InputError
from fairmot.files import replacing


@dataclass(frozen=True, slots=True)
class SplitLists:
    """The written lists, and their lengths."""

    train: Path
    held: Path
    train_images: int
    held_images: int


def held_out(names: list[str], every: int, block: int) -> set[str]:
    """Return the names in every ``every``-th block of ``block`` names in sorted order, whatever the order given."""
    ordered = sorted(set(names))
    return {name for place, name in enumerate(ordered) if place // block % every == every - 1}


def split_list(list_file: Path, every: int = 5, block: int = 20, description: Path | None = None) -> SplitLists:
    """Write ``NAME.train`` and ``NAME.held`` beside the list ``NAME``, with ``.txt`` if the list has it.

    The same list gives the same parts on any machine. Lines keep their order; an image that is listed twice stays in
    one part. The images themselves are not read.

    Args:
        list_file: images, one a line.
        every: hold out one block of this many; 5 holds out a fifth.
        block: number of neighbours in sorted order that stay together.
        description: a ``data.json``, in which ``NAME.train`` takes the place of the set under ``train``, and
            ``NAME.held`` gets one under ``val``.

    Raises:
        InputError: a list that cannot be read or has too few images, or a ``data.json`` that is wrong.
    """
    if every < 2 or block < 1:
        raise InputError(f"every {every}, block {block}: expected at least 2 and 1")
    try:
        lines = [line.strip() for line in list_file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{list_file}: list of images cannot be read: {error}") from error
    held = held_out(lines, every, block)
    if not held:
        raise InputError(
            f"{list_file}: {len(set(lines))} images are fewer than {every} blocks of {block}, so none would be held "
            f"out; choose a smaller block"
        )
    known = read_description(description) if description else None
    name = list_file.name.removesuffix(".txt")
    suffix = list_file.name.removeprefix(name)
    parts = {
        "train": [line for line in lines if line not in held],
        "held": [line for line in lines if line in held],
    }
    paths = {part: list_file.with_name(f"{name}.{part}{suffix}") for part in parts}
    for part, chosen in parts.items():
        with replacing(paths[part]) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in chosen), encoding="utf-8")
    if known:
        _enter(known, list_file, name, paths)
    return SplitLists(paths["train"], paths["held"], len(parts["train"]), len(parts["held"]))


def _enter(description: Description, whole: Path, name: str, paths: dict[str, Path]) -> None:
    """Enter the parts in a ``data.json``, in the place of the whole list's set, since the order fixes identities."""
    sets = {path.resolve(): each for each, path in description.lists.items()}
    entered = sets.get(whole.resolve())
    again = sets.get(paths["train"].resolve())
    place = entered or again
    if entered:
        name = entered
    elif again:
        name = again.removesuffix(".train")
    folder = description.path.parent
    train, held = (Path(os.path.relpath(paths[part], folder)).as_posix() for part in ("train", "held"))
    values = json.loads(description.path.read_text(encoding="utf-8"))
    before = values.get("train", {}).items()
    values["train"] = {f"{name}.train" if each == place else each: value for each, value in before}
    values["train"][f"{name}.train"] = train
    values["val"] = values.get("val", {}) | {f"{name}.held": held}
    with replacing(description.path) as temporary:
        temporary.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
