"""Two API processes: one writes, the other says so, and takes over; a frozen writer cannot write when it thaws."""

import random
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from streams.core.records import LogicalDevice
from streams.registry.state import LOGICAL, Change
from streams.registry.writer import Unwritten, Writer
from streams.view import CompactedView
from tests.stack.api import Api
from tests.stack.harness import PLAIN, Installation, eventually


def names(api: Api) -> list[str]:
    with api.client() as client:
        return [device["name"] for device in client.get("/logical/devices").json()]


def create(api: Api, name: str) -> int:
    with api.client() as client:
        return client.post("/logical/devices", json={"name": name}).status_code


def is_writer(api: Api) -> bool:
    return "isthmus_registry_writer 1.0" in api.process.metrics()


def test_one_writes_and_the_other_takes_over_from_a_frozen_one(installation: Installation, tmp_path: Path) -> None:
    pair = [Api(installation, tmp_path) for _ in range(2)]
    for api in pair:
        api.wait_ready()
    writer, follower = sorted(pair, key=lambda api: eventually(lambda: settled(pair)) and not is_writer(api))
    assert (create(writer, "a"), create(follower, "b")) == (201, 503)
    assert eventually(lambda: names(follower) == ["a"])

    writer.process.signal(signal.SIGSTOP)
    eventually(lambda: is_writer(follower))
    assert create(follower, "c") == 201
    writer.process.signal(signal.SIGCONT)
    expected = ["a", "c", "d"] if create(writer, "d") == 201 else ["a", "c"]  # it may have been elected again
    assert eventually(lambda: names(writer) == names(follower) == expected)


def test_races_against_two_processes_one_of_which_dies_leave_one_open_mapping_each(
    installation: Installation, tmp_path: Path
) -> None:
    pair = [Api(installation, tmp_path) for _ in range(2)]
    for api in pair:
        api.wait_ready()
    eventually(lambda: settled(pair))
    boxes = [asked(pair, "/physical/devices", {"source_name": "ttn", "name": f"b{n}"})["uid"] for n in range(3)]
    places = [asked(pair, "/logical/devices", {"name": f"p{n}"})["uid"] for n in range(3)]

    def caller(seed: int) -> list[int]:
        """Maps, and creates places; every request is repeated under its key until it is answered."""
        rng, made = random.Random(seed), []
        for _ in range(15):
            mapping = {"pd": rng.choice(boxes), "ld": rng.choice(places), "force": rng.random() < 0.7}
            asked(pair, "/mappings", mapping, rng)
            made.append(asked(pair, "/logical/devices", {"name": f"made by {seed}"}, rng)["uid"])
        return made

    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(caller, seed) for seed in range(6)]
        eventually(lambda: len(names(pair[0])) > 20, every=0.01)
        writer = next(api for api in pair if is_writer(api))
        writer.process.kill()
        writer.restart()
        made = [uid for each in running for uid in each.result()]

    assert len(made) == len(set(made)) == 6 * 15
    assert eventually(lambda: settled(pair))
    assert eventually(lambda: current(pair[0]) == current(pair[1]))
    with pair[0].client() as client:
        assert len(client.get("/logical/devices").json()) == 3 + 6 * 15
    opened = current(pair[0])
    assert len({pd for pd, _ in opened}) == len({ld for _, ld in opened}) == len(opened) > 0


def asked(pair: list[Api], path: str, body: dict[str, Any], rng: random.Random | None = None) -> Any:
    """The answer of whichever process gives one; the request is the same every time."""
    rng, key = rng or random.Random(), {"Idempotency-Key": uuid.uuid4().hex}

    def answered() -> httpx.Response | None:
        api = rng.choice(pair)
        try:
            with api.client() as client:
                answer = client.post(path, json=body, headers=key)
        except (httpx.TransportError, OSError):
            return None
        return None if answer.status_code in (401, 503) else answer  # 401: the operator's token of the process before

    answer = eventually(answered, 120)
    assert answer is not None
    assert answer.status_code in (201, 400), answer.text
    return answer.json()


def current(api: Api) -> set[tuple[int, int]]:
    with api.client() as client:
        return {(mapping["pd"], mapping["ld"]) for mapping in client.get("/mappings/current").json()}


def test_a_writer_cannot_write_after_another_was_opened(installation: Installation) -> None:
    settings = installation.settings.kafka
    frozen, next_one = Writer(settings), Writer(settings)
    frozen.open()
    assert frozen.write([place(1)]) == {LOGICAL: 1}
    next_one.open()
    next_one.write([place(2)])
    with pytest.raises(Unwritten):
        frozen.write([place(3)])
    next_one.write([place(4)])
    view = CompactedView(settings, LOGICAL, LogicalDevice).start()
    assert view.wait_ready(30)
    assert sorted(view.data) == [b"1", b"2", b"4"]
    view.stop()
    next_one.close()


def place(uid: int) -> Change:
    return Change(LOGICAL, str(uid), LogicalDevice(uid=uid, name="place"))


def settled(pair: list[Api]) -> bool:
    return all(api.process.ready() for api in pair) and sum(map(is_writer, pair)) == 1


def test_it_starts_without_kafka_and_says_503_never_401(installation: Installation, tmp_path: Path) -> None:
    away = installation.with_settings(kafka={"bootstrap_servers": "127.0.0.1:1"})
    api = Api(away, tmp_path)
    url = f"http://127.0.0.1:{api.port}"
    assert eventually(lambda: answers(url))
    refused = httpx.get(f"{url}/api/logical/devices", headers={"Authorization": "Bearer x"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert httpx.get(f"{url}/readyz", verify=PLAIN).status_code == 503
    assert httpx.get(f"{url}/healthz", verify=PLAIN).status_code == 200
    assert api.process.stop() == 0


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", verify=PLAIN).status_code == 200
    except httpx.TransportError:
        return False
