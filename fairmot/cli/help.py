"""The help of commands, without Python's names of types such as ``<list[str]>`` and ``<bool>``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

_TYPE = "display_type_rich"
"""Method of Typer's parameters, in versions that print a type beside the name of an argument."""


class Command(TyperCommand):
    """A command whose help shows an argument by its name, and a flag without a value."""

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters."""
        return _without_types(super().get_params(ctx))


class Group(TyperGroup):
    """A group of commands whose help shows a flag without a value."""

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters."""
        return _without_types(super().get_params(ctx))


def _without_types(parameters: Any) -> Any:
    for each in parameters:
        if getattr(each, "is_flag", False):
            each.metavar = ""
        elif each.param_type_name == "argument" and hasattr(each, _TYPE):
            setattr(each, _TYPE, _no_type)
    return parameters


def _no_type(ctx: Any) -> None:
    return None
