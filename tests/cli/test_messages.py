"""The library does not speak of options: whoever calls it from Python has none."""

import ast
import re
from pathlib import Path

import pytest

import fairmot

ROOT = Path(fairmot.__file__).parent
FOREIGN = {"--node_rank"}
"""Options of other programs."""


def options_in_errors(source):
    """Options that the messages of ``InputError`` name."""
    calls = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("InputError", "JSONResponse")
    ]
    words = [
        part.value
        for call in calls
        for part in ast.walk(call)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return {name for word in words for name in re.findall(r"(?<![\w-])--[a-z][\w-]*", word)} - FOREIGN


def test_advice_that_errors_are_made_of_names_no_option():
    for name in ("network/official.py", "formats/halves.py", "formats/recordings.py", "evaluation/benchmarks.py"):
        texts = [node.value for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))) if is_text(node)]
        assert not [text for text in texts if re.search(r"[a-z] --[a-z]", text) and "``" not in text]


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_errors_outside_the_command_line_name_no_option():
    files = [file for file in ROOT.rglob("*.py") if "cli" not in file.relative_to(ROOT).parts]
    assert len(files) > 100
    assert {str(file): found for file in files if (found := options_in_errors(file.read_text("utf-8")))} == {}


@pytest.mark.parametrize("text", ["f'--line {text}: wrong'", "'give another ' '--output'"])
def test_an_option_in_an_error_is_found(text):
    assert options_in_errors(f"raise InputError({text})")
    assert not options_in_errors(f"note({text})")
