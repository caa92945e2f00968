"""The record of topic `signed-topics`: which MQTT topics send signed messages, with which keys, and what they may say."""

from hashlib import sha256

from msgspec import Struct, field

from streams.core.records import Changed

FINGERPRINT_DOMAIN = b"isthmus signed-topic key\0"
FINGERPRINT_LENGTH = 8
"""hex digits shown"""


class SignedKey(Struct, frozen=True, kw_only=True):
    """A shared secret. It counts for messages received from ``not_before`` (ns) until before ``not_after``, if given."""

    key: str
    not_before: int | None = None
    not_after: int | None = None

    def __repr__(self) -> str:
        """Without the secret, so that no log and no error shows it."""
        return f"SignedKey({self.fingerprint}, not_before={self.not_before}, not_after={self.not_after})"

    @property
    def fingerprint(self) -> str:
        """What people may see of it."""
        return digest(self.key)[:FINGERPRINT_LENGTH]

    def counts_at(self, moment: int) -> bool:
        """Whether it may sign what is received at this time."""
        begun = self.not_before is None or self.not_before <= moment
        return begun and (self.not_after is None or moment < self.not_after)


class SignedField(Struct, frozen=True, kw_only=True):
    """One field of the payload; ``type`` is float, int, str or bool, bounds are inclusive."""

    name: str
    type: str
    unit: str = ""
    min: float | None = None
    max: float | None = None
    required: bool = True


class SignedTopic(Changed, frozen=True, kw_only=True):
    """An exact MQTT topic, or the rest of ``/webhooks/signed/…``. Times and lengths in s but for the keys' (ns).

    ``freshness`` 0: no limit. ``aggregate_retention`` None: as long as the store keeps aggregates.
    """

    topic: str
    dataset: str
    tags: dict[str, str] = field(default_factory=dict)
    fields: list[SignedField] = field(default_factory=list)
    extra_fields: bool = False
    keys: list[SignedKey] = field(default_factory=list)
    freshness: int = 0
    raw_retention: int
    aggregate_retention: int | None = None


def digest(key: str) -> str:
    """What stands for a key where the key itself must not."""
    return sha256(FINGERPRINT_DOMAIN + key.encode("utf-8", "surrogatepass")).hexdigest()
