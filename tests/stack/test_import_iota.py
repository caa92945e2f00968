"""An IoTa moves in: devices, mappings, then its messages, which the history of the mappings places; once, however often."""

import asyncio
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from connectors.migration import iota_dump, iota_registry, iota_send
from connectors.migration.iota_report import RawReport
from connectors.migration.iota_send import Progress, Wanted
from streams.core.records import RawRecord, Reading
from streams.registry.state import Author
from tests import postgres
from tests.connectors.migration import iota
from tests.connectors.migration.test_iota_postgres import fill
from tests.ports import free_port
from tests.stack import raw_log
from tests.stack.api import Api
from tests.stack.conftest import installed
from tests.stack.harness import Installation, Stack, eventually
from tests.stack.test_api import log_in

NORTH = 12


@pytest.fixture(scope="module")
def installation(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(stack, tmp_path_factory.mktemp("iota")) as made:
        yield made


@pytest.fixture(scope="module")
def api(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Api:
    started = Api(installation, tmp_path_factory.mktemp("process"), seen_every_s=1)
    started.wait_ready()
    return started


def imported(api: Api, *arguments: str) -> Any:
    done = api.command("import", "iota", "--yes", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def raw(installation: Installation) -> list[RawRecord]:
    return sorted(raw_log.values(installation.settings.kafka, "raw", RawRecord), key=lambda record: record.id)


def test_an_iota_moves_in_once(
    installation: Installation, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = tmp_path / "iota.sql"
    dump.write_bytes(iota.dump())

    tried = imported(api, "--dump", str(dump), "--dry-run")
    assert tried["raw"]["letters"] == {"ydoc: open/bad-json": 1}
    assert raw(installation) == []
    first = imported(api, "--dump", str(dump))

    assert first["registry"]["added"]["physical-devices"] == 5
    assert (first["raw"]["sent"], first["raw"]["skipped"]) == (5, {"no time, source or message": 1})
    sent = raw(installation)
    assert [(record.source, record.address) for record in sent] == [
        ("ttn", "/ttn/webhook/up"),
        ("wombat", "wombat"),
        ("ydoc", "YDOC/108170001"),
        ("ict_mqtt", "ict/data/mncm2l301"),
        ("ydoc", "YDOC"),
    ]
    with api.client() as client:
        assert client.get("/physical/devices/301").json()["name"] == "probe 7\tnorth"
        history = client.get(f"/mappings/logical/all/{NORTH}").json()
        assert [(one["pd"]["uid"], one["end_time"] is None) for one in history] == [(301, True), (303, False)]
        assert api.command("users", "chng", "-u", "ann", stdin="correct horse\n").returncode == 0
        assert api.command("users", "token", "-u", "ann", "--enable").returncode == 0
        assert log_in(api, "ann", "correct horse").status_code == 200
        new = client.post(
            "/physical/devices/", json={"source_name": "ttn", "name": "n", "source_ids": {"dev_eui": "01"}}
        )
        assert new.json()["uid"] == 306

    for again in (imported(api, "--dump", str(dump)), *_of_the_server(api, monkeypatch)):
        assert (again["registry"]["added"], again["raw"]["sent"]) == ({}, 0)
    assert raw(installation) == sent

    decoding = installation.start("run", "decode", section="decode", log=tmp_path / "decode.log")
    readings = eventually(lambda: _readings(installation, 5))
    assert decoding.stop() == 0
    placed = {reading.device: (reading.physical_uid, reading.measurements[0].logical_uid) for reading in readings}
    assert placed["ttn:70b3d57ed0051a2b"] == (301, NORTH)
    assert placed["wombat:B8D61A0100AA"] == (303, None), "paused since March"
    assert placed["ict_mqtt:mncm2l301"] == (305, None)
    with api.client() as client:
        eventually(lambda: any(d["uid"] > 306 for d in client.get("/physical/devices").json()))
        devices = {device["uid"]: device["source_ids"] for device in client.get("/physical/devices").json()}
    assert {uid for uid, ids in devices.items() if ids.get("dev_eui") == "70b3d57ed0051a2b"} >= {301}
    assert all(uid > 306 and ids["id"].endswith(("-s1", "108170001")) for uid, ids in devices.items() if uid > 306)


def _of_the_server(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The same from PostgreSQL, where its programs are: what the dump brought is known."""
    if postgres.bin_directory() is not None:
        with postgres.running(free_port()) as url:
            fill(url)
            monkeypatch.setenv("PGPASSWORD", postgres.PASSWORD)
            yield imported(api, "--pg", url)


def _readings(installation: Installation, count: int) -> list[Reading]:
    found = raw_log.values(installation.settings.kafka, "readings", Reading)
    return found if len(found) >= count else []


def test_an_import_that_was_interrupted_goes_on_and_doubles_nothing(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = tmp_path / "iota.sql"
    columns, rows = iota.TABLES["raw_messages"]
    many = [
        (n, "wombat", None, f"83d04e6f-db16-4280-8337-{n:012}", rows[1][4], iota.WOMBAT, None) for n in range(1, 26)
    ]
    dump.write_bytes(iota.dump({**iota.TABLES, "raw_messages": (columns, many)}))
    tables, kafka = iota_dump.opened(dump), installation.settings.kafka
    origins = iota_registry.plan(tables, {}, "", Author("a", 1)).origins
    monkeypatch.setattr(iota_send, "STRETCH", 10)

    def run(rows: int, *, killed: bool = False) -> RawReport:
        progress, report = Progress(kafka, "killed", Wanted()), RawReport()
        if killed:
            monkeypatch.setattr(progress, "save", _only_the_first(progress))
        every = iota_send.records(islice(tables.raw(progress.uid), rows), origins, Wanted(), report)
        asyncio.run(iota_send.send(installation.settings, every, progress, 0, report, lambda _: None))
        return report

    run(15, killed=True)
    second = run(25)

    assert (second.there, second.sent) == (15, 10)
    ids = [record.id for record in raw(installation) if record.id.startswith("83d04e6f-db16-4280-8337-0000000000")]
    assert len(ids) == len(set(ids)) == 25
    assert run(25).read == 0
    progress, others = (
        Progress(kafka, "killed", Wanted()),
        [{**row, "correlation_id": "other"} for row in tables.raw(24)],
    )
    assert progress.is_of(tables.raw(24), origins)
    assert not progress.is_of(iter(others), origins)
    assert not progress.is_of(iter([]), origins)


def _only_the_first(progress: Progress) -> Any:
    """As a kill after Kafka has confirmed, and before anything was noted but where it began."""
    save = progress.save

    def saved(uid: int, last: str = "", *, done: bool = False) -> None:
        if not progress.cursor.times:
            save(uid, last)

    return saved
