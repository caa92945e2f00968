"""What a replay changed, told to the sinks that hold no rows to correct: files get a new generation, Ubidots new dots.

Asked for once the correction, or its undo, stands in the store; doing it again gives the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from threading import Event

from msgspec import Struct, field

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
from streams.replay.course import Stopped
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


Place = tuple[int, int, str]
"""(raw partition, raw offset, device): the order in which corrections come"""


class Told(Struct):
    """How far Ubidots was told, kept by whoever tries again: an absence in the last row does not send the first again."""

    generation: int = -1
    through: Place = (-1, -1, "")
    sent: Sent = field(default_factory=Sent)


def correct(settings: Settings, replay: Replay, *, undo: bool, told: Told, stop: Event) -> None:
    """Tell files, and Ubidots when the replay says so; ``told`` is the same for each attempt.

    Nothing to tell after mode ``restore``: what the store had lost, files and Ubidots have got in its time.

    Raises:
        Transient: files, Ubidots or the store are away; ask again.
        Stopped: ``stop`` was set.
        TimeoutError, KafkaException: the log does not answer.
    """
    if replay.mode == Mode.RESTORE:
        return
    store = ClickHouseReplayStore(settings)
    manifest = write_files(settings, replay, map(Correction._make, store.delta_rows(replay.id, undo=undo)), undo=undo)
    logger.info("files corrected", replay=replay.id, points=manifest.points, withdrawn=manifest.withdrawn)
    if "ubidots" in replay.sinks:
        rows = map(Correction._make, store.delta_rows(replay.id, undo=undo))
        sent = send_ubidots(settings, replay, rows, undo=undo, told=told, stop=stop)
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


def send_ubidots(
    settings: Settings,
    replay: Replay,
    rows: Iterable[Correction],
    *,
    undo: bool = False,
    told: Told | None = None,
    stop: Event | None = None,
) -> Sent:
    """Post added and changed points by the sink's own code and at its rate, after what was ``told`` already.

    Repeating it posts the same dots: Ubidots keeps one for each variable and time.

    Raises:
        SettingsError: there is no token.
        Transient: Ubidots stayed away.
        Stopped: ``stop`` was set.
    """
    told, generation = told or Told(), _generation(replay, undo=undo)
    if told.generation != generation:
        told.generation, told.through, told.sent = generation, Told().through, Sent()
    sink, stop = ubidots.make(settings), stop or Event()
    try:
        for waiting in _batches(_corrected(settings, generation, rows), told.through):
            _heed(stop)
            _post(sink, waiting, told.sent, stop)
            told.through = _place(waiting[-1])
    finally:
        sink.close()
    return told.sent


def _batches(every: Iterable[Corrected], after: Place) -> Iterator[list[Corrected]]:
    """Some at a time; what is of one place stays together, since it is told by its place."""
    waiting = list[Corrected]()
    for one in every:
        if _place(one) <= after:
            continue
        if len(waiting) >= READINGS and _place(one) != _place(waiting[-1]):
            yield waiting
            waiting = []
        waiting.append(one)
    if waiting:
        yield waiting


def _place(one: Corrected) -> Place:
    return one.reading.raw_partition, one.reading.raw_offset, one.reading.device


def _post(sink: UbidotsSink, waiting: Sequence[Corrected], sent: Sent, stop: Event) -> None:
    shown = [one for one in waiting if one.messages]
    refused = _patiently(sink, _records(shown), stop) if shown else []
    for rejection in refused:
        lineage = shown[rejection.index].reading
        logger.warning("correction-refused", raw=f"{lineage.raw_partition}:{lineage.raw_offset}", why=rejection.detail)
    sent.readings += len(shown)
    sent.refused += len(refused)
    sent.points += sum(number(m) is not None for one in shown for message in one.messages for m in message.measurements)
    sent.withdrawn += sum(len(message.measurements) for one in waiting for message in one.withdrawn)
    sent.hidden += sum(one.hidden for one in waiting)


def _records(shown: Sequence[Corrected]) -> list[Record]:
    return [
        Record("readings", -1, index, None, avro.encode(one.reading), one.reading.received_at)
        for index, one in enumerate(shown)
    ]


def _patiently(sink: UbidotsSink, batch: Sequence[Record], stop: Event) -> Sequence[Rejection]:
    """Offered again: the sink goes on where it stopped."""
    for back_off_s in BACK_OFF_S:
        try:
            return sink.write(batch)
        except Transient as error:
            pause_s = error.retry_after or back_off_s
            progress.HERE.waits(str(error), pause_s + progress.SAID_FOR_S)
            logger.warning("ubidots-waits", detail=str(error), next_in_s=pause_s)
            stop.wait(pause_s)
            _heed(stop)
    return sink.write(batch)


def _heed(stop: Event) -> None:
    if stop.is_set():
        raise Stopped


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
