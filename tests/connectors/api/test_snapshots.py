"""Whole records over the API: for administrators, and only where they saw what still stands."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.connectors.api.memory import Api

NORTH = {"topic": "logical-devices", "key": "12", "record": {"uid": 12, "name": "North paddock", "changed_by": "ann"}}


@pytest.fixture
def api() -> Iterator[Api]:
    with asyncio.Runner() as runner:
        yield Api(runner)


def put(api: Api, *records: dict[str, Any], **more: Any) -> Any:
    return api("POST", "/api/registry/records", json=list(records), **more)


def test_records_are_written_as_they_are_and_their_history_says_by_whom(api: Api) -> None:
    answer = put(api, NORTH, params={"why": "restored"})

    assert (answer.status_code, answer.json()) == (200, {"written": 1})
    assert api.store.state.logical[12].changed_by == "ann"
    (creation,) = api("GET", "/api/logical/devices/12/history").json()
    assert (creation["kind"], creation["by"]) == ("created", "ann")


def test_a_record_where_another_one_stands_by_now_is_refused_and_none_is_written(api: Api) -> None:
    assert put(api, NORTH).status_code == 200

    answer = put(api, {**NORTH, "key": "13", "record": {"uid": 13, "name": "South"}}, NORTH)

    assert answer.status_code == 409
    assert answer.json()["detail"] == (
        "The registry has changed since it was read (logical-devices 12): run the command again."
    )
    assert 13 not in api.store.state.logical


def test_a_tombstone_is_a_record_that_is_null(api: Api) -> None:
    assert put(api, {"topic": "rules", "key": "r", "record": {"id": "r", "from": "m"}}).status_code == 200

    assert put(api, {"topic": "rules", "key": "r", "was": "held", "record": None}).status_code == 200

    assert api.store.state.rules == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{}",
        b'[{"topic": "users"}]',
        b'[{"topic": "nothing", "key": "1", "record": {}}]',
        b'[{"topic": "requests", "key": "1", "record": {"key": "1", "digest": "", "at": 1}}]',
        b'[{"topic": "logical-devices", "key": "12", "record": {"uid": 13, "name": "n"}}]',
        b'[{"topic": "logical-devices", "key": "twelve"}]',
        b'[{"topic": "logical-devices", "key": "12", "record": {"uid": "12", "name": "n"}}]',
        b'[{"topic": "logical-devices", "key": "12", "record": {"uid": 12, "name": "n"}, "extra": 1}]',
    ],
)
def test_what_is_no_record_is_refused(api: Api, body: bytes) -> None:
    answer = api("POST", "/api/registry/records", content=body)

    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)
    assert api.store.state.logical == {}


def test_readers_may_not(api: Api) -> None:
    assert put(api, NORTH, bearer=None).status_code == 401
