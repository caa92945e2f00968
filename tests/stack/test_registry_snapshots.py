"""Snapshots on the real log: taken without an API, restored through one, into the same and another installation."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.sinks.clickhouse.migrate import migrate
from connectors.sinks.clickhouse.store import connect
from streams.core.identity import row_version
from streams.registry import snapshot
from streams.registry.snapshot import Snapshot
from tests.stack.api import Api
from tests.stack.conftest import installed
from tests.stack.harness import Stack
from tests.stack.store import NOON
from tests.stack.test_api import box, place


@pytest.fixture(scope="module")
def here(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with installed(stack, tmp_path_factory.mktemp("here")) as made:
        api = Api(made, tmp_path_factory.mktemp("process"))
        api.wait_ready()
        yield api


@pytest.fixture(scope="module")
def elsewhere(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with installed(stack, tmp_path_factory.mktemp("elsewhere")) as made:
        api = Api(made, tmp_path_factory.mktemp("process"))
        api.wait_ready()
        yield api


def answer(api: Api, *arguments: str) -> Any:
    done = api.command(*arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read(path: Path) -> Snapshot:
    return snapshot.read(path.read_bytes().splitlines(keepends=True))


def mapped(client: httpx.Client, pd: int, ld: int) -> None:
    assert client.post("/mappings/", json={"pd": pd, "ld": ld}).status_code == 201


def test_a_registry_comes_back_here_and_moves_elsewhere(here: Api, elsewhere: Api, tmp_path: Path) -> None:
    first, other = tmp_path / "first.jsonl", tmp_path / "other.jsonl"
    with here.client() as client:
        boxes, places = [box(client, f"0{n}") for n in range(3)], [place(client, f"paddock {n}") for n in range(2)]
        mapped(client, boxes[0], places[0])
        user = {"username": "ann", "password": "correct horse", "role": "admin"}
        assert client.post("/users", json=user).status_code == 201
        assert client.delete(f"/physical/devices/{boxes[2]}").status_code == 204
    here.process.stop()

    told = answer(here, "registry", "backup", "-o", str(first), "--json")

    assert told["records"]["physical-devices"] == 3, "the removed one, too"
    assert first.stat().st_mode & 0o777 == 0o600

    moved = answer(elsewhere, "registry", "restore", str(first), "--yes", "--json")
    assert moved["verified"], moved
    assert moved["missing"] == {} == moved["differ"]
    assert "generation(s) and 0 replay(s) are left out" in moved["notes"][0]
    with elsewhere.client() as client:
        assert client.get(f"/mappings/physical/current/{boxes[0]}").json()["ld"]["uid"] == places[0]
        assert box(client, "new") == 4, "no uid is given twice"
    answer(elsewhere, "registry", "backup", "-o", str(other), "--json")
    theirs, ours = read(other).tables, read(first).tables
    for topic in ("device-mapping", "physical-devices"):
        assert theirs[topic].items() >= ours[topic].items()
    assert theirs["users"] == ours["users"]
    assert theirs["logical-devices"] == ours["logical-devices"]

    here.restart()
    here.wait_ready()
    with here.client() as client:
        assert client.patch("/logical/devices", json={"uid": places[0], "name": "renamed"}).status_code == 200
        late = box(client, "0late")
    refused = here.command("registry", "restore", str(first), "--yes")
    assert refused.returncode == 1
    assert "would change or go: say --force" in refused.stderr

    forced = answer(here, "registry", "restore", str(first), "--force", "--yes", "--json")
    assert forced["verified"]
    with here.client() as client:
        assert client.get(f"/logical/devices/{places[0]}").json()["name"] == "paddock 0"
        assert client.get(f"/physical/devices/{late}").status_code == 404
        assert box(client, "0later") == late + 1
    nothing = answer(here, "registry", "restore", str(first), "--dry-run", "--json")
    assert nothing["writes"] == 2, "the box that came since, and its mapping record"


def test_what_is_decoded_after_a_restore_stands_above_rows_of_generations_that_the_registry_has_lost(
    here: Api, tmp_path: Path
) -> None:
    taken, store = tmp_path / "taken.jsonl", here.installation.settings.clickhouse
    answer(here, "registry", "backup", "-o", str(taken), "--json")
    migrate(store)
    connect(store, store.database).command(
        f"INSERT INTO points (series_id, ts, value, version) SELECT 1, fromUnixTimestamp64Nano({NOON}), 1, {row_version(8, 0, 0)}"
    )

    answer(here, "registry", "restore", str(taken), "--force", "--yes", "--json")
    answer(here, "registry", "restore", str(taken), "--force", "--yes", "--json")

    with here.client() as client:
        numbers = [shown["number"] for shown in client.get("/generations").json()]
        assert client.post("/generations", json={"why": "next"}).json()["number"] == 10
    assert numbers == [9, *range(numbers[1], 0, -1)], "one, however often it is restored"


def test_a_broken_file_writes_nothing(here: Api, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.jsonl.zst", tmp_path / "cut.jsonl.zst"
    answer(here, "registry", "backup", "-o", str(whole), "--json")
    cut.write_bytes(whole.read_bytes()[:-20])

    done = here.command("registry", "restore", str(cut), "--yes", "--force")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "nothing was written" in done.stderr
