"""Logging in, tokens, passwords and users, as their callers meet them."""

import asyncio
import base64
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from connectors.api.guessing import BY_BOTH
from connectors.api.passwords import AT_ONCE, WAITING, token_hash
from streams.core.user_record import User
from streams.registry.state import USERS, Change
from tests.connectors.api.memory import OPERATOR, Api

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "pass:with:colons"


@pytest.fixture(scope="module")
def built() -> Iterator[Api]:
    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:
        patch.setattr("connectors.api.passwords.PasswordHasher", lambda: QUICK)
        yield Api(runner)


@pytest.fixture
def api(built: Api) -> Api:
    """With users admin and reader."""
    built.begin_anew()
    for name, role in (("admin", "admin"), ("reader", "read-only")):
        body = {"username": name, "password": PASSWORD, "role": role}
        assert built("POST", "/api/users", json=body).status_code == 201
    return built


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def log_in(api: Api, name: str, password: str = PASSWORD, **more: Any) -> httpx.Response:
    return api("GET", "/broker/api/token", None, headers=basic(name, password), **more)


def logged_in(api: Api, name: str, password: str = PASSWORD) -> str:
    answer = log_in(api, name, password)
    assert answer.status_code == 200, answer.text
    token: str = answer.json()
    assert len(token) == 128
    return token


def reads(api: Api, token: str) -> int:
    return api("GET", "/broker/api/logical/devices/", token).status_code


def test_a_login_gives_a_token_that_is_kept_hashed_only(api: Api) -> None:
    token = logged_in(api, "reader")
    assert reads(api, token) == 200
    kept = api.store.state.user("reader")
    assert kept is not None
    assert [held.hash for held in kept.tokens] == [token_hash(token)]
    assert token not in repr(kept)


def test_a_wrong_password_an_unknown_name_and_a_disabled_user_are_told_the_same(api: Api) -> None:
    api("PATCH", "/api/users/admin", json={"valid": False})
    answers = [log_in(api, "reader", "wrong"), log_in(api, "nobody"), log_in(api, "admin")]
    assert {(answer.status_code, answer.text) for answer in answers} == {
        (401, '{"detail":"Invalid username or password."}')
    }


def test_a_name_without_a_user_costs_a_hash_as_well(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Any:
            verified.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(api.passwords, "_hasher", Counting(time_cost=1, memory_cost=8, parallelism=1))
    unset = User(uid=9, username="imported", password="", role="read-only")
    api.store.state.apply(Change(USERS, "9", unset))
    for name in ("reader", "nobody", "imported"):
        assert log_in(api, name, "wrong").status_code == 401
    assert [known.split("$")[3] for known in verified] == ["m=8,t=1,p=1"] * 3


def test_a_disabled_user_keeps_tokens_that_count_again_when_enabled(api: Api) -> None:
    token = logged_in(api, "reader")
    assert api("PATCH", "/api/users/reader", json={"valid": False}).json()["valid"] is False
    assert (reads(api, token), log_in(api, "reader").status_code) == (401, 401)
    api("PATCH", "/api/users/reader", json={"valid": True})
    assert (reads(api, token), log_in(api, "reader").status_code) == (200, 200)


def test_a_living_token_behind_another_word_is_403_with_a_detail(api: Api) -> None:
    token = logged_in(api, "reader")
    for word in ("Token", "Basic"):
        answer = api("GET", "/api/logical/devices", None, headers={"Authorization": f"{word} {token}"})
        assert (answer.status_code, answer.json()) == (403, {"detail": "Invalid authentication credentials"})
        unknown = api("GET", "/api/logical/devices", None, headers={"Authorization": f"{word} x{token}"})
        assert (unknown.status_code, unknown.content) == (401, b"")
    assert api("GET", "/api/logical/devices", None, headers={"Authorization": f"bearer {token}"}).status_code == 200


def test_too_many_failures_are_429_with_the_time_to_wait_and_tokens_go_on(api: Api) -> None:
    token = logged_in(api, "admin")
    for _ in range(BY_BOTH.free):
        assert log_in(api, "reader", "wrong", address="10.0.0.1").status_code == 401
    held_up = log_in(api, "reader", address="10.0.0.1")
    assert (held_up.status_code, held_up.headers["retry-after"]) == (429, "1")
    assert held_up.json() == {"detail": "Too many failed logins; try again in 1 s."}
    assert log_in(api, "nobody", address="10.0.0.1").status_code == 401
    assert log_in(api, "reader", address="10.0.0.2").status_code == 200
    assert reads(api, token) == 200


def test_more_logins_than_can_be_hashed_are_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.passwords, "_inside", AT_ONCE + WAITING)
    assert log_in(api, "reader").status_code == 503
    assert api("POST", "/api/users/reader/password", json={"password": PASSWORD}).status_code == 503
    monkeypatch.setattr(api.passwords, "_inside", 0)
    assert len(api.guessing) == 0


def test_an_outage_is_503_and_no_failure(api: Api) -> None:
    api.store.away = True
    for _ in range(BY_BOTH.free + 1):
        answer = log_in(api, "reader")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert log_in(api, "reader", "wrong").status_code == 401


def test_a_login_renews_a_hash_of_older_parameters(api: Api) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    api.store.state.apply(Change(USERS, "9", User(uid=9, username="old", password=old, role="read-only")))
    logged_in(api, "old")
    renewed = api.store.state.users[9].password
    assert renewed.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    logged_in(api, "old")
    assert api.store.state.users[9].password == renewed


def test_a_reader_changes_their_own_password_and_every_token_ends(api: Api) -> None:
    first, second = logged_in(api, "reader"), logged_in(api, "reader")
    third = api("POST", "/broker/api/change-password", first, params={"password": "another one"}).json()
    assert [reads(api, token) for token in (first, second, third)] == [401, 401, 200]
    fourth = api("POST", "/api/change-password", third, json={"password": "yet another"}).json()
    assert [reads(api, token) for token in (third, fourth)] == [401, 200]
    assert [log_in(api, "reader", word).status_code for word in ("another one", "yet another")] == [401, 200]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"params": {"password": "seven77"}},
        {"json": {"password": "seven77"}},
        {"json": {}},
        {"json": {"password": "long enough"}, "params": {"password": "long enough"}},
    ],
)
def test_a_password_that_is_missing_or_short_is_422_and_not_repeated(api: Api, arguments: dict[str, Any]) -> None:
    answer = api("POST", "/api/change-password", logged_in(api, "reader"), **arguments)
    assert answer.status_code == 422
    assert "seven77" not in answer.text
    assert "password" in answer.text


def test_named_tokens_are_the_callers_own(api: Api) -> None:
    token = logged_in(api, "reader")
    made = api("POST", "/api/tokens", token, json={"name": "grafana", "days": 2})
    assert made.status_code == 201
    assert (made.json()["name"], reads(api, made.json()["token"])) == ("grafana", 200)
    assert made.json()["expires_at"][:10] > made.json()["created_at"][:10]
    assert api("POST", "/api/tokens", token, json={"name": "grafana"}).status_code == 409
    listed = api("GET", "/api/tokens", token).json()
    assert [(held["name"], held["current"]) for held in listed] == [("login", True), ("grafana", False)]
    assert set(listed[0]) == {"name", "created_at", "expires_at", "current"}
    assert api("GET", "/api/tokens", logged_in(api, "admin")).json()[0]["name"] == "login"
    assert api("DELETE", "/api/tokens/grafana", token).status_code == 204
    assert reads(api, made.json()["token"]) == 401
    assert api("DELETE", "/api/tokens/grafana", token).status_code == 404


def test_logging_out_ends_this_token_only(api: Api) -> None:
    first, second = logged_in(api, "reader"), logged_in(api, "reader")
    assert api("DELETE", "/api/token", first).status_code == 204
    assert [reads(api, token) for token in (first, second)] == [401, 200]


def test_whoami_tells_who_calls_and_until_when(api: Api) -> None:
    shown = api("GET", "/api/whoami", logged_in(api, "reader")).json()
    expires = shown.pop("expires_at")
    assert shown == {"username": "reader", "role": "read-only", "read_only": True, "token_name": "login"}
    assert len(expires) == 32
    assert api("GET", "/api/whoami").json() == {
        "username": "operator", "role": "admin", "read_only": False, "token_name": None, "expires_at": None,
    }  # fmt: skip


def test_the_operator_has_neither_password_nor_tokens(api: Api) -> None:
    asked = (("POST", "/api/tokens", {"name": "x"}), ("POST", "/api/change-password", {"password": PASSWORD}))
    for method, path, body in asked:
        assert api(method, path, OPERATOR, json=body).status_code == 403
    assert api("GET", "/api/tokens").status_code == 403


def test_an_administrator_sees_and_ends_the_tokens_of_others(api: Api) -> None:
    admin, token = logged_in(api, "admin"), logged_in(api, "reader")
    assert [held["name"] for held in api("GET", "/api/users/reader/tokens", admin).json()] == ["login"]
    refreshed = api("POST", "/api/users/reader/token", admin).json()
    assert [reads(api, known) for known in (token, refreshed["token"])] == [401, 200]
    named = api("POST", "/api/users/reader/token", admin, json={"name": "collector", "days": 3}).json()
    assert named["name"] == "collector"
    assert api("DELETE", "/api/users/reader/tokens/collector", admin).status_code == 204
    assert api("DELETE", "/api/users/reader/tokens/collector", admin).status_code == 404
    token = logged_in(api, "reader")
    assert api("DELETE", "/api/users/reader/tokens", admin).status_code == 204
    assert reads(api, token) == 401
    assert api("GET", "/api/users/reader", admin).json()["tokens"] == 0


@pytest.mark.parametrize(("end_tokens", "after"), [(True, 401), (False, 200)])
def test_an_administrator_gives_another_password(api: Api, end_tokens: bool, after: int) -> None:
    token = logged_in(api, "reader")
    body = {"password": "given by admin", "end_tokens": end_tokens}
    assert api("POST", "/api/users/reader/password", json=body).status_code == 204
    assert reads(api, token) == after
    assert logged_in(api, "reader", "given by admin")
    assert api("POST", "/api/users/nobody/password", json=body).status_code == 404


def test_only_administrators_manage_users(api: Api) -> None:
    token = logged_in(api, "reader")
    reading = ("/api/users", "/api/users/admin", "/api/users/reader/tokens")
    assert [api("GET", path, token).status_code for path in reading] == [403, 403, 403]
    writing = (
        ("POST", "/api/users"), ("PATCH", "/api/users/reader"), ("DELETE", "/api/users/admin"),
        ("POST", "/api/users/reader/password"), ("POST", "/api/users/admin/token"), ("DELETE", "/api/users/admin/tokens"),
    )  # fmt: skip
    assert {api(method, path, token, json={}).status_code for method, path in writing} == {403}


def test_users_are_added_edited_and_removed(api: Api) -> None:
    new = {"username": "ann", "password": PASSWORD, "valid": False}
    made = api("POST", "/api/users", json=new)
    assert (made.status_code, made.headers["location"]) == (201, "http://api/api/users/ann")
    assert api("GET", "/api/users/ann").json() == made.json()
    assert made.json() == {
        "uid": 3, "username": "ann", "role": "read-only", "read_only": True, "valid": False, "tokens": 0,
    }  # fmt: skip
    assert api("POST", "/api/users", json=new).json() == {"detail": "There is a user ann already."}
    assert api("PATCH", "/api/users/ann", json={"role": "admin", "valid": True}).json()["role"] == "admin"
    assert api("PATCH", "/api/users/ann", json={"role": "king"}).status_code == 422
    assert api("PATCH", "/api/users/nobody", json={}).status_code == 404
    admin = logged_in(api, "admin")
    assert api("DELETE", "/api/users/ann", admin).status_code == 204
    last = api("DELETE", "/api/users/admin", admin)
    assert (last.status_code, last.json()) == (
        409, {"detail": "admin is the last administrator; make another one first."},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/users", {"username": "a:b", "password": PASSWORD}),
        ("POST", "/api/users", {"username": "ann", "password": PASSWORD, "valid": "true"}),
        ("POST", "/api/users/reader/token", {"days": "3"}),
        ("POST", "/api/users/reader/token", {"days": 0}),
        ("PATCH", "/api/users/reader", {"valid": 1}),
    ],
)
def test_a_body_of_the_wrong_kind_is_422(api: Api, method: str, path: str, body: dict[str, Any]) -> None:
    assert api(method, path, json=body).status_code == 422


def test_a_wrong_method_is_told_the_right_ones(api: Api) -> None:
    answer = api("PUT", "/broker/api/users/reader/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, PATCH")
    assert api("PUT", "/api/physical/devices/unmapped").headers["allow"] == "GET"


def test_no_secret_is_logged(api: Api, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    token = logged_in(api, "reader")
    log_in(api, "reader", "a wrong guess")
    later = api("POST", "/api/change-password", token, json={"password": "the next one"}).json()
    said = "".join(record.getMessage() for record in caplog.records) + "".join(capsys.readouterr())
    assert [secret in said for secret in (PASSWORD, "a wrong guess", "the next one", token, later)] == [False] * 5


def test_the_document_says_how_logins_are_refused(api: Api) -> None:
    paths = api("GET", "/api/openapi.json", None).json()["paths"]
    assert {"200", "401", "429", "503"} <= set(paths["/api/token"]["get"]["responses"])
    assert paths["/api/token"]["get"]["security"] == [{"basic": []}]
    assert {"200", "401", "403", "404", "409", "422", "503"} <= set(
        paths["/api/users/{username}"]["patch"]["responses"]
    )
    assert {"401", "403", "503"} <= set(paths["/api/logical/devices"]["post"]["responses"])
