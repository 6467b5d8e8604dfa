"""How long work reports: one callback for counts, one for lines."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]
"""Called as ``progress(name, done, total)``: the work, how much is done, of how much (None: unknown)."""

Log = Callable[[str], None]
"""Called as ``log(line)``: one line for people, without a line end."""
