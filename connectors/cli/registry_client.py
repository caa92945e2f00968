"""How commands speak to the API: the one place that knows which API, as whom, and how a fault is said.

With a login (``isthmus login``), ``--host``, ``--profile`` or their variables: that API. Else the one of this machine, as
its operator, without a login.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from msgspec import structs

from connectors.api import client
from connectors.cli import profiles, target
from connectors.cli.target import Target
from streams import settings
from streams.settings import Settings


def call(method: str, path: str, **arguments: Any) -> Any:
    """The API's answer; a refusal or an absent API is one line on stderr and exit status 1."""
    with connected() as api:
        return api.call(method, path, **arguments)


@contextmanager
def connected() -> Iterator[client.Client]:
    """The API; a refusal or an absent API that nobody caught is one line on stderr and exit status 1."""
    chosen = elsewhere()
    with _faults_said():
        api = client.here(settings.load().api) if chosen is None else remote(chosen)
        try:
            yield api
        finally:
            api.close()


def local(method: str, path: str, **arguments: Any) -> Any:
    """As ``call``, of the API of this machine whatever was chosen."""
    with _faults_said():
        api = client.here(settings.load().api)
        try:
            return api.call(method, path, **arguments)
        finally:
            api.close()


def call_as(chosen: Target, method: str, path: str, **arguments: Any) -> Any:
    """As ``call``, of this API."""
    with _faults_said():
        api = remote(chosen)
        try:
            return api.call(method, path, **arguments)
        finally:
            api.close()


def for_replays(loaded: Settings) -> client.Client:
    """The API for commands of replays: the chosen one, else what the settings say."""
    chosen = elsewhere()
    return client.of_replays(loaded) if chosen is None else remote(chosen)


def elsewhere() -> Target | None:
    """The API that options, variables or the profile file choose; None: the one of this machine, as its operator."""
    try:
        chosen = target.resolve(target.given(), _variables(), profiles.load())
    except (target.Unclear, profiles.BadFile, OSError) as fault:
        fail(str(fault))
    return structs.replace(chosen, url=client.url_of(settings.load().api)) if chosen and not chosen.url else chosen


def remote(chosen: Target) -> client.Client:
    """A client of it."""
    again = f"isthmus login --profile {chosen.profile}" if chosen.profile else f"isthmus login --host {chosen.url}"
    unknown = f"{chosen.url} does not accept this token, which may have expired; log in again: {again}"
    away = f"is {chosen.url} its address?"
    try:
        return client.Client(chosen.url, lambda: chosen.token, ca_file=chosen.ca_file, unknown=unknown, away=away)
    except OSError as error:
        fail(f"{chosen.ca_file} is no file of certificates: {error}")


def fail(message: str) -> NoReturn:
    """End with exit status 1."""
    print(f"isthmus: {message}", file=sys.stderr)
    raise typer.Exit(1)


def _variables() -> dict[str, str]:
    """Ours of the environment; as every secret, the token may come from a file."""
    file = os.environ.get(f"{target.TOKEN}_FILE")
    return ({target.TOKEN: Path(file).read_text("utf-8").strip()} if file else {}) | os.environ


@contextmanager
def _faults_said() -> Iterator[None]:
    try:
        yield
    except (client.NoAnswer, client.Denied) as error:
        fail(str(error))
