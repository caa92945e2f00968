"""How commands speak to the API: as the operator of this machine, without a login."""

import sys
from typing import Any, NoReturn

import httpx
import typer

from connectors.api import operator
from streams import settings
from streams.settings import ApiSettings

PATIENCE_S = 30
ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def call(method: str, path: str, **arguments: Any) -> Any:
    """The API's answer; a refusal or an absent API is one line on stderr and exit status 1."""
    try:
        answer = _send(settings.load().api, method, path, arguments)
    except httpx.TransportError as error:
        fail(f"the API does not answer ({error}); start it with `isthmus stack up` or `isthmus run api`")
    if answer.is_error:
        fail(_detail(answer))
    return answer.json() if answer.content else None


def fail(message: str) -> NoReturn:
    """End with exit status 1."""
    print(f"isthmus: {message}", file=sys.stderr)
    raise typer.Exit(1)


def _send(api: ApiSettings, method: str, path: str, arguments: dict[str, Any]) -> httpx.Response:
    token = operator.read_token(api)
    if token is None:
        fail(f"no API has run here: {operator.path(api)} is missing (run this where the API runs, with its settings)")
    host = ANY_HOST.get(api.host, api.host)
    url = httpx.URL(scheme="http", host=host, port=api.port, path=f"/api{path}")
    return httpx.request(method, url, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_S, **arguments)


def _detail(answer: httpx.Response) -> str:
    if answer.status_code == 401:
        return "the API at this address is another process than the one that left its operator token here"
    try:
        return _sentence(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the API answers {answer.status_code}"


def _sentence(detail: Any) -> str:
    if isinstance(detail, str):
        return detail
    return "; ".join(f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}" for fault in detail)
