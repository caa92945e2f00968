"""Signed-topic commands: which topics may send signed messages, with which keys, saying what."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from streams.core.signed_topic import SignedKey, SignedTopic
from streams.registry.state import SIGNED_TOPICS, Author, Change, Refused, State, changed

KEYS_AT_ONCE = 2
"""The old one and the new one of a rotation."""


class GivenKey(Struct, frozen=True, kw_only=True):
    """A new ``key``, or the ``fingerprint`` of one that the topic has; with the times (ns) in which it counts."""

    key: str | None = None
    fingerprint: str | None = None
    not_before: int | None = None
    not_after: int | None = None

    def __repr__(self) -> str:
        """Without the secret."""
        return f"GivenKey({self.fingerprint or '…'}, not_before={self.not_before}, not_after={self.not_after})"


def add(state: State, topic: SignedTopic, keys: Sequence[GivenKey], author: Author) -> list[Change]:
    """Register a topic.

    Raises:
        Refused: 409 it is registered already; 422 its keys are not possible.
    """
    if topic.topic in state.signed_topics:
        raise Refused(409, f"Topic {topic.topic} is registered already.")
    return _put(topic, _keys(topic.topic, keys, ()), author)


def replace(state: State, topic: SignedTopic, keys: Sequence[GivenKey] | None, author: Author) -> list[Change]:
    """Register a topic, or say anew what holds for it; ``keys`` None: they stay.

    Raises:
        Refused: 422 its keys are not possible.
    """
    known = state.signed_topics.get(topic.topic)
    held = known.keys if known else []
    return _put(topic, held if keys is None and held else _keys(topic.topic, keys or (), held), author)


def remove(state: State, topic: str, author: Author) -> list[Change]:
    """Forget a topic, with its keys; its messages become dead letters from the next generation on.

    Raises:
        Refused: 404 it is not registered.
    """
    found(state, topic)
    return [Change(SIGNED_TOPICS, topic, None, author)]


def found(state: State, topic: str) -> SignedTopic:
    """The topic, or ``Refused`` 404."""
    if topic not in state.signed_topics:
        raise Refused(404, f"Topic {topic} is not registered.")
    return state.signed_topics[topic]


def _put(topic: SignedTopic, keys: list[SignedKey], author: Author) -> list[Change]:
    return [Change(SIGNED_TOPICS, topic.topic, changed(topic, author, keys=keys))]


def _keys(topic: str, given: Sequence[GivenKey], held: Iterable[SignedKey]) -> list[SignedKey]:
    known = {key.fingerprint: key.key for key in held}
    keys: dict[str, SignedKey] = {}
    for one in given:
        secret = one.key if one.key is not None else known.get(one.fingerprint or "")
        if secret is None:
            raise Refused(422, f"Topic {topic} has no key with fingerprint {one.fingerprint}.")
        key = SignedKey(key=secret, not_before=one.not_before, not_after=one.not_after)
        if key.fingerprint in keys:
            raise Refused(422, f"Key {key.fingerprint} comes twice.")
        keys[key.fingerprint] = key
    _check(list(keys.values()))
    return list(keys.values())


def _check(keys: list[SignedKey]) -> None:
    if not keys:
        raise Refused(422, "A signed topic needs a key.")
    for key in keys:
        if key.not_before is not None and key.not_after is not None and key.not_after <= key.not_before:
            raise Refused(422, f"Key {key.fingerprint} ends before it begins.")
    starts = [key.not_before or 0 for key in keys]
    if any(sum(key.counts_at(start) for key in keys) > KEYS_AT_ONCE for start in starts):
        raise Refused(422, f"More than {KEYS_AT_ONCE} keys count at one time: give the old ones a not_after.")
