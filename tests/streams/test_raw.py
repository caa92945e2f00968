"""Opening raw records: a connector's clock that is ahead gives no times in the future, to anybody who decodes."""

import json
from types import SimpleNamespace

import pytest

from streams import avro, pipeline, raw
from streams.agents.output import Output, raw_records
from streams.core.decode import decode
from streams.core.records import Lineage, RawRecord
from streams.core.times import SECOND
from streams.settings import DecodeSettings, Settings

NOW = 1_715_382_000_000_000_000
TOMORROW = NOW + 86_400 * SECOND


def written(received_at: int, time: int | None = None) -> bytes:
    body = {"device": "a", "values": {"t": 21.5}} | ({} if time is None else {"time": time})
    return avro.encode(
        RawRecord(
            id="0190",
            source="json",
            transport="mqtt",
            address="json/a",
            received_at=received_at,
            payload=json.dumps(body).encode(),
        )
    )


def times(value: bytes) -> list[int]:
    """Of the points that the record gives, appended now."""
    outcome = decode(
        raw.opened(value, NOW, 7), Lineage(0, 0), 1, pipeline.context(DecodeSettings(), mapping=lambda _: None)
    )
    assert outcome.readings or [letter.reason for letter in outcome.dead_letters] == ["time-in-future"]
    return [m.time for reading in outcome.readings for m in reading.measurements]


def test_a_message_without_a_time_lies_where_kafka_appended_it() -> None:
    assert times(written(TOMORROW)) == [NOW + 7]


def test_a_time_is_in_the_future_by_kafkas_clock() -> None:
    assert times(written(TOMORROW, TOMORROW)) == []
    assert times(written(TOMORROW, NOW + 3599 * SECOND)) == [NOW + 3599 * SECOND]


def test_the_decode_agent_opens_records_so() -> None:
    consumed = SimpleNamespace(offset=7, key=b"json:a", value=written(TOMORROW), timestamp=NOW // 1_000_000)

    [(opened, record)] = raw_records(0, [consumed], {}, Output(max_bytes=1_000, passes=lambda _: True))

    assert (opened.received_at, record.offset) == (NOW + 7, 7)


def test_what_is_none_is_said() -> None:
    with pytest.raises(avro.AvroError):
        raw.opened(None, NOW, 7)


def test_how_far_ahead_receipts_and_points_may_lie() -> None:
    settings = Settings(window={"grace_s": 7}, decode={"future_limit_s": 100})

    assert raw.receipt_ahead(settings) == 67 * SECOND
    assert raw.point_ahead(settings) == 167 * SECOND
