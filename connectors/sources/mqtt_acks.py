"""Which packet ids may be acknowledged, and when: pure bookkeeping of one MQTT session over its connections.

An epoch is one connection. Its QoS 1 messages are acknowledged as the contiguous prefix of done ones, in the order of
receipt [MQTT-4.6.0-2], and only while it lives: packet ids of an old connection mean nothing on a new one.
Algorithm and the faults it was tried against: DESIGN 4.1.
"""

import hashlib
from collections import deque

from msgspec import Struct


class Message(Struct, eq=False):
    """A QoS 1 message under way. ``epoch`` is the connection that last delivered it, ``at`` (ns) when it came first."""

    mid: int
    digest: bytes
    epoch: int
    source: str = ""
    at: int = 0
    done: bool = False


class Acks:
    """The session's messages that have not been acknowledged."""

    def __init__(self) -> None:
        self._epoch, self._alive = 0, False
        self._fifo: deque[Message] = deque()
        self._pending: dict[int, Message] = {}
        self.taken = 0
        """Messages that were given out to be acknowledged."""

    @property
    def epoch(self) -> int:
        """The current connection's number."""
        return self._epoch

    @property
    def unacknowledged(self) -> int:
        """Messages of the current connection that wait for their acknowledgement."""
        return len(self._fifo)

    def connected(self, *, session_present: bool) -> int:
        """A new epoch. A broker that forgot the session gives packet ids out afresh, so nothing old can be adopted."""
        self.disconnected()
        if not session_present:
            self._pending.clear()
        self._epoch, self._alive = self._epoch + 1, True
        return self._epoch

    def disconnected(self) -> None:
        """The epoch is over: nothing of it will be acknowledged; what is pending may be adopted by the next one."""
        self._alive = False
        self._fifo.clear()

    def received(
        self, mid: int, topic: str, payload: bytes, *, dup: bool, source: str = "", at: int = 0
    ) -> tuple[Message, bool]:
        """The message, and whether it is new: one that must be produced.

        A redelivery whose twin is still pending takes over the twin's record instead of being produced twice.
        """
        digest = _digest(topic, payload)
        twin = self._pending.get(mid)
        if dup and twin is not None and twin.digest == digest:
            if twin.epoch != self._epoch:
                twin.epoch = self._epoch
                self._fifo.append(twin)
            return twin, False
        message = Message(mid, digest, self._epoch, source, at)
        self._pending[mid] = message
        self._fifo.append(message)
        return message, True

    def done(self, message: Message) -> None:
        """The message's record is durable."""
        message.done = True

    def take(self) -> list[Message]:
        """Messages to acknowledge now, in this order; they are given out once."""
        ready: list[Message] = []
        while self._alive and self._fifo and self._fifo[0].done:
            message = self._fifo.popleft()
            if self._pending.get(message.mid) is message:
                del self._pending[message.mid]
            ready.append(message)
        self.taken += len(ready)
        return ready


def _digest(topic: str, payload: bytes) -> bytes:
    address = topic.encode()
    digest = hashlib.blake2b(b"%d:" % len(address), digest_size=16)
    digest.update(address)
    digest.update(payload)
    return digest.digest()
