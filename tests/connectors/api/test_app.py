"""What every caller meets, without Kafka: a registry that was folded by hand and is written by nobody."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.api import operator
from connectors.api.context import Services
from connectors.api.gate import Gate
from connectors.api.passwords import Passwords, token_hash
from streams.core.records import LogicalDevice, PhysicalDevice, Source
from streams.core.user_record import Token, User
from streams.registry.keeper import Keeper
from streams.registry.state import LOGICAL, PHYSICAL, SOURCES, USERS, Change
from streams.registry.store import Store
from streams.settings import ApiSettings, KafkaSettings
from tests.connectors.api.memory import NOWHERE, application

FOREVER, PAST = 2**62, 1
JSON = {"content-type": "application/json"}


class Caller:
    """Calls one application in one loop."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.store = runner.run(self._registry())
        keeper = Keeper(self.store, KafkaSettings(), sources=(), code="test", seen_every_s=30, device_limit=1000)
        services = Services(self.store, keeper, Passwords(), NOWHERE)
        self._transport = httpx.ASGITransport(Gate(application(services), self.store, "op"))

    def __call__(self, method: str, path: str, bearer: str | None = "op", **arguments: Any) -> httpx.Response:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return self._runner.run(self._ask(method, path, headers | arguments.pop("headers", {}), arguments))

    async def _ask(self, method: str, path: str, headers: dict[str, str], arguments: dict[str, Any]) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url="http://api") as client:
            return await client.request(method, path, headers=headers, **arguments)

    async def _registry(self) -> Store:
        store = Store(KafkaSettings(bootstrap_servers="127.0.0.1:1"), "test")
        store.folded = True
        for change in REGISTERED:
            store.state.apply(change)
        return store


@pytest.fixture(scope="module")
def call() -> Iterator[Caller]:
    with asyncio.Runner() as runner:
        yield Caller(runner)


@pytest.fixture
def unread(call: Caller) -> Iterator[None]:
    call.store.folded = False
    yield
    call.store.folded = True


def token(name: str, expires_at: int = FOREVER) -> Token:
    return Token(name="login", hash=token_hash(name), created_at=0, expires_at=expires_at)


def user(uid: int, role: str, *tokens: Token, valid: bool = True) -> Change:
    known = User(uid=uid, username=f"user{uid}", password="", role=role, valid=valid, tokens=list(tokens))
    return Change(USERS, str(uid), known)


REGISTERED = [
    Change(SOURCES, "wombat", Source(name="wombat")),
    Change(
        PHYSICAL,
        "4",
        PhysicalDevice(
            uid=4,
            device="wombat:B8",
            source="wombat",
            name="Wombat-B8",
            last_seen=1_715_382_000_123_456_789,
            source_ids={"serial_no": "B8", "sdi-12": '["113METER"]'},
            properties='{"a":{"b":1}}',
        ),
    ),
    Change(LOGICAL, "2", LogicalDevice(uid=2, name="paddock")),
    user(1, "admin", token("admin"), token("old", PAST)),
    user(2, "read-only", token("reader")),
    user(3, "admin", token("disabled"), valid=False),
]


@pytest.mark.parametrize("bearer", [None, "", "unknown", "old", "disabled"])
def test_a_caller_without_a_living_token_gets_401_and_no_body(call: Caller, bearer: str | None) -> None:
    for method, path in (
        ("GET", "/api/physical/devices/4"),
        ("POST", "/broker/api/mappings/"),
        ("GET", "/api/nowhere"),
    ):
        answer = call(method, path, bearer)
        assert (answer.status_code, answer.content) == (401, b"")


def test_a_reader_reads_and_gets_403_without_body_for_the_rest(call: Caller) -> None:
    assert call("GET", "/api/physical/devices/4", "reader").status_code == 200
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        answer = call(method, "/api/logical/devices", "reader")
        assert (answer.status_code, answer.content) == (403, b"")
    assert call("GET", "/api/users", "reader").status_code == 403
    assert call("GET", "/api/users", "admin").status_code == 200


def test_a_registry_that_is_not_read_yet_is_503_for_everybody(call: Caller, unread: None) -> None:
    for bearer in (None, "unknown", "admin"):
        answer = call("GET", "/api/physical/devices", bearer)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert call("GET", "/readyz", None).status_code == 503
    assert call("GET", "/healthz", None).status_code == 200


def test_a_change_without_a_writer_is_503(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.registry.store.OFFICE_S", 0.01)
    answer = call("POST", "/api/logical/devices", json={"name": "a"})
    assert (answer.status_code, answer.json()) == (503, {"detail": "No process can write the registry now."})


def test_devices_have_iotas_shape_and_their_key_under_api(call: Caller) -> None:
    shape = {
        "uid": 4,
        "source_name": "wombat",
        "name": "Wombat-B8",
        "location": None,
        "last_seen": "2024-05-10T23:00:00.123456+00:00",
        "source_ids": {"serial_no": "B8", "sdi-12": ["113METER"]},
        "properties": {"a": {"b": 1}},
    }
    assert call("GET", "/broker/api/physical/devices/4/").json() == shape
    assert call("GET", "/api/physical/devices/4").json() == shape | {
        "device": "wombat:B8",
        "state": "missing",
        "last_raw": None,
    }
    bare = call("GET", "/broker/api/physical/devices/?include_properties=false").json()
    assert bare == [shape | {"properties": {}}]
    assert call("GET", "/api/physical/devices?source_name=ttn").json() == []
    assert call("GET", "/api/logical/devices").json() == [
        {"uid": 2, "name": "paddock", "location": None, "last_seen": None, "properties": {}, "state": "missing"}
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": None},
        {"name": "a\ud800"},
        {"name": "a", "location": {"lat": 1}},
        {"name": "a", "location": {"lat": 91, "long": 0}},
        {"name": "a", "last_seen": "1066-01-01T00:00:00Z"},
        {"name": "a", "last_seen": "9999-12-31T00:00:00Z"},
        {"name": "a", "properties": {"x": float("nan")}},
        {"name": "a", "properties": {"x": "\ud800"}},
        {"name": "a", "properties": [1]},
        [],
        "text",
    ],
)
def test_a_bad_body_is_422_and_told_what_is_wrong(call: Caller, body: Any) -> None:
    content = json.dumps(body)
    answer = call("POST", "/api/logical/devices", content=content, headers=JSON)
    assert answer.status_code == 422
    assert all(fault["msg"] and fault["loc"][0] == "body" for fault in answer.json()["detail"])


def test_a_token_request_without_basic_is_401_and_asks_for_it(call: Caller) -> None:
    for header in ({}, {"Authorization": "Bearer op"}, {"Authorization": "Basic !"}, {"Authorization": "Basic YQ=="}):
        answer = call("GET", "/broker/api/token", None, headers=header)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Basic")


def test_the_documentation_is_open_and_names_every_path(call: Caller) -> None:
    assert call("GET", "/docs", None).status_code == 200
    document = call("GET", "/api/openapi.json", None).json()
    assert {"/api/token", "/api/mappings", "/api/physical/devices/{uid}", "/api/generations"} <= set(document["paths"])
    assert document["paths"]["/api/token"]["get"]["security"] == [{"basic": []}]
    for model in ("NewPhysicalDevice", "NewLogicalDevice", "NewMapping", "NewUser"):
        assert document["components"]["schemas"][model]["examples"]


def test_metrics_are_open(call: Caller) -> None:
    assert "isthmus_registry_writer" in call("GET", "/metrics", None).text


def test_the_operators_token_is_new_with_each_start_and_only_for_its_own_account(tmp_path: Path) -> None:
    settings = ApiSettings(directory=tmp_path / "new")
    assert operator.read_token(settings) is None
    first, second = operator.new_token(), operator.new_token()
    assert first != second
    for token in (first, second):
        operator.write_token(settings, token)
        assert operator.read_token(settings) == token
    assert operator.path(settings).stat().st_mode & 0o777 == 0o600


def test_passwords_verify_only_against_their_own_hash() -> None:
    async def tried() -> list[bool]:
        passwords = Passwords()
        hashed = await passwords.hash("correct horse")
        cases = ((hashed, "correct horse"), (hashed, "wrong"), (None, "correct horse"), ("", ""), ("no hash", "x"))
        return [await passwords.verify(known, password) for known, password in cases]

    assert asyncio.run(tried()) == [True, False, False, False, False]
