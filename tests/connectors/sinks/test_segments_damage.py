"""A growing segment that is damaged: what it lost comes from the log again, once, and nothing is thrown away."""

import json
from pathlib import Path

import pytest

from connectors.sinks.base import Again, ReadAgain
from connectors.sinks.files.segments import Segments
from connectors.sinks.lineages import Lineages
from streams.core.records import Lineage
from streams.core.times import SECOND
from tests.connectors.sinks.making import NOON, message, record
from tests.connectors.sinks.test_segments import HOUR, item, lines


def left_growing(root: Path) -> bytes:
    """The lines of offsets 10 to 15, all of them committed."""
    segments = Segments(root, HOUR)
    segments.write([item(offset) for offset in range(10, 16)])
    segments.close()
    return growing(root).read_bytes()


def growing(root: Path) -> Path:
    (found,) = root.glob("segments/readings-0/*.open")
    return found


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 8]) + content[place + 1 :]


def test_lines_behind_damage_are_put_aside_and_read_from_the_log_again(tmp_path: Path) -> None:
    """They were cut off as the tail of a crash, without a word."""
    content = left_growing(tmp_path / "whole")
    for place in range(0, content.rindex(b"\n", 0, -1), 7):
        root = tmp_path / str(place)
        left_growing(root)
        growing(root).write_bytes(flipped(content, place))

        segments = Segments(root, HOUR)
        segments.take_over({0: 16})
        begins = segments.again().get(0, Again(16)).offset
        asides = list(root.glob("segments/readings-0/*.damaged-*"))
        assert [aside.read_bytes() for aside in asides] == [flipped(content, place)] * (begins < 16)
        segments.write([item(offset) for offset in range(begins, 18)])
        segments.close()

        assert lines(root) == list(range(10, 18)), place


@pytest.mark.parametrize("content", [b"", b"\0" * 700, b"garbage\n" * 100, b'{"offset":'])
def test_a_segment_that_holds_nothing_any_more_is_written_anew(tmp_path: Path, content: bytes) -> None:
    left_growing(tmp_path)
    growing(tmp_path).write_bytes(content)

    for _ in range(2):  # it may be killed before it has written anything
        segments = Segments(tmp_path, HOUR)
        segments.take_over({0: 16})
        assert segments.again()[0].offset == 10
        segments.close()
    segments = Segments(tmp_path, HOUR)
    segments.take_over({0: 16})
    segments.write([item(offset) for offset in range(10, 18)])
    assert segments.again() == {}
    segments.close()

    assert lines(tmp_path) == list(range(10, 18))


def test_what_is_read_again_is_known_as_far_as_lines_are_left(tmp_path: Path) -> None:
    """The memory of the commit knows all of it, and would drop it as repeats."""
    segments = Segments(tmp_path, HOUR)
    for offset in range(4):
        segments.write([(record(b"", offset), [message(cid=f"c{offset}", index=offset)])])
    segments.close()
    content = growing(tmp_path).read_bytes()
    third = content.index(b'{"offset":2')
    growing(tmp_path).write_bytes(content[:third] + b"x" + content[third + 1 :])

    segments = Segments(tmp_path, HOUR)
    segments.take_over({0: 4})
    again = segments.again()[0]
    segments.close()

    assert again.offset == 1
    assert again.lineages.dump() == Lineages({0: Lineage(0, 0, 0)}).dump()


def test_an_offset_whose_second_line_is_damaged_comes_again_whole(tmp_path: Path) -> None:
    """A reading across a change of its mapping has a line for each logical device."""
    two = (record(b"", 11), [message(cid="a"), message(cid="b")])
    segments = Segments(tmp_path, HOUR)
    segments.write([item(10), two, item(12)])
    segments.close()
    content = growing(tmp_path).read_bytes()
    second = content.rindex(b'{"offset":11')
    growing(tmp_path).write_bytes(flipped(content, second))

    segments = Segments(tmp_path, HOUR)
    segments.take_over({0: 13})
    begins = segments.again()[0].offset
    segments.write([each for each in (item(10), two, item(12), item(13)) if each[0].offset >= begins])
    segments.close()

    assert lines(tmp_path) == [10, 11, 11, 12, 13]


def test_closed_segments_may_have_been_taken_away(tmp_path: Path) -> None:
    """The sink waited for the last one for ever."""
    segments = Segments(tmp_path, HOUR)
    segments.write([item(offset, NOON + offset * HOUR * SECOND // 2) for offset in range(4)])
    segments.close()
    for closed in tmp_path.glob("segments/readings-0/*.ndjson"):
        closed.unlink()
    growing(tmp_path).write_bytes(b"garbage\n")

    segments = Segments(tmp_path, HOUR)
    segments.take_over({0: 4})
    assert segments.again()[0].offset == 2
    segments.write([item(offset, NOON + offset * HOUR * SECOND // 2) for offset in (2, 3, 4)])
    segments.close()

    assert lines(tmp_path) == [2, 3, 4]


def test_only_what_comes_again_is_told_apart(tmp_path: Path) -> None:
    content = left_growing(tmp_path)
    growing(tmp_path).write_bytes(flipped(content, 0))
    segments = Segments(tmp_path, HOUR)
    segments.take_over({0: 16})

    assert [segments.is_again(record(b"", offset)) for offset in (10, 15, 16)] == [True, True, False]
    segments.close()


def test_damage_that_is_found_while_writing_ends_the_process(tmp_path: Path) -> None:
    content = left_growing(tmp_path)
    growing(tmp_path).write_bytes(flipped(content, 0))

    segments = Segments(tmp_path, HOUR)
    with pytest.raises(ReadAgain, match="readings 0"):
        segments.write([item(16)])
    segments.take_over({0: 16})
    assert segments.again()[0].offset == 10
    segments.close()


def test_lines_that_were_not_committed_are_no_damage(tmp_path: Path) -> None:
    left_growing(tmp_path)
    with growing(tmp_path).open("ab") as file:
        file.write(json.dumps({"offset": 16, "raw": [0, 0, 0]}).encode())

    segments = Segments(tmp_path, HOUR)
    segments.take_over({0: 13})
    assert segments.again() == {}
    segments.close()
    assert list(tmp_path.glob("segments/readings-0/*.damaged-*")) == []
