"""Registry records beside devices and mappings: notes, what was changed, and which requests were carried out."""

from msgspec import Struct, field

from streams.core.records import Changed


class DeviceNote(Changed, frozen=True, kw_only=True):
    """What a person wrote down about a physical device; ``at`` in ns since the epoch.

    A removed note keeps its record, with ``deleted_at``, so that its uid is never given again.
    """

    uid: int
    physical_uid: int
    at: int
    note: str
    deleted_at: int | None = None


class RegistryChange(Struct, frozen=True, kw_only=True):
    """One change of the record ``key`` of ``topic``; ``kind``: created, changed or removed.

    ``before`` and ``after`` are JSON objects of the fields that changed; ``was_at``, ``was_by`` and ``was_why`` say since when,
    by whom and why it was as ``before`` says. So a creation needs no record of its own.
    """

    topic: str
    key: str
    kind: str
    at: int
    by: str
    why: str
    was_at: int = 0
    was_by: str = ""
    was_why: str = ""
    before: str
    after: str


class Request(Struct, frozen=True, kw_only=True):
    """A request that was carried out; ``made``: ``topic/key`` of what it wrote, ``digest``: sha-256 of what was asked."""

    key: str
    digest: str
    at: int
    made: list[str] = field(default_factory=list)
