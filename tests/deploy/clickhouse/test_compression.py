"""Bodies compressed by anybody are read; answers are one frame that anybody reads."""

import gzip
import sys
import zlib
from collections.abc import Callable

import lz4.frame  # type: ignore[import-untyped]  # lz4 ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.clickhouse.compression import Reader, Writer
from deploy.local.clickhouse.errors import Refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.decompress,
    "zstd": zstd.decompress,
    "gzip": gzip.decompress,
}


@pytest.mark.parametrize("encoding", COMPRESS)
@given(blocks=st.lists(st.binary(), max_size=4), piece=st.integers(1, 40))
def test_frame_after_frame_is_read_however_it_is_cut(encoding: str, blocks: list[bytes], piece: int) -> None:
    body = b"".join(COMPRESS[encoding](block) for block in blocks)
    reader = Reader(encoding)

    read = b"".join(reader.feed(body[at : at + piece]) for at in range(0, len(body), piece))

    assert read == b"".join(blocks)


@pytest.mark.parametrize("encoding", DECOMPRESS)
@given(parts=st.lists(st.binary(), max_size=4))
def test_an_answer_is_one_frame(encoding: str, parts: list[bytes]) -> None:
    writer = Writer(f"br, {encoding};q=0.5, identity")

    written = b"".join(map(writer.feed, parts)) + writer.finish()

    assert writer.encoding == encoding
    assert DECOMPRESS[encoding](written) == b"".join(parts)


def test_without_a_known_encoding_bytes_stay_as_they_are() -> None:
    writer = Writer("br")

    assert (writer.encoding, writer.feed(b"x"), writer.finish()) == (None, b"x", b"")
    assert Reader("").feed(b"x") == b"x"


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_body_that_is_not_what_it_claims_is_refused(encoding: str) -> None:
    with pytest.raises(Refused, match="CANNOT_DECOMPRESS"):
        Reader(encoding).feed(b"this is not compressed at all")


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(Refused, match="snappy is not supported"):
        Reader("snappy")
