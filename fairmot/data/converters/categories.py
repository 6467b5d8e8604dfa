"""Which categories of a source become people: one choice for all formats (``--categories``)."""

from __future__ import annotations

from collections.abc import Sequence

from fairmot.errors import InputError, closest_name

PEOPLE = ("person", "pedestrian")
"""Names that are kept by default, in any case."""
ALL = "all"
"""Keeps every category, numbered in their order."""


def choose_categories(known: Sequence[str], chosen: Sequence[str] | None, source: object) -> dict[str, int]:
    """Return the class of each category that is kept.

    Args:
        known: names of the source's categories, in the order of their numbers.
        chosen: names to keep, all as class 0, or ``all``; None: people (person, pedestrian), or the only category.
        source: for messages.

    Raises:
        InputError: nobody among them is a person by name, or a name is unknown.
    """
    if chosen is None:
        people = [name for name in known if name.lower() in PEOPLE]
        if not people and len(known) > 1:
            raise InputError(f"{source}: no category person or pedestrian; choose categories among {', '.join(known)}")
        return dict.fromkeys(people or known, 0)
    if tuple(chosen) == (ALL,) and ALL not in known:
        return {name: number for number, name in enumerate(known)}
    for name in chosen:
        if name not in known:
            raise InputError(f"{source}: no category {name!r}{closest_name(name, known)}; there are {', '.join(known)}")
    return dict.fromkeys(chosen, 0)
