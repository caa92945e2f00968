"""Asks an HTTP API: bounded in time and size, tried again where that may help, silent about secrets."""

import asyncio
from http import HTTPStatus
from typing import Any

import httpx
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from streams.poller_settings import PollersSettings

FIRST_WAIT_S, MOST_WAIT_S = 0.5, 30
MEGABYTE = 1_048_576
NOT_ASKED = (httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError)
"""The last two: a token or an id that an API gave us makes no header or no URL; asking others goes on."""


class Fault(Exception):
    """No answer that counts. Never holds more of the request than its address, so that it can be logged."""

    def __init__(self, address: str, what: str, status: int | None = None) -> None:
        super().__init__(f"{address}: {what}")
        self.status = status

    @property
    def passing(self) -> bool:
        """Whether asking again may help."""
        return self.status is None or self.status == HTTPStatus.TOO_MANY_REQUESTS or self.status >= 500


class Fetcher:
    """Asks with one client; close it with ``async with``."""

    def __init__(self, settings: PollersSettings) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(timeout=settings.timeout_s, follow_redirects=False)
        self.attempts = 0
        """Questions that came to an end, answered or not."""

    async def __aenter__(self) -> "Fetcher":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(self, url: str, *, method: str = "GET", **request: Any) -> bytes:
        """The body of an answer with status 200.

        Args:
            url: without anything secret; it stands in logs.
            method: of HTTP.
            request: headers, params, json as httpx takes them.

        Raises:
            Fault: there was none, also after some attempts.
        """
        attempts = AsyncRetrying(
            stop=stop_after_attempt(self._settings.attempts),
            wait=wait_random_exponential(FIRST_WAIT_S, MOST_WAIT_S),
            retry=retry_if_exception(lambda error: isinstance(error, Fault) and error.passing),
            reraise=True,
        )
        body: bytes = await attempts(self._once, url, method, request)
        return body

    async def _once(self, url: str, method: str, request: dict[str, Any]) -> bytes:
        try:
            async with asyncio.timeout(self._settings.timeout_s), self._client.stream(method, url, **request) as answer:
                if answer.status_code != HTTPStatus.OK:
                    raise Fault(url, f"status {answer.status_code}", answer.status_code)
                return await self._read(url, answer)
        except TimeoutError:
            raise Fault(url, f"no whole answer within {self._settings.timeout_s:g} s") from None
        except NOT_ASKED as error:  # its text may hold a header's value
            raise Fault(url, type(error).__name__) from None
        finally:
            self.attempts += 1

    async def _read(self, url: str, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > self._settings.max_answer_mb * MEGABYTE:
                raise Fault(url, f"more than {self._settings.max_answer_mb} MB", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return bytes(body)
