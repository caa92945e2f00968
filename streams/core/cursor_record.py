"""The record of topic `cursors`: how far a poller is."""

from msgspec import Struct, field


class Cursor(Struct, frozen=True, kw_only=True):
    """How far a poller is with one thing that it asks for; what ``digests`` and ``times`` speak of is durable.

    An import of another system has one, too: ``times`` has its highest uid and where `raw` ended then. Of pollers:
    ``digests``: question -> sha-256 of its last answer; ``times``: device's name at the source -> newest time it told.
    """

    id: str
    digests: dict[str, str] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    at: int = 0
