"""Compressed bodies in both directions: lz4, zstd, gzip, deflate."""

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import lz4.frame  # type: ignore[import-untyped]  # lz4 ships no types

from deploy.local.clickhouse.errors import CANNOT_DECOMPRESS, NOT_IMPLEMENTED, Refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZIP_WINDOW = 31  # zlib's way to say: a gzip header and trailer


class _Decompressor(Protocol):
    eof: bool

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes) -> bytes: ...


class _Compressor(Protocol):
    def begin(self) -> bytes: ...
    def compress(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes: ...


_DECOMPRESSORS: Mapping[str, Callable[[], Any]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": zstd.ZstdDecompressor,
    "gzip": lambda: zlib.decompressobj(GZIP_WINDOW),
    "deflate": zlib.decompressobj,
}
_COMPRESSORS: Mapping[str, Callable[[], Any]] = {
    "lz4": lz4.frame.LZ4FrameCompressor,
    "zstd": lambda: zstd.ZstdCompressor(level=1),
    "gzip": lambda: zlib.compressobj(1, wbits=GZIP_WINDOW),
}


class Reader:
    """Decompresses a request's body as it arrives. clickhouse-connect sends one frame per block: frames may follow frames."""

    def __init__(self, encoding: str) -> None:
        if encoding not in {"", "identity"} and encoding not in _DECOMPRESSORS:
            raise Refused(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", f"Content-Encoding {encoding} is not supported")
        self._make = _DECOMPRESSORS.get(encoding)
        self._frame: _Decompressor | None = None

    def feed(self, data: bytes) -> bytes:
        """What became readable.

        Raises:
            Refused: the bytes are not what the header says.
        """
        if self._make is None:
            return data
        parts = []
        try:
            while data:
                self._frame = self._frame or self._make()
                parts.append(self._frame.decompress(data))
                data = self._rest(self._frame)
        except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as error:
            raise Refused(CANNOT_DECOMPRESS, "CANNOT_DECOMPRESS", f"Cannot decompress the body: {error}") from error
        return b"".join(parts)

    def _rest(self, frame: _Decompressor) -> bytes:
        if not frame.eof:
            return b""
        self._frame = None
        return frame.unused_data or b""


class Writer:
    """Compresses an answer by the first encoding of ``accepted`` that is known, as one frame; else leaves it as it is."""

    def __init__(self, accepted: str) -> None:
        offered = (part.partition(";")[0].strip() for part in accepted.split(","))
        self.encoding = next((encoding for encoding in offered if encoding in _COMPRESSORS), None)
        self._frame: _Compressor | None = _COMPRESSORS[self.encoding]() if self.encoding else None
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """Compressed bytes for ``data``; may be empty while the compressor collects."""
        if self._frame is None:
            return data
        head = self._begin()
        return head + self._frame.compress(data)

    def finish(self) -> bytes:
        """The end of the frame."""
        return self._begin() + self._frame.flush() if self._frame else b""

    def _begin(self) -> bytes:
        if self._begun or self.encoding != "lz4" or self._frame is None:
            return b""
        self._begun = True
        return self._frame.begin()
