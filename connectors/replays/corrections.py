"""What a replay changed, told to the sinks that hold no rows to correct: files get a new generation, Ubidots new dots.

Asked for once the correction, or its undo, stands in the store; doing it again gives the same.
"""

import time
from collections.abc import Iterable, Sequence

from msgspec import Struct

from connectors.replays import generation_files
from connectors.replays.corrected import Corrected, Correction, Receipt, Surroundings, corrected, portions
from connectors.replays.generation_files import Manifest
from connectors.sinks import ubidots
from connectors.sinks.base import Record, Rejection, Transient
from connectors.sinks.clickhouse.replay import ClickHouseReplayStore
from connectors.sinks.clickhouse.store import Store
from connectors.sinks.ubidots import UbidotsSink
from connectors.sinks.ubidots.payload import number
from streams import avro, log, progress
from streams.core.records import DeviceMapping, Lineage, PhysicalDevice
from streams.core.replay_record import Replay
from streams.replay.job import Mode
from streams.scan import table
from streams.settings import Settings

READINGS = 200
"""sent to Ubidots at a time"""
BACK_OFF_S = (0.5, 1, 2, 5, 10, 30)
OFFSETS = 5_000
"""named in one question, which stays well below ClickHouse's limit for a statement"""

logger = log.get("replay")


class Sent(Struct):
    """What Ubidots got: ``points`` are numbers, since it takes no texts.

    ``withdrawn``: dots that are wrong there now and cannot be deleted by the calls that it has.
    """

    points: int = 0
    readings: int = 0
    refused: int = 0
    withdrawn: int = 0
    hidden: int = 0


def correct(settings: Settings, replay: Replay, *, undo: bool) -> None:
    """Tell files, and Ubidots when the replay says so.

    Nothing to tell after mode ``restore``: what the store had lost, files and Ubidots have got in its time.

    Raises:
        Transient: files, Ubidots or the store are away; ask again.
        TimeoutError, KafkaException: the log does not answer.
    """
    if replay.mode == Mode.RESTORE:
        return
    store = ClickHouseReplayStore(settings)
    manifest = write_files(settings, replay, map(Correction._make, store.delta_rows(replay.id, undo=undo)), undo=undo)
    logger.info("files corrected", replay=replay.id, points=manifest.points, withdrawn=manifest.withdrawn)
    if "ubidots" in replay.sinks:
        sent = send_ubidots(settings, replay, map(Correction._make, store.delta_rows(replay.id, undo=undo)), undo=undo)
        logger.info("Ubidots corrected", replay=replay.id, points=sent.points, refused=sent.refused)
        if sent.withdrawn:
            logger.warning(
                "dots stay at Ubidots", replay=replay.id, points=sent.withdrawn, why="it deletes none by API"
            )


def write_files(settings: Settings, replay: Replay, rows: Iterable[Correction], *, undo: bool = False) -> Manifest:
    """Write a new generation of files beside the segments (``generation_files``).

    Raises:
        Transient: the directory is away, full or read-only.
    """
    generation = _generation(replay, undo=undo)
    wanted = frozenset(settings.files.sources)
    chosen = (row for row in rows if not wanted or row.source in wanted)
    try:
        return generation_files.write(
            settings.files.directory, replay, generation, _corrected(settings, generation, chosen)
        )
    except OSError as error:
        raise Transient(f"cannot write corrected files: {error}") from error


def send_ubidots(settings: Settings, replay: Replay, rows: Iterable[Correction], *, undo: bool = False) -> Sent:
    """Post added and changed points by the sink's own code and at its rate.

    Repeating it posts the same dots: Ubidots keeps one for each variable and time.

    Raises:
        SettingsError: there is no token.
        Transient: Ubidots stayed away.
    """
    sink, sent, waiting = ubidots.make(settings), Sent(), list[Corrected]()
    try:
        for one in _corrected(settings, _generation(replay, undo=undo), rows):
            sent.hidden += one.hidden
            sent.withdrawn += sum(len(message.measurements) for message in one.withdrawn)
            waiting += [one] if one.messages else []
            if len(waiting) >= READINGS:
                _post(sink, waiting, sent)
                waiting = []
        _post(sink, waiting, sent)
    finally:
        sink.close()
    return sent


def _post(sink: UbidotsSink, waiting: Sequence[Corrected], sent: Sent) -> None:
    batch = [
        Record("readings", -1, index, None, avro.encode(one.reading), one.reading.received_at)
        for index, one in enumerate(waiting)
    ]
    if not batch:
        return
    refused = _patiently(sink, batch)
    for rejection in refused:
        lineage = waiting[rejection.index].reading
        logger.warning("correction-refused", raw=f"{lineage.raw_partition}:{lineage.raw_offset}", why=rejection.detail)
    sent.readings += len(batch)
    sent.refused += len(refused)
    shown = (m for one in waiting for message in one.messages for m in message.measurements)
    sent.points += sum(number(m) is not None for m in shown)


def _patiently(sink: UbidotsSink, batch: Sequence[Record]) -> Sequence[Rejection]:
    """Offered again: the sink goes on where it stopped."""
    for pause_s in BACK_OFF_S:
        try:
            return sink.write(batch)
        except Transient as error:
            progress.HERE.waits(str(error), (error.retry_after or pause_s) + progress.SAID_FOR_S)
            logger.warning("ubidots-waits", detail=str(error), next_in_s=error.retry_after or pause_s)
            time.sleep(error.retry_after or pause_s)
    return sink.write(batch)


def _generation(replay: Replay, *, undo: bool) -> int:
    number = replay.undo_generation if undo else replay.generation
    if number is None:
        raise ValueError(f"replay {replay.id} has opened no generation")
    return number


def _corrected(settings: Settings, generation: int, rows: Iterable[Correction]) -> Iterable[Corrected]:
    mappings = {m.device: m for m in table(settings.kafka, "device-mapping", DeviceMapping).values()}
    physical = {d.device: d for d in table(settings.kafka, "physical-devices", PhysicalDevice).values()}
    store = Store(settings.clickhouse, "replay")
    try:
        for portion in portions(rows):
            progress.HERE.beat()
            receipts = _receipts(store, {Lineage(row.raw_partition, row.raw_offset) for row in portion})
            yield from corrected(portion, generation, Surroundings(mappings, physical, receipts))
    finally:
        store.close()


def _receipts(store: Store, wanted: set[Lineage]) -> dict[Lineage, Receipt]:
    """Of the raw records that the store has; the others' lines say nothing about them."""
    found: dict[Lineage, Receipt] = {}
    for partition in {lineage.partition for lineage in wanted}:
        offsets = sorted(lineage.offset for lineage in wanted if lineage.partition == partition)
        for start in range(0, len(offsets), OFFSETS):
            named = ", ".join(map(str, offsets[start : start + OFFSETS]))
            question = (
                "SELECT raw_offset, id, received_at FROM raw_messages FINAL "  # noqa: S608 - numbers only
                f"WHERE raw_partition = {partition} AND raw_offset IN ({named})"
            )
            found |= {Lineage(partition, row[0]): Receipt(row[1], row[2]) for row in store.rows(question)}
    return found
