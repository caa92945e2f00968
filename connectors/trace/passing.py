"""Who has passed a record: committed offsets of every group that reads it, and the files that hold it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from connectors.file_names import safe
from connectors.sinks import manifests
from connectors.trace.found import Logged, Passed
from streams import lag
from streams.archive import OPEN
from streams.archive import directory as archive_directory
from streams.commits import Commits
from streams.core.records import Lineage
from streams.settings import FilesSettings, KafkaSettings


def passed(settings: KafkaSettings, lineage: Lineage, readings: Sequence[Logged]) -> list[Passed]:
    """Of each group: is it past the raw record, past the readings made of it?

    Raises:
        KafkaException: the log does not answer.
    """
    wanted = {"raw": [(lineage.partition, lineage.offset)], "readings": _last_of_each(readings)}
    asked = [(group, topic) for group, topics in lag.readers().items() for topic in topics if wanted.get(topic)]
    found = []
    with Commits(settings) as commits:
        for group, topic in sorted(asked):
            committed = commits.of(group, topic, [partition for partition, _ in wanted[topic]])
            found += [_passed(group, topic, place, committed) for place in wanted[topic]]
    return found


def files(settings: FilesSettings, lineage: Lineage, ids: Iterable[str], readings: Sequence[Logged]) -> list[str]:
    """Files here that hold the record: of the raw archive, one per message, segments."""
    archive = settings.archive / archive_directory(lineage.partition)
    found = _on_shelf(archive, lineage.offset)
    for identity in sorted(set(ids)):
        folder = settings.directory / "raw_data" / safe(identity)
        found += [str(path) for path in sorted(folder.glob("*.json"))]
    for logged in readings:
        found += _on_shelf(settings.directory / "segments" / f"readings-{logged.partition}", logged.offset)
    return list(dict.fromkeys(found))


def _passed(group: str, topic: str, place: tuple[int, int], committed: dict[int, int]) -> Passed:
    partition, offset = place
    at = committed.get(partition, -1)
    return Passed(group=group, topic=topic, partition=partition, offset=offset, committed=at)


def _last_of_each(readings: Sequence[Logged]) -> list[tuple[int, int]]:
    last: dict[int, int] = {}
    for logged in readings:
        last[logged.partition] = max(logged.offset, last.get(logged.partition, -1))
    return sorted(last.items())


def _on_shelf(directory: Path, offset: int) -> list[str]:
    """The closed file whose offsets include this one; the one that grows, when none of the closed reaches as far."""
    if not directory.is_dir():
        return []
    entries = manifests.manifest(directory)
    within = [entry.name for entry in entries if entry.first_offset <= offset <= entry.last_offset]
    if within or any(entry.last_offset >= offset for entry in entries):
        return [str(directory / name) for name in within]
    return [f"{path} (perhaps: it still grows)" for path in sorted(directory.glob(f"*{OPEN}"))]
