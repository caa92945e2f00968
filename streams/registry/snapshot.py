"""A registry as a file, and back. Pure; the format is versioned and documented here.

JSON lines in UTF-8. First a header (``Header``); then one line a record, ``{"topic": …, "key": …, "record": {…}}`` with the
fields of ``schemas/<record>``, times in ns; at the end ``{"records": <how many>, "sha256": <of every byte before>}``, so that
a file that is cut or edited is recognised. A record that JSON cannot hold exactly (NaN) has ``"avro"``, its Avro encoding
in base64, for ``"record"``. Removed devices and users are among the records, so that their uids are never given again.

In memory a registry is its topics' latest records in Avro, newest schema: equal records are equal bytes.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

import msgspec
from msgspec import Raw, Struct

import schemas
from streams import avro
from streams.registry.state import KINDS

FORMAT, VERSION = "isthmus registry snapshot", 1
PASSING = frozenset({"requests"})
"""Topics of what matters for a day only."""

Tables = dict[str, dict[str, bytes]]
"""Topic -> key -> record."""


class Header(Struct, frozen=True, kw_only=True):
    """Where and when it was taken. ``log``: Kafka's id of topic `raw`, whose offsets generations and replays speak of."""

    format: str = FORMAT
    version: int = VERSION
    taken_at: str
    cluster: str
    log: str
    prefix: str
    records: dict[str, int] = {}
    schemas: dict[str, int] = {}


class Snapshot(Struct, frozen=True):
    """A whole registry."""

    header: Header
    tables: Tables


class Broken(Exception):
    """The file is no snapshot, not all of one, or of a newer version; the message says which."""


class _Line(Struct, frozen=True, forbid_unknown_fields=True):
    topic: str
    key: str
    record: Raw = Raw()
    avro: str | None = None


class _Last(Struct, frozen=True, forbid_unknown_fields=True):
    records: int
    sha256: str


_HEADER, _LINE, _END = msgspec.json.Decoder(Header), msgspec.json.Decoder(_Line), msgspec.json.Decoder(_Last)
_ENCODER = msgspec.json.Encoder()
_READERS = {topic: msgspec.json.Decoder(kind) for topic, kind in KINDS.items()}


def topics() -> list[str]:
    """The registry's topics that a snapshot holds."""
    return [topic for topic in KINDS if topic not in PASSING]


def lines(snapshot: Snapshot) -> Iterator[bytes]:
    """The file, line by line."""
    counts = {topic: len(records) for topic, records in snapshot.tables.items()}
    versions = {topic: _schema_version(topic) for topic in snapshot.tables}
    digest, count = sha256(), 0
    for line in _content(msgspec.structs.replace(snapshot.header, records=counts, schemas=versions), snapshot.tables):
        digest.update(line)
        count += 1
        yield line
    yield _ENCODER.encode(_Last(count - 1, digest.hexdigest())) + b"\n"


def read(content: Iterable[bytes]) -> Snapshot:
    """The snapshot that the lines of a file are.

    Raises:
        Broken: they are none.
    """
    waiting, digest, count = iter(content), sha256(), 0
    first = next(waiting, b"")
    header, tables = _header(first), Tables()
    digest.update(first)
    for line in waiting:
        if line.startswith(b'{"records":'):
            _check_end(line, count, digest.hexdigest())
            _check_nothing_follows(waiting)
            return Snapshot(header, {topic: tables.get(topic, {}) for topic in header.records} | tables)
        digest.update(line)
        count += 1
        topic, key, record = _record(line, count + 1)
        tables.setdefault(topic, {})[key] = record
    raise Broken(f"The snapshot ends after {count:,} record(s), before its last line: it is not complete.")


def _content(header: Header, tables: Tables) -> Iterator[bytes]:
    yield _ENCODER.encode(header) + b"\n"
    for topic, records in tables.items():
        for key in sorted(records, key=_in_order):
            yield _line(topic, key, records[key])


def _line(topic: str, key: str, value: bytes) -> bytes:
    told = _ENCODER.encode(avro.decode(value, KINDS[topic]))
    if _exact(topic, told, value):
        return _ENCODER.encode({"topic": topic, "key": key, "record": Raw(told)}) + b"\n"
    return _ENCODER.encode({"topic": topic, "key": key, "avro": b64encode(value).decode()}) + b"\n"


def _exact(topic: str, told: bytes, value: bytes) -> bool:
    try:
        return avro.encode(_READERS[topic].decode(told)) == value
    except msgspec.ValidationError:
        return False


def _in_order(key: str) -> tuple[int, str]:
    """Numbers by their value."""
    return len(key) if key.isdecimal() else 0, key


def _header(line: bytes) -> Header:
    try:
        header = _HEADER.decode(line)
    except (msgspec.MsgspecError, ValueError):
        raise Broken("This is no snapshot of a registry.") from None
    if header.format != FORMAT:
        raise Broken("This is no snapshot of a registry.")
    if header.version > VERSION:
        raise Broken(
            f"The snapshot has format version {header.version}; this Isthmus reads up to {VERSION}: update it."
        )
    for topic, version in header.schemas.items():
        if topic not in KINDS or version > _schema_version(topic):
            raise Broken(f"The snapshot's records of {topic} are of a newer Isthmus: update this one.")
    return header


def _record(line: bytes, number: int) -> tuple[str, str, bytes]:
    try:
        told = _LINE.decode(line)
        reader = _READERS[told.topic]
        if told.avro is not None:
            record = avro.decode(b64decode(told.avro, validate=True), KINDS[told.topic])
        else:
            record = reader.decode(told.record)
        return told.topic, told.key, avro.encode(record)
    except (msgspec.MsgspecError, avro.AvroError, KeyError, ValueError, OverflowError):
        raise Broken(f"Line {number} of the snapshot is no record: the file is broken.") from None


def _check_end(line: bytes, count: int, digest: str) -> None:
    try:
        end = _END.decode(line)
    except (msgspec.MsgspecError, ValueError):
        raise Broken("The last line of the snapshot is cut: it is not complete.") from None
    if (end.records, end.sha256) != (count, digest):
        raise Broken("The snapshot is not what was written: its checksum differs.")


def _check_nothing_follows(rest: Iterator[bytes]) -> None:
    if next(rest, b""):
        raise Broken("Something follows the snapshot's last line: the file is broken.")


def _schema_version(topic: str) -> int:
    return len(schemas.versions(avro.NAMES[KINDS[topic]]))


def records_of(tables: Mapping[str, Mapping[str, bytes]]) -> int:
    """How many there are."""
    return sum(map(len, tables.values()))
