"""Text files are read and written in an encoding that is named: Windows would take that of its code page."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACE = {"read_text": 0, "write_text": 1, "open": 2}
"""Which of a call's arguments is the encoding; of `Path.open` the mode and the buffering come before it."""


def unnamed(call: ast.Call) -> bool:
    """Tell whether a call opens a text file without an encoding."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    words = {word.arg for word in call.keywords}
    if name not in PLACE or "encoding" in words or len(call.args) > PLACE[name]:
        return False
    if name != "open":
        return True
    mode = call.args[0] if call.args else ast.Constant("r" if words else "rb")
    return isinstance(mode, ast.Constant) and isinstance(mode.value, str) and "b" not in mode.value


@pytest.mark.parametrize("package", ["vesselapp", "trainer"])
def test_text_files_have_an_encoding(package: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and unnamed(node)
    ]
    assert not found
