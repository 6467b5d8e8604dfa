"""Commands as the documents show them."""

import re
import shlex


def commands(text: str, kind: str = "bash") -> list[list[str]]:
    """Words of every command in the fenced blocks of this kind, in order.

    ``a && b`` are two commands; a backslash at its end continues a line.
    """
    blocks = [re.sub(r"\\\n\s*", " ", block) for block in re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)]
    lines = [part for block in blocks for line in block.splitlines() for part in line.split(" && ")]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def fairmot_commands(text: str, kind: str = "bash") -> list[list[str]]:
    """Words behind ``fairmot`` of the commands that begin so."""
    return [words[1:] for words in commands(text, kind) if words[0] == "fairmot"]
