"""Logging in, users and tokens, typed as a person would, against an API that is served over HTTP."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner, Result

from connectors.api import operator
from connectors.cli import profiles
from connectors.cli.main import build
from streams.settings import ApiSettings
from tests.certificates import certificate
from tests.connectors.api.memory import OPERATOR, Api
from tests.serving import serving

PASSWORD = "correct horse"


class Shell:
    """Types commands; `url` is the API's address."""

    def __init__(self, api: Api, url: str) -> None:
        self.api, self.url = api, url

    def __call__(self, *arguments: str, stdin: str = "", exit_code: int = 0) -> Result:
        result = CliRunner().invoke(build(arguments), arguments, input=stdin)
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    def json(self, *arguments: str, stdin: str = "") -> Any:
        return json.loads(self(*arguments, "--json", stdin=stdin).stdout)

    def log_in(self, name: str, password: str = PASSWORD, *more: str) -> Result:
        return self("login", "--host", self.url, "-u", name, *more, stdin=f"{password}\n")


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Api, str]]:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:
        patch.setattr("connectors.api.passwords.PasswordHasher", lambda: quick)
        api = Api(runner)
        with serving(api.application) as url:
            yield api, url


@pytest.fixture
def shell(served: tuple[Api, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """With users ann, an administrator, and bob, who reads; nobody is logged in, and the operator's token is here."""
    api, url = served
    api.begin_anew()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ISTHMUS_PROFILE")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("ISTHMUS_API__PORT", url.rpartition(":")[2])
    file = operator.path(ApiSettings(port=int(url.rpartition(":")[2])))
    file.parent.mkdir(parents=True)
    file.write_text(OPERATOR)
    for name, role in (("ann", "admin"), ("bob", "read-only")):
        api("POST", "/api/users", json={"username": name, "password": PASSWORD, "role": role})
    return Shell(api, url)


def test_a_login_is_kept_and_used_until_the_logout(shell: Shell) -> None:
    told = shell.log_in("bob")
    assert told.stdout.startswith(f"logged in at {shell.url} as bob (read-only), until 20")
    kept = profiles.load().profiles["default"]
    assert (kept.url, kept.username, len(kept.token)) == (shell.url, "bob", 128)
    assert PASSWORD not in profiles.path().read_text()
    assert shell("users", "ls", exit_code=1).stderr == "isthmus: Only an administrator may do this.\n"
    assert [token["name"] for token in shell.json("tokens", "ls")] == ["login"]
    assert "logged out" in shell("logout").stdout
    assert profiles.load() == profiles.Profiles()
    assert shell.api("GET", "/api/logical/devices", kept.token).status_code == 401
    assert [user["username"] for user in shell.json("users", "ls")] == ["ann", "bob"]


def test_logging_in_again_ends_the_login_before(shell: Shell) -> None:
    shell.log_in("bob")
    shell.log_in("bob")
    assert len(shell.json("tokens", "ls")) == 1


def test_several_profiles_are_chosen_by_name(shell: Shell) -> None:
    shell.log_in("ann", PASSWORD, "--profile", "boss")
    shell.log_in("bob", PASSWORD, "--profile", "reader")
    shown = [(one["profile"], one["username"], one["current"]) for one in shell.json("profiles", "ls")]
    assert shown == [("local", "operator", False), ("boss", "ann", False), ("reader", "bob", True)]
    for arguments in (
        ("users", "ls", "--profile", "boss"),
        ("--profile", "boss", "users", "ls"),
        ("--profile", "local", "users", "ls"),
    ):
        assert [user["username"] for user in shell.json(*arguments)] == ["ann", "bob"]
    shell("users", "ls", "--profile", "reader", exit_code=1)
    shell("profiles", "use", "boss")
    assert len(shell.json("users", "ls")) == 2
    assert "there is no profile x" in shell("profiles", "use", "x", exit_code=1).stderr


def test_a_token_variable_needs_no_profile(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_HOST", shell.url)
    assert "nobody is logged in at" in shell("users", "ls", exit_code=1).stderr
    monkeypatch.setenv("ISTHMUS_TOKEN", OPERATOR)
    assert len(shell.json("users", "ls")) == 2
    monkeypatch.setenv("ISTHMUS_TOKEN", "old")
    assert "does not accept this token" in shell("users", "ls", exit_code=1).stderr
    monkeypatch.delenv("ISTHMUS_HOST")
    assert "does not accept this token" in shell("users", "ls", exit_code=1).stderr


def test_a_token_may_come_from_a_file(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(f"{OPERATOR}\n")
    monkeypatch.setenv("ISTHMUS_HOST", shell.url)
    monkeypatch.setenv("ISTHMUS_TOKEN_FILE", "token")
    assert len(shell.json("users", "ls")) == 2
    monkeypatch.setenv("ISTHMUS_TOKEN_FILE", "none")
    assert "none" in shell("users", "ls", exit_code=1).stderr


@pytest.mark.parametrize(
    "command",
    [
        ("users", "ls"),
        ("rules", "ls"),
        ("codecs", "ls"),
        ("generations", "list"),
        ("signed-topics", "ls"),
        ("replay", "list"),
        ("pd", "ls"),
        ("ld", "ls"),
        ("map", "ls"),
        ("export",),
    ],
)
def test_every_command_that_asks_the_api_asks_the_one_of_the_login(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    shell.log_in("ann")
    monkeypatch.setenv("ISTHMUS_API__PORT", "1")
    shell.json(*command)
    assert "missing" in shell(*command, "--profile", "local", exit_code=1).stderr


def test_wrong_input_is_one_sentence(shell: Shell) -> None:
    assert shell("login", "--host", shell.url, "-u", "bob", stdin="wrong\n", exit_code=1).stderr == (
        "isthmus: Invalid username or password.\n"
    )
    assert "give --username" in shell("login", "--host", shell.url, exit_code=1).stderr
    assert "there is no password" in shell("login", "--host", shell.url, "-u", "bob", exit_code=1).stderr
    assert "is no address" in shell("login", "--host", "a b", "-u", "bob", exit_code=1).stderr
    assert "does not answer" in shell("login", "--host", "127.0.0.1:1", "-u", "bob", stdin="x", exit_code=1).stderr
    shell("login", "--profile", "local", exit_code=2)
    assert "nobody is logged in" in shell("logout", exit_code=1).stderr
    assert profiles.load() == profiles.Profiles()


def test_https_needs_the_authority_to_be_trusted(shell: Shell, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    with serving(shell.api.application, (cert, key)) as url:
        refused = shell("login", "--host", url, "-u", "bob", stdin=PASSWORD, exit_code=1)
        assert "certificate verify failed" in refused.stderr.lower()
        missing = shell("login", "--host", url, "-u", "bob", "--ca-file", "none.pem", stdin=PASSWORD, exit_code=1)
        assert "none.pem is no file of certificates" in missing.stderr
        shell("login", "--host", url, "-u", "bob", "--ca-file", str(cert), stdin=PASSWORD)
        assert len(shell.json("tokens", "ls")) == 1


def test_users_as_iotas_operators_know_them(shell: Shell) -> None:
    shell("users", "add", "-u", "cleo", "-p", PASSWORD, "-d")
    twice = shell("users", "add", "-u", "cleo", "-p", PASSWORD, exit_code=1)
    assert twice.stderr == "isthmus: There is a user cleo already.\n"
    assert shell("users", "ls", "--plain").stdout.split() == ["ann", "bob", "cleo"]
    shell("users", "token", "-u", "cleo", "--enable")
    token = shell("users", "token", "-u", "cleo", "--refresh").stdout.strip()
    assert shell.api("GET", "/api/logical/devices", token).status_code == 200
    shell("users", "chng", "-u", "cleo", "-p", "another password")
    assert shell.api("GET", "/api/logical/devices", token).status_code == 200
    shell("users", "token", "-u", "cleo", "--disable")
    assert shell.api("GET", "/api/logical/devices", token).status_code == 401
    assert "say --yes" in shell("users", "rm", "-u", "cleo", exit_code=1).stderr
    shell("users", "rm", "-u", "cleo", "--yes")
    assert "no user cleo" in shell("users", "rm", "-u", "cleo", "--yes", exit_code=1).stderr


def test_users_by_position_with_passwords_from_elsewhere(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    made = shell.json("users", "add", "-a", "dora", "--password-file", "secret")
    assert (made["username"], made["role"], "password" in made) == ("dora", "admin", False)
    assert shell.log_in("dora", "from a file").exit_code == 0
    generated = shell.json("users", "add", "eve", "--generate")["password"]
    shell("users", "chng", "eve", "--end-tokens", stdin="from standard input\n")
    assert generated not in shell("users", "ls").stdout
    assert shell.log_in("eve", "from standard input").exit_code == 0


def test_a_short_password_and_missing_names_are_said(shell: Shell) -> None:
    short = shell("users", "add", "x", "-p", "short", exit_code=1).stderr
    assert short == "isthmus: password: a password has 8 to 1000 characters\n"
    shell("users", "add", exit_code=2)
    shell("users", "token", "-u", "ann", "--enable", "--disable", exit_code=2)
    shell("users", "add", "x", "-p", "long enough", "--generate", exit_code=2)


def test_tokens_of_a_user_are_listed_and_ended(shell: Shell) -> None:
    made = shell.json("users", "token", "bob", "--refresh", "--days", "3")
    assert set(made) == {"name", "token", "created_at", "expires_at"}
    assert [token["name"] for token in shell.json("users", "token", "bob")] == ["login"]
    shell("users", "token", "bob", "--end")
    assert shell.json("users", "token", "bob") == []
    assert shell.json("users", "token", "bob", "--disable")["valid"] is False


def test_a_reader_has_named_tokens_and_changes_the_own_password(shell: Shell) -> None:
    shell.log_in("bob")
    token = shell("tokens", "add", "grafana", "--days", "5").stdout.strip()
    assert shell.api("GET", "/api/logical/devices", token).status_code == 200
    assert "already" in shell("tokens", "add", "grafana", exit_code=1).stderr
    shell("tokens", "rm", "grafana", "--yes")
    assert shell.api("GET", "/api/logical/devices", token).status_code == 401
    shell("users", "chng", stdin="quite another\n")
    assert len(shell.json("tokens", "ls")) == 1
    assert shell.log_in("bob", "quite another").exit_code == 0
    shell("logout")
    assert "give -u USERNAME" in shell("users", "chng", stdin="quite another\n", exit_code=1).stderr


def test_roles_change(shell: Shell) -> None:
    shell("users", "role", "bob", "admin")
    assert [user["role"] for user in shell.json("users", "ls")] == ["admin", "admin"]
    shell("users", "role", "bob", "king", exit_code=2)


def test_the_first_administrator_is_this_machines_whoever_is_logged_in(shell: Shell) -> None:
    shell.log_in("bob")
    assert "users exist" in shell("users", "ensure-admin").stdout
