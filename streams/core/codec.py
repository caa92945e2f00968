"""Payload codecs: what they are asked, what they answer, and which one reads a message."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal, Protocol

from msgspec import Struct

from streams.core.message import Message, Rejected, Sender, Value
from streams.core.names import NAME_LIMIT


class Call(Struct, frozen=True, gc=False):
    """One payload to read; ``time`` is the message's, ns since the epoch, UTC."""

    payload: bytes
    port: int
    time: int
    sender: Sender


class Decoded(Struct, frozen=True, gc=False):
    """Values, and a reason for each thing that the codec left out or complained of: those are counted."""

    values: Sequence[Value]
    ignored: Sequence[str] = ()


Answer = Sequence[Value] | Decoded | Rejected


class Unable(Exception):
    """What runs codecs does not work on this machine now: nothing is known about the payloads, all stays to be done."""


class Codec(Protocol):
    """Reads one device model's payload bytes."""

    @property
    def label(self) -> str:
        """``name@version`` or ``name@hash``: stands in every reading that it made."""

    def run(self, calls: Sequence[Call]) -> Sequence[Answer]:
        """One answer per call, in order; a bad payload is a ``Rejected``, never an exception.

        Raises:
            Unable: no payload is at fault; the batch has to be done again later.
        """


class Unavailable:
    """Stands for a registered codec that this installation cannot run: what it should read waits as dead letters."""

    def __init__(self, label: str) -> None:
        self.label = label

    def run(self, calls: Sequence[Call]) -> Sequence[Answer]:
        """Rejects every call."""
        return [Rejected("codec", "codec-unavailable", self.label, call.sender.device) for call in calls]


Preference = Literal["registered-codec-first", "network-server-first", "compare"]
"""What counts where a codec is registered and the network server has decoded the payload, too."""


class Codecs:
    """The codecs in force.

    Choice: device, else application, else profile, else model, else the values that the network server decoded, else
    the ``fallback`` for applications that match one of its patterns (``*`` wildcards).

    Args:
        registered: codecs with their targets ``device:<key>``, ``application:<name or id>``,
            ``profile:<name or id>``,
            ``model:<brand>/<model>``; of two codecs for one target the first counts.
        fallback: reads what nobody else does.
        fallback_applications: patterns of application ids.
        preference: ``compare``: the network server's values count, and the registered codec is asked, too.
        rescue: where the registered codec fails, the values that the network server decoded count.
    """

    def __init__(
        self,
        registered: Iterable[tuple[Codec, Sequence[str]]] = (),
        fallback: Codec | None = None,
        fallback_applications: Sequence[str] = (),
        *,
        preference: Preference = "registered-codec-first",
        rescue: bool = False,
    ) -> None:
        self.preference, self.rescue = preference, rescue
        self._by_target: dict[str, Codec] = {}
        for codec, targets in registered:
            for target in targets:
                self._by_target.setdefault(target, codec)
        self._fallback = fallback
        self._falls_back = lru_cache(maxsize=4096)(
            lambda application: any(fnmatchcase(application, pattern) for pattern in fallback_applications)
        )

    def choose(self, message: Message) -> Codec | None:
        """The codec to ask about the message's payload; None: there is none, its values count as they are."""
        if message.values is not None and self.preference == "network-server-first":
            return None
        claimed = self._claimed(message.sender) if self._by_target else None
        if claimed is not None or message.values is not None:
            return claimed
        return self._fallback if self._falls_back(message.sender.application[:NAME_LIMIT]) else None

    def _claimed(self, sender: Sender) -> Codec | None:
        targets = (
            ("device", sender.device),
            ("application", sender.application),
            ("application", sender.application_id),
            ("profile", sender.profile),
            ("profile", sender.profile_id),
            ("model", sender.model),
        )
        found = (self._by_target.get(f"{kind}:{name}") for kind, name in targets if name)
        return next((codec for codec in found if codec is not None), None)
