"""Signed messages through the real doors: they wait until their topic is registered, and a replay brings them."""

import time
from pathlib import Path
from typing import Any

import httpx

import sql
from streams.core import signature
from streams.core.times import SECOND
from tests.ports import free_port
from tests.stack import doors
from tests.stack.harness import Installation, eventually
from tests.stack.replay_run import Running
from tests.stack.replay_world import World

OLD_KEY, NEW_KEY = "the old key of bench 1", "the new key of bench 1"
NORTH, SOUTH = "sensors/house/1", "signed/house/2"


def entry(topic: str, bench: str, *keys: dict[str, Any]) -> dict[str, Any]:
    fields = {"level": {"type": "float", "unit": "m", "min": 0, "max": 5}}
    told = {"dataset": "house", "tags": {"bench": bench}, "fields": fields, "raw_retention_s": 86_400}
    return {"topic": topic, "keys": list(keys)} | told


def message(at: int, level: float, key: str) -> bytes:
    return signature.message({"ts": at // SECOND, "ts_ns": at % SECOND, "level": level}, key)


def test_messages_wait_for_their_topic_and_keys_rotate(installation: Installation, tmp_path: Path) -> None:
    port = free_port()
    broker = {"port": installation.stack.mqtt_port, "client_id": installation.unique}
    run = Running(
        installation, tmp_path, World(1), mqtt={"brokers": [broker]}, webhook={"port": port}
    )  # fmt: skip
    run.start("decode", "window", "clickhouse", "clickhouse-log", "replay")
    for door in ("mqtt", "webhook"):
        run.installation.start("run", door, section=door, log=tmp_path / f"{door}.log")
    at = time.time_ns()
    sent = [
        (NORTH, message(at, 1.5, OLD_KEY)),
        (NORTH, message(at + 1, 2.5, OLD_KEY)),
        (NORTH, message(at, 1.5, OLD_KEY)),
    ]
    doors.publish(run.installation, [*sent, (SOUTH, message(at, 3.5, NEW_KEY))])
    eventually(lambda: reasons(run) == {"unregistered-topic": 4})
    assert points(run) == []

    with run.api.client() as client:
        told = client.post("/signed-topics", json=entry(NORTH, "north", {"key": OLD_KEY}))
        assert told.status_code == 201, told.text
        eventually(lambda: newest(run) == ("topics changed", 2), 40)
        assert client.post("/signed-topics", json=entry(SOUTH, "south", {"key": NEW_KEY})).status_code == 201
        assert OLD_KEY not in client.get("/signed-topics").text
    eventually(lambda: newest(run) == ("topics changed", 3), 40)
    applied = run.replay(
        "dead-letters", selection={"stages": ["open"], "reasons": ["unregistered-topic"]}, apply=True
    )  # fmt: skip
    assert applied["state"] == "applied", applied["error"]
    assert points(run) == [(f"signed:{NORTH}", at, 1.5), (f"signed:{NORTH}", at + 1, 2.5), (f"signed:{SOUTH}", at, 3.5)]

    rotate(run, told.json())
    doors.publish(run.installation, [(NORTH, message(at + 2, 4.0, OLD_KEY)), (NORTH, message(at + 3, 4.5, NEW_KEY))])
    posted = httpx.post(f"http://127.0.0.1:{port}/webhooks/signed/{NORTH}", content=message(at + 4, 4.75, NEW_KEY))
    assert posted.status_code == 204
    eventually(lambda: [value for _, _, value in points(run)] == [1.5, 2.5, 4.5, 4.75, 3.5])
    assert eventually(lambda: reasons(run).get("hmac")) == 1
    tagged = {"dataset": "house", "tag": "bench", "value": "north"}
    query = sql.query("readings_by_tag")
    eventually(lambda: {row[0] for row in run.store.rows(query, tagged)} == {f"signed:{NORTH}"})
    expire(run)
    assert eventually(lambda: run.api.command("verify").returncode == 0)
    run.close()


def rotate(run: Running, told: dict[str, Any]) -> None:
    """The old key ends now, the new one counts."""
    (_, before), (key,) = newest(run), told["keys"]
    ended = {"fingerprint": key["fingerprint"], "not_after": told["changed_at"]}
    body = {name: value for name, value in entry(NORTH, "north", ended, {"key": NEW_KEY}).items() if name != "topic"}
    run.ask("PUT", f"/signed-topics/{NORTH}", **body)
    eventually(lambda: newest(run)[1] == before + 1, 40)


def expire(run: Running) -> None:
    """What is older than its topic's retention is hidden; aggregates are not, and the store still holds what the log says."""
    told = {name: value for name, value in entry(SOUTH, "south").items() if name not in {"topic", "keys"}}
    run.ask("PUT", f"/signed-topics/{SOUTH}", **told | {"raw_retention_s": 1})
    eventually(lambda: {device for device, _, _ in points(run)} == {f"signed:{NORTH}"})
    hours = "SELECT sum(count) FROM named_aggregates WHERE device LIKE 'signed:%' AND window_s = 3600"
    eventually(lambda: run.store.rows(hours)[0][0] == 5)


def newest(run: Running) -> tuple[str, int]:
    """Why the newest generation was opened, and its number."""
    generation = run.ask("GET", "/generations")[0]
    return generation["why"], generation["number"]


def points(run: Running) -> list[tuple[str, int, float]]:
    """As stored, exact to the ns."""
    columns = "device, toUnixTimestamp64Nano(time), value"
    rows = run.store.rows(f"SELECT {columns} FROM readings WHERE source = 'signed' ORDER BY device, time")
    return [(str(device), int(at), float(value)) for device, at, value in rows]


def reasons(run: Running) -> dict[str, int]:
    rows = run.store.rows("SELECT reason, count() FROM dead_letters FINAL GROUP BY reason")
    return {str(reason): int(count) for reason, count in rows}
