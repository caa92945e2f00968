"""A decoder from a file of the operator's own, and every way in which the file can be wrong."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from streams.core.message import Message
from streams.core.options import Options
from streams.core.records import RawRecord
from streams.replay import candidate

GOOD = "class D:\n    name, version = 'shed', 1\n    def key(self, record): ...\n    def open(self, record): ...\n"


def written(directory: Path, text: str) -> Path:
    path = directory / "shed.py"
    path.write_text(text, "utf-8")
    return path


def test_the_example_of_the_documentation_is_complete(tmp_path: Path) -> None:
    example = dedent((candidate.__doc__ or "").partition("Complete:\n\n")[2])
    decoder = candidate.load("shed", written(tmp_path, example))
    raw = RawRecord(
        id="", source="shed", transport="http", address="", received_at=5, payload=b'{"id":"tank-1","l":1.5}'
    )
    (message,) = decoder.open(raw)

    assert decoder.key(raw) == "shed:tank-1"
    assert isinstance(message, Message)
    assert [(v.name, v.value, v.time, v.unit) for v in message.values or ()] == [("level", 1.5, 5, "m")]
    assert len(example.strip().splitlines()) <= 18


def test_a_class_is_given_the_options_of_this_installation(tmp_path: Path) -> None:
    source = "    def __init__(self, options): self.offset = options.ydoc_utc_offset\nDECODER = D\n"
    decoder = candidate.load("shed", written(tmp_path, GOOD + source), Options(ydoc_utc_offset=7))

    assert decoder.offset == 7  # type: ignore[attr-defined]  # the file's own


def test_records_of_the_file_may_be_typed(tmp_path: Path) -> None:
    typed = (
        "from __future__ import annotations\nimport msgspec\nclass Body(msgspec.Struct):\n    inner: Inner\n"
        "class Inner(msgspec.Struct):\n    x: int = 0\nmsgspec.json.Decoder(Body)\n"
    )

    assert candidate.load("shed", written(tmp_path, typed + GOOD + "DECODER = D()\n")).name == "shed"


def test_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    candidate.load("shed", written(tmp_path, GOOD + "DECODER = D()\n"))

    assert [path.name for path in tmp_path.iterdir()] == ["shed.py"]


@pytest.mark.parametrize(("text", "fault"), [
    ("DECODER = (", "shed.py, line 1: '(' was never closed"),
    ("import nothing_like_it", "shed.py cannot be run: ModuleNotFoundError: No module named 'nothing_like_it'"),
    ("raise ValueError('one\\ntwo')", "shed.py cannot be run: ValueError: one two"),
    ("raise SystemExit(3)", "shed.py cannot be run: SystemExit: 3"),
    ("x = 1", "shed.py defines no DECODER"),
    (GOOD + "DECODER = D().key", "shed.py: DECODER.name is None, expected 'shed'"),
    (GOOD.replace("shed", "barn") + "DECODER = D()", "shed.py: DECODER.name is 'barn', expected 'shed'"),
    (GOOD.replace("1", "'1'") + "DECODER = D()", "shed.py: DECODER.version must be a whole number"),
    (GOOD.replace("def key", "def keys") + "DECODER = D()", "shed.py: DECODER has no key(record)"),
    (GOOD.replace("def open", "def opens") + "DECODER = D()", "shed.py: DECODER has no open(record)"),
    (GOOD + "    def __init__(self, a, b): ...\nDECODER = D", "shed.py: DECODER is a class that does not take Options"),
])  # fmt: skip
def test_says_in_one_line_what_is_wrong(tmp_path: Path, text: str, fault: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(ValueError, match=re.escape(fault)) as told:
        candidate.load("shed", path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("call", [candidate.load, candidate.label])
def test_says_that_there_is_no_file(tmp_path: Path, call: object) -> None:
    with pytest.raises(ValueError, match=r"none\.py cannot be read: No such file or directory"):
        call("shed", tmp_path / "none.py")  # type: ignore[operator]  # either of the two


def test_is_known_by_its_content(tmp_path: Path) -> None:
    assert candidate.label("shed", written(tmp_path, "abc")) == "shed@ba7816bf8f01cfea"
