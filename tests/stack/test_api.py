"""The API on real Kafka: one process, its callers, its restarts."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from streams import avro, kafka
from streams.core.records import DeviceEvent, DeviceMapping
from streams.view import CompactedView
from tests.stack.api import Api
from tests.stack.conftest import installed
from tests.stack.harness import Installation, Stack, eventually

EIGHT = "2026-11-01T08:00:00+00:00"
NINE = "2026-11-01T09:00:00+00:00"


@pytest.fixture(scope="module")
def installation(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(stack, tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.fixture(scope="module")
def api(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Api:
    started = Api(installation, tmp_path_factory.mktemp("process"), seen_every_s=1)
    started.wait_ready()
    return started


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


def box(client: httpx.Client, dev_eui: str) -> int:
    body = {"source_name": "ttn", "name": f"box {dev_eui}", "source_ids": {"dev_eui": dev_eui}}
    return made(client.post("/physical/devices/", json=body))


def place(client: httpx.Client, name: str = "paddock") -> int:
    return made(client.post("/logical/devices/", json={"name": name}))


def made(answer: httpx.Response) -> int:
    assert answer.status_code == 201, answer.text
    uid: int = answer.json()["uid"]
    assert answer.headers["location"] == f"{str(answer.url).rstrip('/')}/{uid}"
    return uid


def log_in(api: Api, name: str, password: str) -> httpx.Response:
    secret = base64.b64encode(f"{name}:{password}".encode()).decode()
    return httpx.get(f"http://127.0.0.1:{api.port}/broker/api/token", headers={"Authorization": f"Basic {secret}"})


def wait_generations(client: httpx.Client, count: int) -> list[dict[str, Any]]:
    def enough() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.get("/generations").json()
        return found if len(found) >= count else []

    return eventually(enough)


def test_the_first_administrator_is_made_once_and_adds_others(api: Api) -> None:
    first, second = (api.command("users", "ensure-admin") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "users add -a" in second.stdout
    admin = log_in(api, "admin", first.stdout.split()[-1]).json()
    assert len(admin) == 128
    with api.client(admin) as client:
        reader = {"username": "reader", "password": "pass:with:colons", "role": "read-only"}
        assert client.post("/users", json=reader).status_code == 201
        assert client.post("/users", json=reader).status_code == 409
        assert log_in(api, "reader", "wrong").status_code == log_in(api, "nobody", "wrong").status_code == 401
        with api.client(log_in(api, "reader", "pass:with:colons").json()) as before:
            changed = before.post("/change-password", params={"password": "pass:without"}).json()
            assert before.get("/logical/devices").status_code == 401
        with api.client(changed) as reading:
            assert reading.get("/logical/devices").status_code == 200
            assert reading.post("/logical/devices", json={"name": "a"}).status_code == 403
            assert client.delete("/users/reader").status_code == 204
            assert reading.get("/logical/devices").status_code == 401


def test_an_edit_is_a_merge(client: httpx.Client) -> None:
    body = {"name": "a", "location": {"lat": -31.0, "long": 148.5}, "properties": {"x": {"y": 1}}}
    uid = made(client.post("/logical/devices/", json=body))
    client.patch("/logical/devices/", json={"uid": uid, "properties": {"x": {"z": 2}}})
    client.patch("/logical/devices/", json={"uid": uid, "name": "b"})
    shown = client.get(f"/logical/devices/{uid}").json()
    assert (shown["name"], shown["location"], shown["properties"]) == ("b", body["location"], {"x": {"y": 1, "z": 2}})
    assert client.patch("/logical/devices/", json={"uid": uid, "location": None}).json()["location"] is None
    assert client.patch("/logical/devices/", json={"uid": 99, "name": "b"}).status_code == 404
    assert client.delete(f"/logical/devices/{uid}").status_code == 204
    assert client.delete(f"/logical/devices/{uid}").status_code == 404


def test_a_box_needs_a_known_source_and_an_identity_of_its_own(client: httpx.Client) -> None:
    assert client.get("/physical/sources/").json() == [
        "chirpstack", "csv", "dragino_json", "factory", "ict_mqtt", "json", "points", "signed", "sparkplug", "ttn",
        "vibration", "wombat", "ydoc",
    ]  # fmt: skip
    refused = client.post("/physical/devices", json={"source_name": "nosuch", "name": "a"})
    assert (refused.status_code, refused.json()) == (400, {"detail": "There is no source nosuch."})
    uid = box(client, "00AA")
    again = {"source_name": "ttn", "name": "another", "source_ids": {"dev_eui": "00aa"}}
    assert client.post("/physical/devices", json=again).status_code == 409
    assert client.delete(f"/physical/devices/{uid}").status_code == 204


def test_a_mapping_from_start_to_history(client: httpx.Client) -> None:
    first, second, field = box(client, "01"), box(client, "02"), place(client)
    start = {"pd": {"uid": first, "name": "ignored"}, "ld": field, "start_time": "2026-11-01T08:00:00"}
    answer = client.post("/mappings/", json=start)
    assert (answer.status_code, answer.json()) == (201, None)
    assert client.post("/mappings/", json=start).status_code == 400
    unmapped = [device["uid"] for device in client.get("/physical/devices/unmapped").json()]
    assert [uid in unmapped for uid in (first, second)] == [False, True]
    assert client.patch("/mappings/toggle-active/", params={"luid": field, "is_active": False}).status_code == 204
    shown = [mapping for mapping in client.get("/mappings/current/").json() if mapping["ld"] == field]
    assert [(m["pd"], m["ld"], m["start_time"], m["end_time"], m["is_active"]) for m in shown] == [
        (first, field, EIGHT, None, False)
    ]
    assert client.patch("/mappings/toggle-active/", params={"puid": first, "is_active": True}).status_code == 204
    assert client.patch("/mappings/toggle-active/", params={"is_active": True}).status_code == 400
    assert client.post("/mappings/", json={"pd": second, "ld": field, "start_time": NINE}).status_code == 201
    history = client.get(f"/mappings/logical/all/{field}").json()
    assert [(m["pd"]["uid"], m["start_time"], m["end_time"]) for m in history] == [
        (second, NINE, None), (first, EIGHT, NINE),
    ]  # fmt: skip
    assert client.get(f"/mappings/physical/current/{first}").status_code == 404
    assert client.get(f"/mappings/physical/latest/{first}").json()["end_time"] == NINE
    end = {"end_time": "2026-11-01T21:00:00+11:00"}
    assert client.patch(f"/mappings/physical/end/{second}", params=end).status_code == 204
    assert client.get(f"/mappings/logical/latest/{field}").json()["end_time"] == "2026-11-01T10:00:00+00:00"
    assert client.patch(f"/mappings/logical/end/{field}").status_code == 404
    assert client.delete(f"/physical/devices/{first}").status_code == 409
    assert client.post("/mappings/", json={"pd": 99, "ld": field}).status_code == 404


def test_one_of_many_racing_starts_wins_and_agents_see_it_within_a_second(
    installation: Installation, client: httpx.Client
) -> None:
    uid, fields = box(client, "AA01"), [place(client) for _ in range(6)]
    view = CompactedView(installation.settings.kafka, "device-mapping", DeviceMapping).start()
    assert view.wait_ready(30)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda ld: client.post("/mappings", json={"pd": uid, "ld": ld}).status_code, fields))
    mapping = eventually(lambda: (found := view.get("ttn:aa01")) and found.intervals and found, timeout=1, every=0.01)
    view.stop()
    assert sorted(answers) == [201, 400, 400, 400, 400, 400]
    assert isinstance(mapping, DeviceMapping)
    assert [i.logical_uid for i in mapping.intervals] == [fields[answers.index(201)]]


def test_kill_9_loses_nothing_and_opens_no_generation(api: Api, client: httpx.Client) -> None:
    uid, field = box(client, "77"), place(client)
    client.post("/mappings", json={"pd": uid, "ld": field, "start_time": EIGHT})
    wait_generations(client, 1)
    paths = ("/physical/devices", "/logical/devices", "/mappings/current", "/generations", "/users")
    before = [client.get(path).json() for path in paths]
    api.process.kill()
    api.restart()
    api.wait_ready()
    with api.client() as again:
        assert [again.get(path).json() for path in paths] == before
        made(again.post("/logical/devices", json={"name": "b"}))
        assert again.get("/generations").json() == before[3]


def test_a_person_can_open_a_generation(api: Api, client: httpx.Client) -> None:
    wait_generations(client, 1)
    assert client.post("/generations", json={"why": "new sensors"}).status_code == 201
    listed = api.command("generations", "list").stdout.splitlines()
    assert ["new sensors" in listed[0], "the first generation" in listed[-1]] == [True, True]


def test_devices_register_themselves_and_are_seen(installation: Installation, client: httpx.Client) -> None:
    producer = kafka.BatchProducer(installation.settings.kafka)

    def say(device: str, at: int) -> None:
        event = DeviceEvent(kind="seen", device=device, source="json", at=at, name="Tank", source_ids={"id": "t"})
        producer.send("device-events", device, avro.encode(event))

    def seen() -> dict[str, str]:
        found = client.get("/physical/devices", params={"source_name": "json"}).json()
        return {device["device"]: device["last_seen"] for device in found}

    for number in range(50):
        say(f"json:{number}", 1_000_000_000)
    producer.flush()
    eventually(lambda: len(seen()) == 50)
    assert seen()["json:7"] == "1970-01-01T00:00:01+00:00"
    say("json:7", 5_000_000_000)
    say("json:7", 2_000_000_000)
    producer.flush()
    assert eventually(lambda: seen()["json:7"] == "1970-01-01T00:00:05+00:00")
    assert len(seen()) == 50
