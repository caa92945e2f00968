"""Laws of acknowledging: in order, never before done, never on another connection, once."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from connectors.sources.mqtt_acks import Acks, Message


def mids(messages: list[Message]) -> list[int]:
    return [message.mid for message in messages]


def connected(*, session_present: bool = True) -> Acks:
    acks = Acks()
    acks.connected(session_present=session_present)
    return acks


def receive(acks: Acks, mid: int, payload: bytes = b"x", *, dup: bool = False) -> tuple[Message, bool]:
    return acks.received(mid, "topic", payload, dup=dup)


def test_acknowledges_the_contiguous_done_prefix_in_order_of_receipt() -> None:
    acks = connected()
    first, second, third = (receive(acks, mid)[0] for mid in (7, 3, 5))
    acks.done(second)
    assert mids(acks.take()) == []
    acks.done(first)
    assert mids(acks.take()) == [7, 3]
    acks.done(third)
    assert mids(acks.take()) == [5]
    assert mids(acks.take()) == []


def test_acknowledges_nothing_of_a_lost_connection() -> None:
    acks = connected()
    message, _ = receive(acks, 1)
    acks.disconnected()
    acks.done(message)
    assert mids(acks.take()) == []
    acks.connected(session_present=True)
    assert mids(acks.take()) == []


def test_adopts_a_redelivered_twin_that_is_still_under_way() -> None:
    acks = connected()
    message, _ = receive(acks, 1)
    acks.connected(session_present=True)
    assert receive(acks, 1, dup=True) == (message, False)
    assert mids(acks.take()) == []
    acks.done(message)
    assert mids(acks.take()) == [1]


def test_adopts_a_twin_that_became_durable_meanwhile_and_acknowledges_it_at_once() -> None:
    acks = connected()
    message, _ = receive(acks, 1)
    acks.disconnected()
    acks.done(message)
    acks.connected(session_present=True)
    assert receive(acks, 1, dup=True)[1] is False
    assert mids(acks.take()) == [1]


def test_takes_a_redelivery_as_new_when_anything_differs() -> None:
    for dup, payload, session_present in ((False, b"x", True), (True, b"y", True), (True, b"x", False)):
        acks = connected()
        receive(acks, 1)
        acks.connected(session_present=session_present)
        assert receive(acks, 1, payload, dup=dup)[1] is True


def test_tells_topic_and_payload_apart() -> None:
    acks = connected()
    acks.received(1, "a\0b", b"c", dup=False)
    acks.connected(session_present=True)
    assert acks.received(1, "a", b"b\0c", dup=True)[1] is True


def test_does_not_count_a_redelivery_on_the_same_connection_twice() -> None:
    acks = connected()
    message, _ = receive(acks, 1)
    assert receive(acks, 1, dup=True) == (message, False)
    acks.done(message)
    assert mids(acks.take()) == [1]


class Session(RuleBasedStateMachine):
    """A broker that sends, sends again and cuts connections, and a Kafka that confirms in any order."""

    @initialize()
    def start(self) -> None:
        self.acks = Acks()
        self.acks.connected(session_present=False)
        self.payload = 0
        self.outstanding: dict[int, bytes] = {}
        """what the broker has not seen acknowledged, in order of sending"""
        self.unsent: list[int] = []
        """what it has yet to send again on this connection"""
        self.producing: list[tuple[Message, bytes]] = []
        self.durable: set[bytes] = set()
        self.received: list[int] = []
        """packet ids received on this connection and not acknowledged"""

    @rule(mid=st.integers(1, 8))
    def sends(self, mid: int) -> None:
        if mid not in self.outstanding:
            self.payload += 1
            self.outstanding[mid] = b"%d" % self.payload
            self._deliver(mid, dup=False)

    @precondition(lambda self: self.unsent)
    @rule(dup=st.booleans())
    def sends_again(self, dup: bool) -> None:
        self._deliver(self.unsent.pop(0), dup=dup)

    def _deliver(self, mid: int, *, dup: bool) -> None:
        message, new = self.acks.received(mid, "topic", self.outstanding[mid], dup=dup)
        self.received.append(mid)
        if new:
            self.producing.append((message, self.outstanding[mid]))

    @precondition(lambda self: self.producing)
    @rule(data=st.data())
    def confirms(self, data: st.DataObject) -> None:
        message, payload = self.producing.pop(data.draw(st.integers(0, len(self.producing) - 1)))
        self.durable.add(payload)
        self.acks.done(message)

    @rule()
    def acknowledges(self) -> None:
        for message in self.acks.take():
            assert self.received.pop(0) == message.mid, "in the order of receipt on this connection"
            assert self.outstanding.pop(message.mid) in self.durable, "never before it is durable"

    @rule(present=st.booleans())
    def reconnects(self, present: bool) -> None:
        self.acks.disconnected()
        assert self.acks.take() == []
        self.acks.connected(session_present=present)
        if not present:
            self.outstanding.clear()
        self.unsent, self.received = list(self.outstanding), []

    @invariant()
    def all_of_it_is_acknowledged_once_it_is_durable(self) -> None:
        if not self.producing and not self.unsent:
            self.acknowledges()
            assert self.outstanding == {}


TestSession = Session.TestCase
