"""Brings a database to the newest migration. Safe to run twice, by several at once, and after a run that died."""

import hashlib
from collections.abc import Callable

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from msgspec import Struct
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential

import sql
from connectors.sinks.clickhouse.store import cause, connect
from streams.settings import ClickHouseSettings

AUTHENTICATION_FAILED = 516


class MigrationError(Exception):
    """The store cannot be brought to the newest migration; the message says what to do."""


class Status(Struct, frozen=True):
    """One migration; ``applied`` is empty when it has not been."""

    number: int
    name: str
    applied: str


def migrate(settings: ClickHouseSettings, wait_s: float = 60, say: Callable[[str], None] = lambda _: None) -> list[str]:
    """Create the database, apply what is missing, in order; returns the names of what was applied.

    Waits up to ``wait_s`` for the server. ``say`` is told what goes on.

    Raises:
        MigrationError: the server stays away, or a migration that was applied has been edited since.
    """
    client = _reach(settings, wait_s, say)
    try:
        return [_apply(client, migration, say) for migration in _missing(client)]
    except ClickHouseError as error:
        raise MigrationError(f"the store refused a migration: {str(error).splitlines()[0]}") from error
    finally:
        client.close()


def status(settings: ClickHouseSettings, wait_s: float = 5) -> list[Status]:
    """Every migration, and when it was applied.

    Raises:
        MigrationError: the server stays away.
    """
    client = _reach(settings, wait_s, lambda _: None)
    try:
        applied = {number: when for number, (_, when) in _applied(client).items()}
        return [Status(m.number, m.name, applied.get(m.number, "")) for m in sql.migrations()]
    finally:
        client.close()


def checksum(migration: sql.Migration) -> str:
    """The sha-256 of a migration's text."""
    return hashlib.sha256(migration.text.encode()).hexdigest()


def _reach(settings: ClickHouseSettings, wait_s: float, say: Callable[[str], None]) -> Client:
    def tell(state: RetryCallState) -> None:
        if state.attempt_number in (1, 10, 30):
            error = state.outcome.exception() if state.outcome else None
            say(f"waiting for ClickHouse at {settings.url}: {cause(error) if error else ''}")

    attempts = Retrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_delay(wait_s),
        wait=wait_exponential(0.2, max=3),
        before_sleep=tell,
        reraise=True,
    )
    try:
        return attempts(_database, settings)
    except (ClickHouseError, OSError) as error:
        raise MigrationError(f"no ClickHouse at {settings.url} within {wait_s:.0f} s: {cause(error)}") from error


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, DatabaseError) and error.code == AUTHENTICATION_FAILED:
        return False
    return isinstance(error, ClickHouseError | OSError)


def _database(settings: ClickHouseSettings) -> Client:
    client = connect(settings, None)
    try:
        client.command(f"CREATE DATABASE IF NOT EXISTS `{settings.database}`")
        client.database = settings.database
        for statement in sql.migrations()[0].statements:
            client.command(statement)
    except BaseException:
        client.close()
        raise
    return client


def _applied(client: Client) -> dict[int, tuple[str, str]]:
    question = "SELECT number, checksum, toString(applied_at) FROM migrations FINAL"
    return {number: (found, when) for number, found, when in client.query(question).result_rows}


def _missing(client: Client) -> list[sql.Migration]:
    applied = _applied(client)
    for migration in sql.migrations():
        found, when = applied.get(migration.number, ("", ""))
        if found and found != checksum(migration):
            raise MigrationError(
                f"migration {migration.number:04} {migration.name} was applied at {when} UTC with another text: "
                "migrations are never edited; restore the file and put the change into a new one"
            )
    unknown = set(applied) - {migration.number for migration in sql.migrations()}
    if unknown:
        raise MigrationError(f"the database is ahead: migration(s) {sorted(unknown)} are unknown to this version")
    return [migration for migration in sql.migrations() if migration.number not in applied]


def _apply(client: Client, migration: sql.Migration, say: Callable[[str], None]) -> str:
    for statement in migration.statements:
        client.command(statement)
    row = [migration.number, migration.name, checksum(migration)]
    client.insert("migrations", [row], ["number", "name", "checksum"])
    say(f"applied {migration.number:04} {migration.name}")
    return migration.name
