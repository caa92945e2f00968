"""Corrections with a real log and store: complete lines for files, dots for Ubidots by the sink's own code."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.replays.corrections import send_ubidots, write_files
from connectors.sinks.clickhouse.log_sink import LogSink
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.store import Store
from streams.core.records import LogicalDevice
from streams.core.times import SECOND
from tests.connectors.replays.making import DEVICE, MAPPING, NOON, PROBE, correction, replay
from tests.stack import raw_log
from tests.stack.harness import Installation, Stack
from tests.stack.store import records
from tests.stack.ubidots import Ubidots

ROWS = [
    correction(21.5, offset=0),
    correction(1.0, name="raw", offset=1, time=NOON + SECOND),
    correction(9.0, offset=2, time=NOON + 2 * SECOND, removed=True),
    correction("wet", name="state", offset=3),
]


@pytest.fixture
def account() -> Iterator[Ubidots]:
    made = Ubidots().start()
    yield made
    made.stop()


@pytest.fixture
def filled(installation: Installation, account: Ubidots, stack: Stack) -> Iterator[Installation]:
    """A mapped device, its place known to Ubidots by a label, and the receipts of two of the raw records."""
    settings = installation.settings
    migrate(settings.clickhouse)
    raw_log.write(settings.kafka, "device-mapping", DEVICE, MAPPING)
    raw_log.write(settings.kafka, "physical-devices", "3", PROBE)
    place = LogicalDevice(uid=9, name="paddock", properties=json.dumps({"ubidots": {"label": "paddock-9"}}))
    raw_log.write(settings.kafka, "logical-devices", "9", place)
    sink = LogSink(settings)
    sink.write(records(raw_log.json_record(0), raw_log.json_record(1), topic="raw"))
    sink.close()
    yield installation.with_settings(ubidots=account.settings | {"requests_per_s": 50})
    store = Store(settings.clickhouse, "test")
    store.command(f"DROP DATABASE `{settings.clickhouse.database}`")
    store.close()


def test_files_get_a_generation_and_ubidots_the_corrected_numbers_and_an_undo_its_own(
    filled: Installation, account: Ubidots
) -> None:
    settings, about = filled.settings, replay(sinks=["ubidots"], undo_generation=6)

    manifest = write_files(settings, about, ROWS)
    first, again = send_ubidots(settings, about, ROWS), send_ubidots(settings, about, ROWS)

    assert (manifest.points, manifest.withdrawn) == (3, 1)
    lines = [json.loads(line) for line in lines_of(settings.files.directory)]
    assert [line["broker_correlation_id"] for line in lines] == ["id-0", "id-1", "", ""]
    assert [line["raw"] for line in lines] == [[0, 0], [0, 1], [0, 2], [0, 3]]
    assert account.dots() == {
        ("paddock-9", "t", NOON // 1_000_000): 21.5,
        ("paddock-9", "moisture", (NOON + SECOND) // 1_000_000): 0.1,
    }
    assert (first.points, first.readings, first.withdrawn, first.refused) == (2, 3, 1, 0)
    assert again == first

    back = [correction(215.0, offset=0)]
    undone = write_files(settings, about, back, undo=True)
    send_ubidots(settings, about, back, undo=True)

    assert (undone.undo, undone.generation) == (True, 6)
    assert account.dots()["paddock-9", "t", NOON // 1_000_000] == 215.0


def lines_of(root: Path) -> list[str]:
    return (root / "segments/generation-5/corrections-000001.ndjson").read_text().splitlines()
