"""Table `series`: what each series is called. Written when a name is new or its unit or source changed."""

from collections.abc import Mapping

from msgspec.structs import replace

from connectors.sinks.clickhouse.batch import columns
from connectors.sinks.clickhouse.store import Store
from connectors.sinks.clickhouse.table import Table
from streams.rows import Name

SERIES = Table(
    "series",
    {
        "series_id": "UInt64",
        "device": "String",
        "name": "String",
        "unit": "String",
        "source": "LowCardinality(String)",
        "first_seen": "DateTime64(9, 'UTC')",
        "version": "UInt64",
    },
)
LIMIT = 500_000
"""names remembered; beyond it the memory starts anew, from the store"""
PORTION = 5_000


class Names:
    """The names that the store is known to hold."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[int, Name] = {}

    def write(self, names: Mapping[int, Name]) -> None:
        """Make the store know these; keeps the earliest ``first_seen`` and the unit of the highest version.

        Raises:
            BadData, Transient: as ``Store.insert``.
        """
        if len(self._known) > LIMIT:
            self._known.clear()
        self._load([series for series in names if series not in self._known])
        changed = {series: self._merged(series, name) for series, name in names.items() if self._is_news(series, name)}
        self._store.insert(SERIES, columns([_row(item) for item in changed.items()]))
        self._known |= changed

    def _is_news(self, series: int, name: Name) -> bool:
        known = self._known.get(series)
        if known is None:
            return True
        return name.version > known.version and (name.unit, name.source) != (known.unit, known.source)

    def _merged(self, series: int, name: Name) -> Name:
        known = self._known.get(series)
        return name if known is None else replace(name, first_seen=min(known.first_seen, name.first_seen))

    def _load(self, unknown: list[int]) -> None:
        for start in range(0, len(unknown), PORTION):
            wanted = ", ".join(map(str, unknown[start : start + PORTION]))
            question = f"SELECT {', '.join(SERIES.columns)} FROM series FINAL WHERE series_id IN ({wanted})"  # noqa: S608 - numbers only
            self._known |= {row[0]: Name(*row[1:]) for row in self._store.rows(question)}


def _row(item: tuple[int, Name]) -> tuple[int, str, str, str, str, int, int]:
    series, name = item
    return series, name.device, name.name, name.unit, name.source, name.first_seen, name.version
