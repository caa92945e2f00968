"""Files have one subject and functions fit on a screen; exceptions are named, with their reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("streams", "connectors", "schemas", "sql", "deploy")
MAX_FILE_LINES, MAX_FUNCTION_LINES = 300, 40
LONG_FILES = {
    "streams/settings.py": "every setting on one page, in the order of the flow",
}
LONG_FUNCTIONS: dict[str, str] = {}


def sources() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def test_files_stay_under_300_lines() -> None:
    long = {name for name, text in sources() if len(text.splitlines()) > MAX_FILE_LINES}

    assert long == set(LONG_FILES)


def test_functions_stay_under_40_lines() -> None:
    long = {
        f"{name}:{node.name}"
        for name, text in sources()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _lines(node) > MAX_FUNCTION_LINES
    }

    assert long == set(LONG_FUNCTIONS)


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, its docstring left out: contracts may be long."""
    documented = ast.get_docstring(node) is not None
    first = node.body[1] if documented and len(node.body) > 1 else node.body[0]
    return (node.end_lineno or first.lineno) - first.lineno + 1
