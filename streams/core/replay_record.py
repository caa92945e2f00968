"""The record of topic `replays`: what was asked, how far it is, what it found. Its parts: ``streams/replay/job.py``."""

from msgspec import field

from streams.core.records import NO_TOPICS, Changed


class Replay(Changed, frozen=True, kw_only=True):
    """One replay. ``selection``, ``progress`` and ``figures`` are JSON objects; times are ns since the epoch, UTC.

    ``wish``: what a person asked (apply, undo, cancel) and the runner has not taken up yet. ``ends``: raw partition (as
    text) -> offset up to which raw was replayed. ``code``, ``codecs``, ``rules``, ``topics``: hashes of what decoded.
    ``failed_in``: the state that it failed in, where a retry goes on; empty otherwise.
    """

    id: int
    mode: str
    state: str
    wish: str = ""
    selection: str = "{}"
    candidates: list[str] = field(default_factory=list)
    mapping_as_of: str = "event"
    sinks: list[str] = field(default_factory=list)
    allow_holes: bool = False
    created_at: int = 0
    created_by: str = ""
    runner: str = ""
    seen_at: int = 0
    code: str = ""
    codecs: str = ""
    rules: str = ""
    ends: dict[str, int] = field(default_factory=dict)
    generation: int | None = None
    undo_generation: int | None = None
    progress: str = "{}"
    figures: str = "{}"
    error: str = ""
    failed_in: str = ""
    topics: str = NO_TOPICS
