"""How programs of ours speak to the API: commands, and the process that runs replays."""

from collections.abc import Callable
from typing import Any

import httpx

from connectors.api import operator
from streams.settings import ApiSettings, Settings

PATIENCE_S = 30
LONG_S = 600
"""for answers that the API itself has to look for in the store"""
ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class NoAnswer(Exception):
    """The API is away; the message says what to do about it."""


class Denied(Exception):
    """The API says no, and why; ``body`` is its whole answer, where that is JSON."""

    def __init__(self, status: int, detail: str, body: Any = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.body = status, detail, body


class Client:
    """One API. The token is asked for with each call, since a restarted API has a new one. Safe for threads."""

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        self._http, self._token = httpx.Client(base_url=f"{url.rstrip('/')}/api", timeout=PATIENCE_S), token

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """The API's answer.

        Raises:
            NoAnswer: nobody answers, or a process that cannot yet; try again.
            Denied: refused.
        """
        token = self._token()
        try:
            answer = self._http.request(method, path, headers={"Authorization": f"Bearer {token}"}, **arguments)
        except httpx.TransportError as error:
            raise NoAnswer(
                f"the API does not answer ({error}); start it with `isthmus stack up` or `isthmus run api`"
            ) from error
        if answer.status_code == 503 or (answer.status_code == 401 and self._token() != token):
            raise NoAnswer(_detail(answer))
        if answer.is_error:
            raise Denied(answer.status_code, _detail(answer), _body(answer))
        return answer.json() if answer.content else None

    def close(self) -> None:
        """Close its connections."""
        self._http.close()


def here(settings: ApiSettings) -> Client:
    """The API of this machine, as its operator."""
    return Client(_url(settings), lambda: _operators(settings))


def of_replays(settings: Settings) -> Client:
    """The API that ``settings.replay`` names, else the one of this machine."""
    url, secret = settings.replay.api_url or _url(settings.api), settings.replay.token
    return Client(url, (lambda: _operators(settings.api)) if secret is None else secret.get_secret_value)


def _url(settings: ApiSettings) -> str:
    host = ANY_HOST.get(settings.host, settings.host)
    return str(httpx.URL(scheme="http", host=host, port=settings.port))


def _operators(settings: ApiSettings) -> str:
    token = operator.read_token(settings)
    if token is None:
        raise NoAnswer(
            f"no API has run here: {operator.path(settings)} is missing (run this where the API runs, with its settings)"
        )
    return token


def _body(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _detail(answer: httpx.Response) -> str:
    if answer.status_code == 401:
        return (
            "the API does not accept this token: it is another process than the one that left its operator token here, "
            "or replay.token is not its"
        )
    try:
        return _sentence(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the API answers {answer.status_code}"


def _sentence(detail: Any) -> str:
    if isinstance(detail, str):
        return detail
    return "; ".join(f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}" for fault in detail)
