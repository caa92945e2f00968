"""What devices said, asked of the API over a real store: IoTa's GET /messages, and tables as CSV.

The cases and their figures are those of IoTa's own tests, with fewer messages.
"""

import asyncio
import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest

from connectors.sinks.base import Record
from connectors.sinks.clickhouse.log_sink import LogSink
from streams import avro
from streams.core.records import DeviceMapping, Interval, LogicalDevice, PhysicalDevice, RawRecord, Variable
from streams.registry.state import LOGICAL, MAPPING, PHYSICAL, Change
from tests.connectors.api.memory import Api
from tests.stack.harness import Stack
from tests.stack.store import Bench, measured, reading, records

COUNT = 100
LATEST = datetime(2024, 5, 10, 23, tzinfo=UTC)
TIMES = [LATEST - timedelta(minutes=15) * n for n in range(COUNT)]
"""newest first"""
BOX, PLACE, NAMED = 7, 2, "json:probe"
AHEAD = datetime(2100, 1, 1, tzinfo=UTC)


def ns(time: datetime) -> int:
    return int(time.timestamp()) * 1_000_000_000


def registered() -> list[Change]:
    since, until = ns(TIMES[9]), ns(TIMES[4])
    variables = [Variable("t", "temperature", 2.0, 1.0), Variable("junk", drop=True)]
    mapping = DeviceMapping(device=NAMED, physical_uid=BOX, intervals=[Interval(PLACE, since, until, [], variables)])
    device = PhysicalDevice(uid=BOX, device=NAMED, source="json", name="probe")
    place = LogicalDevice(uid=PLACE, name="paddock")
    changes = {PHYSICAL: (BOX, device), LOGICAL: (PLACE, place), MAPPING: (NAMED, mapping)}
    return [Change(topic, str(key), record) for topic, (key, record) in changes.items()]


def fill(bench: Bench) -> None:
    """A message each 15 min, message 0 the newest; one lies in the future, and message 50 brings an older value along."""
    log = LogSink(bench.settings)
    for n, time in enumerate([*TIMES, AHEAD]):
        uid = PLACE if TIMES[9] <= time < TIMES[4] else None
        said = [measured(float(n), ns(time), "t", uid), measured("x", ns(time), "junk", uid)]
        said += [measured(-1.0, ns(time) - 1_500_000_000, "t", uid)] if n == 50 else []
        bench.sink.write(records(reading(*said, offset=n), first=n))
        payload = b"\xff\x03" if n == 3 else json.dumps({"t": n}).encode()
        raw = RawRecord(
            id=f"c{n}",
            source="json",
            transport="http",
            address="/",
            received_at=ns(time) + 1_000_000_000,
            payload=payload,
        )
        log.write([Record("raw", 0, n, b"k", avro.encode(raw), raw.received_at)])


@pytest.fixture(scope="module")
def bench(stack: Stack) -> Iterator[Bench]:
    made = Bench(stack.clickhouse)
    fill(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def call(bench: Bench) -> Iterator[Api]:
    with asyncio.Runner() as runner:
        yield Api(runner, registered(), bench.settings)


def found(call: Api, **query: Any) -> list[dict[str, Any]]:
    answer = call("GET", "/broker/api/messages", params={"p_uid": BOX} | query)
    assert answer.status_code == 200, answer.text
    shown: list[dict[str, Any]] = answer.json()
    return shown


def times(messages: list[dict[str, Any]]) -> list[datetime]:
    return [datetime.fromisoformat(message["ts_utc"]) for message in messages]


def test_all_of_the_past_newest_first(call: Api) -> None:
    assert times(found(call)) == TIMES
    assert found(call, only_timestamp=1, count=2) == [{"ts_utc": t.isoformat()} for t in TIMES[:2]]
    assert times(found(call, count=50)) == TIMES[:50]


def test_a_message_is_what_its_raw_record_said(call: Api) -> None:
    start = (TIMES[50] - timedelta(minutes=5)).isoformat()
    (message,) = found(call, start=start, end=TIMES[50].isoformat(), include_received_at=True)
    assert message == {
        "ts_utc": TIMES[50].isoformat(),
        "received_at_utc": (TIMES[50] + timedelta(seconds=1)).isoformat(),
        "broker_correlation_id": "c50",
        "p_uid": BOX,
        "timestamp": TIMES[50].isoformat(),
        "timeseries": [
            {"name": "t", "value": -1.0, "timestamp": (TIMES[50] - timedelta(seconds=1.5)).isoformat()},
            {"name": "junk", "value": "x"},
            {"name": "t", "value": 50.0},
        ],
    }


def test_start_is_exclusive_and_end_inclusive_in_any_zone(call: Api) -> None:
    assert times(found(call, start=TIMES[1].isoformat())) == TIMES[:1]
    assert times(found(call, start=TIMES[9].isoformat(), end=TIMES[5].isoformat())) == TIMES[5:9]
    sydney = TIMES[5].astimezone().isoformat()
    assert times(found(call, start="2024-05-11T06:45:00+10:00", end=sydney)) == TIMES[5:9]
    assert found(call, end=(TIMES[-1] - timedelta(seconds=1)).isoformat()) == []
    assert times(found(call, end=TIMES[-1].isoformat())) == TIMES[-1:]
    assert found(call, start=LATEST.isoformat()) == []


def test_the_future_is_only_told_when_it_is_asked_for(call: Api) -> None:
    assert times(found(call, start=LATEST.isoformat(), end="2101-01-01T00:00:00Z")) == [AHEAD]
    assert found(call, last="1h") == []
    assert times(found(call, last="9y", count=1)) == TIMES[:1]


def test_a_logical_device_shows_its_own_names_and_only_its_time(call: Api) -> None:
    answer = call("GET", "/api/messages", params={"l_uid": PLACE})
    assert times(answer.json()) == TIMES[5:10]
    newest = answer.json()[0]
    assert (newest["p_uid"], newest["l_uid"], newest["timeseries"]) == (
        BOX,
        PLACE,
        [{"name": "temperature", "value": 11.0}],
    )


def table(call: Api, path: str, **query: Any) -> list[list[str]]:
    answer = call("GET", path, params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8"), answer.text
    return list(csv.reader(StringIO(answer.text)))


def test_a_wide_table_has_a_column_per_name_and_local_time(call: Api) -> None:
    rows = table(call, f"/api/logical/devices/{PLACE}/readings.csv", zone="Australia/Sydney")
    assert rows[0] == ["l_uid", "ts", "received_at", "temperature", "ts_local"]
    assert len(rows) == 6
    received = (TIMES[9] + timedelta(seconds=1)).isoformat()
    assert rows[1] == [str(PLACE), TIMES[9].isoformat(), received, "19.0", "2024-05-11T06:45:00+10:00"]


def test_a_long_table_has_a_row_per_value(call: Api) -> None:
    asked = {"layout": "long", "start": (TIMES[50] - timedelta(minutes=5)).isoformat(), "end": TIMES[50].isoformat()}
    rows = table(call, f"/api/physical/devices/{BOX}/readings.csv", **asked)
    assert rows[0] == ["l_uid", "p_uid", "msg_timestamp", "timestamp", "name", "value", "ts_local"]
    at, before = TIMES[50].isoformat(), (TIMES[50] - timedelta(seconds=1.5)).isoformat()
    assert [row[1:6] for row in rows[1:]] == [
        [str(BOX), at, before, "t", "-1.0"], [str(BOX), at, at, "junk", "x"], [str(BOX), at, at, "t", "50.0"],
    ]  # fmt: skip


def test_raw_messages_come_as_they_were_received(call: Api) -> None:
    asked = {"source": "json", "start": TIMES[3].isoformat(), "end": TIMES[1].isoformat()}
    answer = call("GET", "/api/raw", params=asked)
    assert answer.headers["content-type"] == "application/x-ndjson"
    text, binary = map(json.loads, answer.text.splitlines())
    assert (text["raw"], text["id"], text["payload"]) == ("0@2", "c2", '{"t": 2}')
    assert (binary["raw"], binary["payload_base64"], binary["received_at"]) == (
        "0@3",
        "/wM=",
        (TIMES[3] + timedelta(seconds=1)).isoformat(),
    )
    assert call("GET", "/api/raw", params=asked | {"source": "ttn"}).content == b""


def test_a_store_that_is_away_is_503(bench: Bench) -> None:
    away = bench.settings.model_copy(
        update={"clickhouse": bench.settings.clickhouse.model_copy(update={"url": "http://127.0.0.1:1"})}
    )
    with asyncio.Runner() as runner:
        call = Api(runner, registered(), away)
        for path in (f"/api/messages?p_uid={BOX}", f"/api/physical/devices/{BOX}/readings.csv", "/api/raw"):
            answer = call("GET", path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
