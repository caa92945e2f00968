"""Payload codecs: what they are asked and answer, and which one reads a message."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from fnmatch import fnmatchcase
from typing import Protocol

from msgspec import Struct

from streams.core.message import Rejected, Sender, Value
from streams.core.records import Codec as Registered


class Call(Struct, frozen=True):
    """One payload to read; ``time`` is the message's, ns since the epoch, UTC."""

    payload: bytes
    port: int
    time: int
    sender: Sender


Answer = Sequence[Value] | Rejected


class Codec(Protocol):
    """Reads one device model's payload bytes. ``label`` is ``name@version`` or ``name@hash``."""

    @property
    def label(self) -> str:
        """Stands in every reading that it made."""

    def run(self, calls: Sequence[Call]) -> Sequence[Answer]:
        """One answer per call, in order; a bad payload is a ``Rejected``, never an exception."""


class Codecs:
    """The codecs in force. Choice: device, else application, else profile, else model, else the network server's values.

    ``registered`` codecs name their targets in ``applies_to`` (``device:ttn:a81758fffe05e6fb``, ``application:campus``,
    ``profile:…``, ``model:brand/model``). A message that none of them claims, and that the network server did not
    decode either, is read as Cayenne LPP when its application matches one of ``lpp_applications`` (``*`` wildcards).
    """

    def __init__(
        self,
        registered: Iterable[Registered] = (),
        available: Mapping[str, Codec] | None = None,
        lpp_applications: Sequence[str] = (),
    ) -> None: ...
