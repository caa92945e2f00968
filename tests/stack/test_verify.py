"""`isthmus verify` on an installation at work: a part, one device, while data flow; and what somebody has tampered with."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from typer.testing import CliRunner, Result

from connectors.cli.main import build
from connectors.sinks.clickhouse.migrate import migrate
from connectors.sources.receipt import receive
from connectors.verify import store_side
from streams.core.identity import series_id, version_parts
from streams.core.records import DeadLetter
from streams.core.times import DAY, SECOND
from streams.settings import Settings
from tests.stack import raw_log
from tests.stack.harness import Installation, eventually


def message(device: str, at: int, value: float) -> bytes:
    return json.dumps({"device": device, "time": at, "values": {"t": value}}).encode()


def send(settings: Settings, bodies: list[bytes]) -> None:
    records = [receive("json", "mqtt", "json/x", body, connector="test") for body in bodies]
    raw_log.write_raw(settings.kafka, records)


def verify(at: Installation, *arguments: str) -> Result:
    return CliRunner().invoke(build(("verify",)), ["verify", *arguments], env=at.environment())


@pytest.fixture
def at(installation: Installation, tmp_path: Path) -> Installation:
    raw_log.open_generation(installation.settings.kafka)
    migrate(installation.settings.clickhouse)
    for kind, *arguments in (("decode",), ("window",), ("sink", "clickhouse"), ("sink", "clickhouse-log")):
        log = tmp_path / f"{'-'.join((kind, *arguments))}.log"
        installation.start("run", kind, *arguments, section=kind, log=log, wait=False)
    eventually(lambda: all(process.ready() for process in installation.processes), 60)
    return installation


@contextmanager
def flowing(settings: Settings) -> Iterator[None]:
    """A message of device c every few milliseconds."""
    stop = Event()

    def run() -> None:
        while not stop.wait(0.02):
            send(settings, [message("c", time.time_ns(), 1)])

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        try:
            yield
        finally:
            stop.set()
        running.result(30)


def test_a_part_of_a_system_at_work_is_compared_and_a_tampered_row_found_where_it_is(at: Installation) -> None:
    day, now = 86_400 * SECOND, time.time_ns() // SECOND * SECOND
    send(at.settings, [message(d, now - 2 * day + n * SECOND, n) for d in "ab" for n in range(150)] + [b"rubbish"])
    send(at.settings, [message(d, now - 60 * SECOND + n * SECOND, n) for d in "ab" for n in range(50)])

    with flowing(at.settings):
        working = verify(at)
        part = verify(at, "--from", "3d", "--to", "1d")
        device = verify(at, "--device", "json:b")
    assert working.exit_code == part.exit_code == device.exit_code == 0, working.output + part.output + device.output
    assert "300" in part.output

    client = store_side.connect(at.settings.clickhouse)
    client.command(
        "INSERT INTO points SELECT * REPLACE (value + 1 AS value) FROM points FINAL"
        f" WHERE series_id = {series_id('json:a', 't')} AND ts < now() - toIntervalDay(1) LIMIT 1"
    )
    client.close()

    told = verify(at, "--wait", "0", "--from", "3d", "--to", "1d")
    assert (told.exit_code, "wrong" in told.output) == (1, True)
    assert verify(at, "--wait", "0", "--device", "json:a").exit_code == 1
    assert verify(at, "--wait", "5", "--device", "json:b").exit_code == 0
    assert verify(at, "--wait", "5", "--from", "1d").exit_code == 0


TAMPERED = {
    "a": ("points: wrong", "INSERT INTO points SELECT * REPLACE (quality + 2 AS quality) FROM points FINAL WHERE {of} LIMIT 1"),
    "b": ("latest: wrong", "INSERT INTO latest SELECT * REPLACE (value + 1 AS value) FROM latest FINAL WHERE {of}"),
    "c": ("latest: wrong", "INSERT INTO latest SELECT * REPLACE (NULL AS value, 'x' AS text) FROM latest FINAL WHERE {of}"),
    "d": ("latest: wrong", "INSERT INTO latest SELECT * REPLACE (logical_uid + 1 AS logical_uid) FROM latest FINAL WHERE {of}"),
    "e": ("latest: wrong", "INSERT INTO latest SELECT * REPLACE (quality + 8 AS quality) FROM latest FINAL WHERE {of}"),
    "f": ("latest: wrong", "INSERT INTO latest SELECT * REPLACE (version + 256 AS version) FROM latest FINAL WHERE {of}"),
    "g": ("series: missing", "DELETE FROM series WHERE {of}"),
    "i": ("aggregates: wrong", "INSERT INTO aggregates SELECT * REPLACE (sum + 1 AS sum) FROM aggregates FINAL WHERE {of} AND window_s = 3600"),
    "j": ("aggregates: missing", "DELETE FROM aggregates WHERE {of} AND window_s = 86400"),
    "h": ("series: wrong", "INSERT INTO series SELECT * REPLACE ('u' AS name) FROM series FINAL WHERE {of}"),
}  # fmt: skip


def test_one_wrong_field_of_a_row_is_found_whatever_its_table(at: Installation) -> None:
    now = time.time_ns() // SECOND * SECOND
    send(at.settings, [message(d, now - n * SECOND, n) for d in TAMPERED for n in range(2)])
    assert verify(at).exit_code == 0

    client = store_side.connect(at.settings.clickhouse)
    for device, (_, statement) in TAMPERED.items():
        client.command(statement.format(of=f"series_id = {series_id(f'json:{device}', 't')}"))
    client.close()

    for device, (said, _) in TAMPERED.items():
        told = verify(at, "--wait", "0", "--device", f"json:{device}")
        assert (told.exit_code, said in told.output) == (1, True), device + told.output
    told = verify(at, "--wait", "0")
    assert told.exit_code == 1
    assert "Name(device='json:g'" in told.output


def test_letters_that_the_topic_has_forgotten_are_set_aside_and_so_is_what_they_say_of_cuts(at: Installation) -> None:
    """The table keeps them for ever: after three months each was extra, and what a codec's limit left out was missing."""
    now = time.time_ns() // SECOND * SECOND
    send(at.settings, [message(d, now, 1) for d in "ab"])
    assert verify(at).exit_code == 0

    client, of = store_side.connect(at.settings.clickhouse), f"series_id = {series_id('json:a', 't')}"
    ((version,),) = client.query(f"SELECT version FROM points WHERE {of}").result_rows
    for table in ("points", "latest", "aggregates", "series"):
        client.command(f"DELETE FROM {table} WHERE {of}")
    for stage, reason in (("codec", "codec-timeout"), ("sink:ubidots", "refused")):
        raw_log.write(at.settings.kafka, "dead-letters", "json:a", letter(stage, reason, version, now - 100 * DAY))
    assert verify(at).exit_code == 0

    raw_log.delete_before(at.settings.kafka, raw_log.ends(at.settings.kafka, "dead-letters"), "dead-letters")
    told = verify(at, "--wait", "0")
    assert "2 dead letter(s) older than topic dead-letters goes back: not checked" in told.output
    assert told.exit_code == 0, told.output
    client.command(
        "INSERT INTO dead_letters SELECT * REPLACE ('sink:files' AS stage, now() AS at) FROM dead_letters LIMIT 1"
    )
    client.close()
    told = verify(at, "--wait", "0")
    assert (told.exit_code, "dead_letters: extra ('sink:files'" in told.output) == (1, True), told.output


def letter(stage: str, reason: str, version: int, at: int) -> DeadLetter:
    """Of the raw record that a row of this version comes from."""
    _, lineage = version_parts(version)
    return DeadLetter(
        stage=stage, reason=reason, detail="", raw_partition=lineage.partition, raw_offset=lineage.offset,
        device="json:a", at=at,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "1d", "--to", "2d"), "later than --from"),
        (("--device", "a"), "source:identity"),
        (("--from", "yesterday"), "yesterday"),
        (("--ledger", "nowhere.ndjson"), "no such ledger"),
    ],
)
def test_a_wrong_question_is_told(installation: Installation, arguments: tuple[str, ...], said: str) -> None:
    answer = verify(installation, *arguments)

    assert answer.exit_code == 2
    assert said in answer.output
