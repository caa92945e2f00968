"""The webhook door in front of a real Kafka: 204 means durable, whatever dies or is away."""

from pathlib import Path

import httpx

from streams.core.records import DeadLetter
from tests.ports import free_port
from tests.stack import doors
from tests.stack.harness import Installation, Process, eventually
from tests.stack.proxy import Proxy


def door(installation: Installation, **webhook: object) -> tuple[Installation, str]:
    """The installation with the door's settings, and its URL."""
    port = free_port()
    return installation.with_settings(webhook={"port": port} | webhook), f"http://127.0.0.1:{port}"


def start(installation: Installation, tmp_path: Path) -> Process:
    return installation.start("run", "webhook", section="webhook", log=tmp_path / "webhook.log")


def test_keeps_every_body_byte_for_byte_before_it_answers(installation: Installation, tmp_path: Path) -> None:
    at, url = door(installation)
    start(at, tmp_path)
    bodies = {b"": "/webhooks/json", b'{"no": json': "/webhooks/wombat", bytes(10_000_000): "/ttn/webhook/up"}
    for body, path in bodies.items():
        answer = httpx.post(
            url + path, content=body, headers={"content-type": "x/y", "x-request-id": "7", "cookie": "c"}
        )
        assert (answer.status_code, answer.content) == (204, b"")
        assert body in {record.payload for record in doors.raw(at)}, "durable at the time of the answer"
    assert httpx.post(f"{url}/webhooks/json", content=bytes(20_000_000)).status_code == 204, "it is diverted"
    letters = doors.contents(at, "dead-letters", DeadLetter)
    assert [(letter.stage, letter.reason) for letter in letters] == [("door", "too-large")]
    assert Path(str(letters[0].body).removeprefix("file://")).read_bytes() == bytes(20_000_000)

    found = {record.payload: record for record in doors.raw(at)}
    assert {body: record.address for body, record in found.items()} == bodies
    assert found[bytes(10_000_000)].source == "ttn"
    malformed = found[b'{"no": json']
    assert (malformed.source, malformed.transport, malformed.connector) == ("wombat", "http", "webhook")
    assert malformed.content_type == "x/y"
    assert malformed.headers == {
        "content-type": "x/y",
        "user-agent": malformed.headers["user-agent"],
        "x-request-id": "7",
    }


def test_loses_nothing_that_was_answered_when_killed_under_load(installation: Installation, tmp_path: Path) -> None:
    at, url = door(installation)
    process = start(at, tmp_path)
    with doors.posting(f"{url}/webhooks/json") as acknowledged:
        eventually(lambda: len(acknowledged) > 50)
        process.kill()
        before = len(acknowledged)
        process = start(at, tmp_path)
        eventually(lambda: len(acknowledged) > before + 30)
        assert process.stop() == 0
    sent = set(acknowledged)
    assert sent <= {record.payload for record in doors.raw(at)}


def test_keeps_answering_while_kafka_is_away_and_loses_nothing_when_killed_then(
    installation: Installation, tmp_path: Path
) -> None:
    kafka = Proxy(installation.stack.kafka, kafka=True)
    at, url = door(installation)
    at = at.with_settings(kafka={"bootstrap_servers": kafka.address}, spool=at.overrides["spool"] | {"takeover_s": 0.3})
    kafka.open()
    try:
        process = start(at, tmp_path)
        with doors.posting(f"{url}/webhooks/json") as acknowledged:
            eventually(lambda: len(acknowledged) > 50)
            kafka.shut()
            before = len(acknowledged)
            eventually(lambda: len(acknowledged) > before + 50)
            assert process.ready(), "the spool can take records"
            process.kill()
            process = start(at, tmp_path)
            before = len(acknowledged)
            eventually(lambda: len(acknowledged) > before + 30)
            kafka.open()
            eventually(lambda: "spool-steps-back" in process.log.read_text())
            eventually(lambda: 'isthmus_spool_records{connector="webhook"} 0.0' in process.metrics())
        sent = set(acknowledged)
        eventually(lambda: sent <= {record.payload for record in doors.raw(installation)})
    finally:
        kafka.close()


def test_says_that_it_is_not_durable_when_kafka_is_away_and_the_spool_is_full(
    installation: Installation, tmp_path: Path
) -> None:
    at, url = door(installation)
    settings = at.overrides["spool"] | {"takeover_s": 0.2, "quota_mb": 1}
    at = at.with_settings(kafka={"bootstrap_servers": f"127.0.0.1:{free_port()}"}, spool=settings)
    process = start(at, tmp_path)
    answers = [httpx.post(f"{url}/webhooks/json", content=bytes(400_000)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [204, 204, 503]
    assert answers[2].headers["retry-after"] == "5"
    process.kill()
