"""Bodies that Kafka refuses: kept byte for byte, found again by the dead letter."""

import asyncio
import hashlib
from pathlib import Path

import fsspec  # type: ignore[import-untyped]  # has no stubs
import orjson

from connectors.sources.diversion import Diversion
from streams.core.records import DeadLetter, RawRecord
from streams.settings import DiversionSettings
from tests.contracts.raw_writer import record

BODY = bytes(range(256)) * 10


def keep(url: str, one: RawRecord) -> DeadLetter:
    return asyncio.run(Diversion(DiversionSettings(url=url)).keep(one, "too-large", "Broker: Message size too large"))


def test_keeps_the_body_in_a_directory(tmp_path: Path) -> None:
    letter = keep(str(tmp_path / "deep"), record(BODY))
    path = Path(str(letter.body).removeprefix("file://"))
    assert path.read_bytes() == BODY
    assert [entry.name for entry in path.parent.iterdir()] == [path.name], "no partial file stays"


def test_keeps_the_body_at_an_fsspec_url() -> None:
    letter = keep("memory://diverted", record(BODY))
    with fsspec.open(letter.body, "rb") as file:
        assert file.read() == BODY


def test_says_in_the_letter_all_that_the_record_held(tmp_path: Path) -> None:
    one = record(BODY, "../../etc/passwd", qos="1")
    letter = keep(str(tmp_path), one)
    assert (letter.stage, letter.reason, letter.raw_partition, letter.raw_offset) == ("door", "too-large", -1, -1)
    assert (letter.source, letter.at, letter.correlation_id) == ("json", one.received_at, one.id)
    assert orjson.loads(letter.detail) == {
        "error": "Broker: Message size too large",
        "sha256": hashlib.sha256(BODY).hexdigest(),
        "bytes": 2560,
        "transport": "mqtt",
        "address": "../../etc/passwd",
        "content_type": "x/y",
        "headers": {"qos": "1"},
        "connector": "test",
    }


def test_makes_no_path_of_what_the_sender_chose(tmp_path: Path) -> None:
    one = record(BODY, "../../etc/passwd")
    letter = keep(str(tmp_path), one)
    assert letter.body == (tmp_path / f"{hashlib.sha256(BODY).hexdigest()}-{one.id}").as_uri()
