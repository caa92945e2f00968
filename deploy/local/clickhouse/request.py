"""An HTTP request of ClickHouse's interface: parameters, headers, and the body as it arrives."""

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from email import message_from_bytes
from email.message import Message
from typing import Any, cast
from urllib.parse import parse_qsl

from deploy.local.clickhouse.compression import Reader
from deploy.local.clickhouse.errors import ACCESS_DENIED, NOT_IMPLEMENTED, SYNTAX_ERROR, Refused

HEAD_BYTES = 65_536
"""A statement's beginning that is read before it is decided what it is."""

NOT_SETTINGS = frozenset(
    {
        *("query", "database", "default_format", "query_id", "user", "password", "quota_key", "role"),
        *("session_id", "session_timeout", "session_check", "close_session"),
        *("compress", "decompress", "buffer_size", "wait_end_of_query", "stacktrace", "client_protocol_version"),
        *("enable_http_compression", "http_zlib_compression_level"),
        *("send_progress_in_http_headers", "http_headers_progress_interval_ms"),
        "cancel_http_readonly_queries_on_client_close",
    }
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Disconnected(Exception):
    """The client went away in the middle of its request."""


class Request:
    """One request. ``head()`` first, then either ``chunk()`` until ``complete`` or ``rest()``."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method = str(scope["method"])
        self.path = str(scope["path"])
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self.parameters = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        self.query_id = self.parameters.get("query_id") or str(uuid.uuid4())
        self.complete = False
        self._receive = receive
        self._reader: Reader | None = None

    @property
    def database(self) -> str | None:
        """The current database for this request."""
        return self.parameters.get("database") or self.headers.get("x-clickhouse-database")

    @property
    def settings(self) -> Mapping[str, str]:
        """Engine settings for this request."""
        return {name: value for name, value in self.parameters.items() if _is_setting(name)}

    @property
    def substitutions(self) -> Mapping[str, str]:
        """Values of `{name:Type}` in the statement."""
        return {
            name.removeprefix("param_"): value for name, value in self.parameters.items() if name.startswith("param_")
        }

    @property
    def accepted_encodings(self) -> str:
        """How the answer may be compressed."""
        wanted = self.parameters.get("enable_http_compression") == "1"
        return self.headers.get("accept-encoding", "") if wanted else ""

    def refuse_unsupported(self) -> None:
        """Refuse what would be misunderstood.

        Raises:
            Refused: native compression, or a page in a browser that posts to this machine behind a person's back.
        """
        if "1" in (self.parameters.get("compress"), self.parameters.get("decompress")):
            raise Refused(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "compress=1 and decompress=1: use Content-Encoding")
        if "origin" in self.headers:
            raise Refused(ACCESS_DENIED, "ACCESS_DENIED", "Requests of web pages are refused")

    async def head(self) -> bytes:
        """The statement's beginning: parameter `query`, then the body, up to some 64 kB; all of a form."""
        head = bytearray(self.parameters.get("query", "").encode())
        if head:
            head += b"\n"
        while not self.complete and len(head) < HEAD_BYTES:
            head += await self.chunk()
        if self._is_form(head):
            return self._form(await self.rest(bytes(head)))
        return bytes(head)

    async def chunk(self) -> bytes:
        """More of the body.

        Raises:
            Disconnected: the client has gone; what it sent is not complete.
            Refused: the body cannot be decompressed.
        """
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        self.complete = not message.get("more_body", False)
        self._reader = self._reader or Reader(self.headers.get("content-encoding", ""))
        return self._reader.feed(message.get("body", b""))

    async def rest(self, head: bytes) -> bytes:
        """``head`` and everything after it."""
        whole = bytearray(head)
        while not self.complete:
            whole += await self.chunk()
        return bytes(whole)

    async def gone(self) -> None:
        """Return when the client disconnects, after its request is complete."""
        while (await self._receive())["type"] != "http.disconnect":
            continue

    def _is_form(self, head: bytes | bytearray) -> bool:
        """`curl -d` claims a form as well, but sends bare SQL."""
        kind = self.headers.get("content-type", "")
        if "multipart/form-data" in kind:
            return True
        return "x-www-form-urlencoded" in kind and re.match(rb"(query|param_\w+)=", head) is not None

    def _form(self, body: bytes) -> bytes:
        kind = self.headers["content-type"]
        fields = (
            _multipart(kind, body) if "multipart" in kind else dict(parse_qsl(body.decode(), keep_blank_values=True))
        )
        statement = fields.pop("query", self.parameters.get("query", ""))
        self.parameters.update(fields)
        return statement.encode()


def _is_setting(name: str) -> bool:
    return re.fullmatch(r"\w+", name) is not None and not (
        name in NOT_SETTINGS or name.startswith("param_") or name.endswith("_structure")
    )


def _multipart(kind: str, body: bytes) -> dict[str, str]:
    message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    if not message.is_multipart():
        raise Refused(SYNTAX_ERROR, "SYNTAX_ERROR", "The multipart body cannot be read")
    parts = cast("list[Message]", message.get_payload())
    return {str(part.get_param("name", header="content-disposition")): _text(part) for part in parts}


def _text(part: Message) -> str:
    return cast("bytes", part.get_payload(decode=True)).decode()
