"""`isthmus migrate` on the real engine."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner

import sql
from connectors.cli.main import build
from connectors.sinks.clickhouse.migrate import MigrationError, migrate, status
from connectors.sinks.clickhouse.store import Store
from streams.settings import ClickHouseSettings
from tests.stack.harness import Stack

NAMES = [migration.name for migration in sql.migrations()]


@pytest.fixture
def settings(stack: Stack) -> Iterator[ClickHouseSettings]:
    made = ClickHouseSettings(url=stack.clickhouse, database="t" + uuid.uuid4().hex[:10])
    yield made
    store = Store(ClickHouseSettings(url=stack.clickhouse, database="default"), "test")
    store.command(f"DROP DATABASE IF EXISTS `{made.database}`")
    store.close()


def test_a_second_run_applies_nothing(settings: ClickHouseSettings) -> None:
    assert migrate(settings) == NAMES
    assert migrate(settings) == []
    assert [one.name for one in status(settings) if one.applied] == NAMES


def test_several_runs_at_once_end_well(settings: ClickHouseSettings) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate(settings), range(4)))

    assert migrate(settings) == []


def test_an_edited_migration_is_refused(settings: ClickHouseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(settings)
    first, second, *rest = sql.migrations()
    edited = (first, second._replace(text=second.text + "-- a word more"), *rest)
    monkeypatch.setattr(sql, "migrations", lambda: edited)

    with pytest.raises(MigrationError, match=r"0001 points was applied at .* with another text"):
        migrate(settings)


def test_a_database_ahead_of_the_program_is_refused(
    settings: ClickHouseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(settings)
    known = sql.migrations()[:-1]
    monkeypatch.setattr(sql, "migrations", lambda: known)

    with pytest.raises(MigrationError, match=f"ahead: migration.*{len(known)}"):
        migrate(settings)


def test_a_server_that_is_away_is_waited_for_and_named() -> None:
    said: list[str] = []

    with pytest.raises(MigrationError, match=r"no ClickHouse at http://127\.0\.0\.1:9 within 0 s: .*refused"):
        migrate(ClickHouseSettings(url="http://127.0.0.1:9"), 0.3, said.append)

    assert said[0].startswith("waiting for ClickHouse at http://127.0.0.1:9: ")


def test_the_command_reports_what_it_did(settings: ClickHouseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_CLICKHOUSE__URL", settings.url)
    monkeypatch.setenv("ISTHMUS_CLICKHOUSE__DATABASE", settings.database)
    runner = CliRunner()

    assert f"applied {len(NAMES)} migration(s)" in runner.invoke(build(), ["migrate"]).output
    assert runner.invoke(build(), ["migrate"]).output.strip() == "nothing to apply"
    assert "0001 points" in runner.invoke(build(), ["migrate", "--status"]).output
