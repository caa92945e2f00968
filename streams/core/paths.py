"""Places in a JSON document: ``$.a[0].b``, ``a.b``, ``$['odd name'].b``, ``$`` for all of it. Compiled once, looked up often."""

import re
from typing import Any

MISSING: Any = object()
"""What ``find`` answers where there is nothing: null is something."""

Path = tuple[str | int, ...]

_STEP = re.compile(r"\.?\[(-?[0-9]{1,9})\]|\.?\['([^']*)'\]|\.?([^.\[\]'$]+)")


def compiled(text: str) -> Path:
    """The steps of a path.

    Raises:
        ValueError: it is no path.
    """
    rest, steps = text.removeprefix("$"), []
    if rest.startswith(".") and not text.startswith("$"):
        raise ValueError(f"{text!r} is no path: it starts with a dot")
    at = 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        if step is None or (at and rest[at] not in ".["):
            raise ValueError(f"{text!r} is no path: see {rest[at:]!r}")
        index, quoted, name = step.groups()
        steps.append(int(index) if index is not None else name if quoted is None else quoted)
        at = step.end()
    if not steps and text != "$":
        raise ValueError(f"{text!r} is no path; all of the document is $")
    return tuple(steps)


def find(tree: Any, path: Path) -> Any:
    """What stands there, or ``MISSING``. A name of digits finds a list's element, too; -1 is the last one."""
    for step in path:
        if isinstance(tree, dict):
            tree = tree.get(str(step), MISSING)
        elif isinstance(tree, list) and (index := _index(step)) is not None and -len(tree) <= index < len(tree):
            tree = tree[index]
        else:
            return MISSING
    return tree


def _index(step: str | int) -> int | None:
    if isinstance(step, int):
        return step
    return int(step) if step.isascii() and step.isdigit() and len(step) < 10 else None
