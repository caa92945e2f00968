"""Topics of signed messages at the API: what must be said, and what is never shown."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from streams.core.signed_topic import SignedField, SignedKey, SignedTopic
from streams.registry.state import SIGNED_TOPICS, Change
from tests.connectors.api.test_app import Caller

SECRET = "a secret that nobody sees"
BODY: dict[str, Any] = {
    "topic": "sensors/a/1", "dataset": "d", "fields": {"t": {"type": "float", "min": 0}}, "raw_retention_s": 60,
    "keys": [{"key": SECRET}],
}  # fmt: skip


@pytest.fixture(scope="module")
def call() -> Iterator[Caller]:
    with asyncio.Runner() as runner:
        caller = Caller(runner)
        topic = SignedTopic(
            topic="sensors/a/1", dataset="d", tags={"row": "3"}, fields=[SignedField(name="t", type="float", unit="°C")],
            keys=[SignedKey(key=SECRET, not_after=1_800_000_000_000_000_000)], raw_retention=60,
        )  # fmt: skip
        caller.store.state.apply(Change(SIGNED_TOPICS, topic.topic, topic))
        yield caller


def test_shows_a_fingerprint_and_never_the_key(call: Caller) -> None:
    for path in ("/api/signed-topics", "/api/signed-topics/sensors/a/1", "/openapi.json"):
        answer = call("GET", path)
        assert answer.status_code == 200
        assert SECRET not in answer.text
    shown = call("GET", "/api/signed-topics/sensors/a/1").json()
    assert (shown["device"], shown["tags"], shown["raw_retention_s"]) == ("signed:sensors/a/1", {"row": "3"}, 60)
    assert shown["keys"] == [
        {"fingerprint": SignedKey(key=SECRET).fingerprint, "not_before": None, "not_after": "2027-01-15T08:00:00+00:00"}
    ]


@pytest.mark.parametrize(
    "told",
    [
        {"raw_retention_s": None},
        {"raw_retention_s": 0},
        {"topic": "sensors/#"},
        {"topic": ""},
        {"fields": {"ts": {"type": "int"}}},
        {"fields": {"t": {"type": "double"}}},
        {"fields": {"t": {"type": "str", "max": 1}}},
        {"fields": {"t": {"type": "int", "min": 2, "max": 1}}},
        {"keys": [{"key": SECRET, "fingerprint": "00000000"}]},
        {"keys": [{"key": "short"}]},
        {"keys": [{"key": SECRET, "not_afer": "2026-01-01T00:00:00Z"}]},
        {"freshness": 5},
    ],
)
def test_refuses_what_cannot_be_without_repeating_the_key(call: Caller, told: dict[str, Any]) -> None:
    answer = call("POST", "/api/signed-topics", json=BODY | told)
    assert answer.status_code == 422
    assert SECRET not in answer.text


def test_retention_must_be_said(call: Caller) -> None:
    answer = call(
        "POST", "/api/signed-topics", json={name: told for name, told in BODY.items() if name != "raw_retention_s"}
    )
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "raw_retention_s"]


def test_what_is_not_registered_is_not_found(call: Caller) -> None:
    assert call("GET", "/api/signed-topics/sensors/a/2").status_code == 404
