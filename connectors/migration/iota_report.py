"""What an import does, for people and programs."""

from collections import Counter

from msgspec import Struct, field


class Report(Struct):
    """``refused``: why nothing at all is written; the others are what people should know of what is.

    ``rows``: table -> rows; ``added``, ``already``: topic -> records; ``left``: table -> rows that are not imported.
    ``repairs``: mappings whose times had to change; ``skipped``: rows that are left out, and why; ``noted``: the rest.
    """

    origin: str
    rows: dict[str, int] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)
    already: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class RawReport(Struct):
    """Of raw messages. ``read``, ``sent``: how many; ``there``: those that an earlier run had sent.

    ``sources``: source -> messages; ``letters``: "source: stage/reason" -> parts that will be dead letters as the settings
    are now; ``skipped``: reason -> rows that are no message. ``reordered``: sets of YDOC whose end mark PostgreSQL had moved.
    """

    read: int = 0
    sent: int = 0
    there: int = 0
    outside: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    reordered: int = 0
