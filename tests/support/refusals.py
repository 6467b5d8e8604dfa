"""The one line with which a file is refused."""

import pytest

from fairmot.errors import InputError


def refusal(read, path) -> str:
    """Call ``read(path)``, which must fail as a user's mistake does, and return the line; it names the file first."""
    with pytest.raises(InputError) as error:
        read(path)
    line = str(error.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line
