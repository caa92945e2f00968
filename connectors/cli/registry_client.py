"""How commands speak to the API: as the operator of this machine, without a login."""

import sys
from typing import Any, NoReturn

import typer

from connectors.api import client
from streams import settings


def call(method: str, path: str, **arguments: Any) -> Any:
    """The API's answer; a refusal or an absent API is one line on stderr and exit status 1."""
    api = client.here(settings.load().api)
    try:
        return api.call(method, path, **arguments)
    except (client.NoAnswer, client.Denied) as error:
        fail(str(error))
    finally:
        api.close()


def fail(message: str) -> NoReturn:
    """End with exit status 1."""
    print(f"isthmus: {message}", file=sys.stderr)
    raise typer.Exit(1)
