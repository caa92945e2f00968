"""How programs of ours speak to the API: commands, and the process that runs replays."""

import ssl
from collections.abc import Callable
from typing import Any

import httpx

from connectors.api import operator
from streams.settings import ApiSettings, Settings

PATIENCE_S = 30
LONG_S = 600
"""for answers that the API itself has to look for in the store"""
ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}
UNKNOWN = (
    "the API does not accept this token: it is another process than the one that left its operator token here, "
    "or replay.token is not its"
)
AWAY = "start it with `isthmus stack up` or `isthmus run api`"


class NoAnswer(Exception):
    """The API is away; the message says what to do about it."""


class Denied(Exception):
    """The API says no, and why; ``body`` is its whole answer, where that is JSON."""

    def __init__(self, status: int, detail: str, body: Any = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.body = status, detail, body


class Client:
    """One API. The token is asked for with each call, since a restarted API has a new one. Safe for threads.

    ``ca_file``: PEM of the authority to trust instead of the system's; ``unknown``, ``away``: what to say when the token is
    not known, or nobody answers.

    Raises:
        OSError: ``ca_file`` is missing or holds no certificate.
    """

    def __init__(
        self, url: str, token: Callable[[], str], *, ca_file: str = "", unknown: str = UNKNOWN, away: str = AWAY
    ) -> None:
        self._http, self._token = connection(url, ca_file), token
        self._unknown, self._away = unknown, away

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """The API's answer, read from its JSON; None when it is empty.

        Raises:
            NoAnswer: nobody answers, or a process that cannot yet; try again.
            Denied: refused.
        """
        answer = self.ask(method, path, **arguments)
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise Denied(answer.status_code, f"{answer.url} does not answer as this API does") from None

    def ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """The API's answer as it came; raises as ``call``."""
        token = self._token()
        try:
            answer = self._http.request(method, path, headers={"Authorization": f"Bearer {token}"}, **arguments)
        except httpx.TransportError as error:
            raise NoAnswer(f"the API does not answer ({error}); {self._away}") from error
        if answer.status_code == 503 or (answer.status_code == 401 and self._token() != token):
            raise NoAnswer(self._said(answer))
        if not answer.is_success:
            raise Denied(answer.status_code, self._said(answer), _body(answer))
        return answer

    def _said(self, answer: httpx.Response) -> str:
        return self._unknown if answer.status_code == 401 and not answer.content else said(answer)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()


def connection(url: str, ca_file: str = "") -> httpx.Client:
    """Connections to an API, as nobody yet; it never follows a redirect, which might take a secret elsewhere.

    Raises:
        OSError: ``ca_file`` is missing or holds no certificate.
    """
    return httpx.Client(base_url=f"{url.rstrip('/')}/api", timeout=PATIENCE_S, verify=_trusted(url, ca_file))


def _trusted(url: str, ca_file: str) -> ssl.SSLContext | bool:
    """Nobody for HTTP without TLS: reading the system's authorities takes 25 ms, and a command connects several times."""
    if ca_file:
        return ssl.create_default_context(cafile=ca_file)
    return True if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def here(settings: ApiSettings) -> Client:
    """The API of this machine, as its operator."""
    return Client(url_of(settings), lambda: _operators(settings))


def of_replays(settings: Settings) -> Client:
    """The API that ``settings.replay`` names, else the one of this machine."""
    url, secret = settings.replay.api_url or url_of(settings.api), settings.replay.token
    return Client(url, (lambda: _operators(settings.api)) if secret is None else secret.get_secret_value)


def url_of(settings: ApiSettings) -> str:
    """Where the API with these settings is reached from its own machine."""
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


def said(answer: httpx.Response) -> str:
    """A refusal as one sentence."""
    if answer.status_code == 403 and not answer.content:
        return "this user may only read; an administrator may do this"
    try:
        return _sentence(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the API answers {answer.status_code}"


def _sentence(detail: Any) -> str:
    if isinstance(detail, str):
        return detail
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg'].removeprefix('Value error, ')}" for fault in detail
    )
