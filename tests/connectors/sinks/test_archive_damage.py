"""A growing archive file that is damaged: what it lost comes from the log again, and nothing is thrown away."""

from pathlib import Path

import pytest

from connectors.sinks.base import Again, ReadAgain
from streams.archive import Archived
from streams.core.times import SECOND
from tests.connectors.sinks.test_archive import left_growing, offsets, raw, read, sink


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 8]) + content[place + 1 :]


def test_what_a_damaged_growing_file_lost_is_put_aside_and_read_from_the_log_again(tmp_path: Path) -> None:
    """It was cut off without a word though it was committed, or ended the sink at each start."""
    for place in range(0, len(whole := damageable(tmp_path / "whole")), 5):
        root = tmp_path / str(place)
        damageable(root)
        (growing,) = root.glob("raw-2/*.open")
        growing.write_bytes(flipped(whole, place))

        writer = sink(root)
        writer.assigned({("raw", 2): 9})
        begins = writer.again().get(("raw", 2), Again(9)).offset
        if begins < 9:
            (aside,) = root.glob("raw-2/*.damaged-*")
            assert aside.read_bytes() == flipped(whole, place)
        writer.write([raw(offset) for offset in range(begins, 12)])
        writer.close()

        assert read(root, 0, 12) == [
            Archived(2, offset, offset * SECOND, b"key", b"value %d" % offset) for offset in range(12)
        ], place


@pytest.mark.parametrize("content", [b"", b"\0" * 700, b"garbage" * 100])
def test_a_growing_file_that_holds_nothing_any_more_is_written_anew(tmp_path: Path, content: bytes) -> None:
    damageable(tmp_path)
    (growing,) = tmp_path.glob("raw-2/*.open")
    growing.write_bytes(content)

    for _ in range(2):  # it may be killed before it has written anything
        writer = sink(tmp_path)
        writer.assigned({("raw", 2): 9})
        assert writer.again()["raw", 2].offset == 0
        writer.close()
    writer = sink(tmp_path)
    writer.assigned({("raw", 2): 9})
    writer.write([raw(offset) for offset in range(5)])
    writer.close()
    writer = sink(tmp_path)
    writer.assigned({("raw", 2): 9})
    assert writer.again()["raw", 2].offset == 5
    writer.write([raw(offset) for offset in range(5, 12)])
    assert writer.again() == {}
    writer.close()

    assert offsets(read(tmp_path, 0, 12)) == list(range(12))
    again = sink(tmp_path)
    again.assigned({("raw", 2): 12})
    assert again.again() == {}
    again.close()


def test_closed_files_are_never_written_anew(tmp_path: Path) -> None:
    writer = sink(tmp_path)
    writer.write([raw(offset) for offset in range(9)])
    writer.write([raw(offset) for offset in range(200, 209)])
    writer.close()
    (growing,), (closed,) = tmp_path.glob("raw-2/*.open"), tmp_path.glob("raw-2/*.avro")
    growing.write_bytes(flipped(growing.read_bytes(), 500))
    before = closed.read_bytes()

    writer = sink(tmp_path)
    writer.assigned({("raw", 2): 209})
    assert writer.again()["raw", 2].offset == 200
    writer.write([raw(offset) for offset in range(200, 212)])
    writer.close()

    assert closed.read_bytes() == before
    assert offsets(read(tmp_path, 200, 212)) == list(range(200, 212))


def test_damage_that_is_found_while_writing_ends_the_process(tmp_path: Path) -> None:
    """It was held by another process when it was taken over: the next start reads the log from there."""
    content = damageable(tmp_path)
    (growing,) = tmp_path.glob("raw-2/*.open")
    holder = sink(tmp_path)
    holder.assigned({("raw", 2): 9})
    growing.write_bytes(flipped(content, 650))
    writer = sink(tmp_path)
    writer.assigned({("raw", 2): 9})
    assert writer.again() == {}
    holder.close()

    with pytest.raises(ReadAgain, match="raw 2"):
        writer.write([raw(9)])
    writer.assigned({("raw", 2): 9})
    assert writer.again()["raw", 2].offset == 6
    writer.close()


def damageable(root: Path) -> bytes:
    """A growing file of three blocks; what it holds."""
    left_growing(root)
    (growing,) = root.glob("raw-2/*.open")
    return growing.read_bytes()
