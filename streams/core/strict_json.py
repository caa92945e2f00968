"""JSON as it was written: every number and text with its lexeme, every object with its place in the bytes.

A signature covers characters, not values: ``20`` and ``20.0`` are one value and two texts. So what is signed is read by
this reader, which keeps what it reads, and refuses what would have two readings: a name that comes twice, NaN, Infinity.
Source of the grammar: RFC 8259.
"""

import re
from collections.abc import Callable, Iterator
from json import loads
from typing import Any

from msgspec import Struct

DEPTH_LIMIT = 32
DIGITS_LIMIT = 1_000
"""Characters of a number: Python takes 4,300 digits at most, and time that grows with their square."""

_TOKEN = re.compile(
    r"[ \t\n\r]*+(?:"
    r'(?P<text>"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)(?![0-9.eE+-])"
    r"|(?P<word>true|false|null)(?![a-zA-Z])"
    r"|(?P<sign>[][{}:,])"
    r"|(?P<end>\Z))"
)
_WORDS = {"true": True, "false": False, "null": None}


class NotStrict(ValueError):
    """The text is no JSON, or has more than one reading."""


class Node(Struct, frozen=True):
    """One JSON value: as Python knows it, as it was written without whitespace and in order of names, and where."""

    value: Any
    canonical: str
    start: int
    end: int
    members: dict[str, "Node"] = {}


def utf_16(name: str) -> bytes:
    """Names in the order of JavaScript and RFC 8785, which differs from that of code points beyond U+FFFF."""
    return name.encode("utf-16-be", "surrogatepass")


def read(text: str, order: Callable[[str], Any] = str) -> Node:
    """The value that is all of the text; ``order``: by which the names of a canonical text are sorted.

    Raises:
        NotStrict: it is none, or has two readings: why, in a few words.
    """
    tokens = _Tokens(text, order)
    node = _value(tokens, tokens.take(), 0)
    if tokens.take()[0] != "end":
        raise NotStrict(f"more text at character {node.end}")
    return node


class _Tokens:
    """Tokens one after the other: kind, lexeme, where it starts and where it ends."""

    def __init__(self, text: str, order: Callable[[str], Any]) -> None:
        self._text, self._at, self.order = text, 0, order

    def take(self) -> tuple[str, str, int, int]:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise NotStrict(f"no JSON at character {self._at}")
        kind = found.lastgroup or ""
        start, self._at = found.span(kind)
        return kind, found[kind], start, self._at


def _value(tokens: _Tokens, token: tuple[str, str, int, int], depth: int) -> Node:
    kind, lexeme, start, end = token
    if depth > DEPTH_LIMIT:
        raise NotStrict(f"nested deeper than {DEPTH_LIMIT}")
    if lexeme == "{":
        return _object(tokens, start, depth)
    if lexeme == "[":
        return _array(tokens, start, depth)
    if kind == "text":
        return Node(loads(lexeme), lexeme, start, end)
    if kind == "number":
        return Node(_number(lexeme), lexeme, start, end)
    if kind == "word":
        return Node(_WORDS[lexeme], lexeme, start, end)
    raise NotStrict(f"no value at character {start}")


def _number(lexeme: str) -> int | float:
    if len(lexeme) > DIGITS_LIMIT:
        raise NotStrict(f"a number of {len(lexeme)} characters")
    number: int | float = loads(lexeme)
    if number in (float("inf"), float("-inf")):
        raise NotStrict("a number that is too large")
    return number


def _object(tokens: _Tokens, start: int, depth: int) -> Node:
    members: dict[str, Node] = {}
    written: dict[str, str] = {}
    end = start
    for token in _separated(tokens, "}"):
        kind, lexeme, at, end = token
        if kind == "sign":
            break
        name = loads(lexeme) if kind == "text" else None
        if name is None or tokens.take()[1] != ":":
            raise NotStrict(f"no name and value at character {at}")
        if name in members:
            raise NotStrict(f"the name at character {at} comes twice")
        members[name], written[name] = _value(tokens, tokens.take(), depth + 1), lexeme
    canonical = ",".join(f"{written[name]}:{members[name].canonical}" for name in sorted(members, key=tokens.order))
    values = {name: member.value for name, member in members.items()}
    return Node(values, f"{{{canonical}}}", start, end, members)


def _array(tokens: _Tokens, start: int, depth: int) -> Node:
    items: list[Node] = []
    end = start
    for token in _separated(tokens, "]"):
        if token[1] == "]":
            end = token[3]
            break
        items.append(_value(tokens, token, depth + 1))
    return Node([item.value for item in items], f"[{','.join(item.canonical for item in items)}]", start, end)


def _separated(tokens: _Tokens, closing: str) -> Iterator[tuple[str, str, int, int]]:
    """The first token of each element, then the closing one."""
    token = tokens.take()
    while token[1] != closing:
        yield token
        between = tokens.take()
        if between[1] == closing:
            token = between
            break
        if between[1] != ",":
            raise NotStrict(f"no comma at character {between[2]}")
        token = tokens.take()
        if token[1] == closing:
            raise NotStrict(f"a comma too many at character {between[2]}")
    yield token
