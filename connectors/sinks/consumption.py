"""A sink's membership in its own consumer group: what it may read, and the offsets that it commits.

The first start reads from the beginning. Once offsets are committed there is no reset: when they are out of the log's
range records are missing, which a person has to know, so `Hole` ends the process instead of skipping.
"""

import time
from collections.abc import Callable, Mapping

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition

from connectors.sinks.base import Record
from connectors.sinks.client import properties
from connectors.sinks.commit import Commit, Position, Start
from connectors.sinks.expulsions import Expulsions
from connectors.sinks.message import record
from streams import kafka, log, metrics, progress
from streams.settings import Settings

TELL_S = 10.0
LEAVING_S = 5.0
"""when leaving, a commit is waited for so long"""
DOUBT_S, ANSWER_S = 5.0, 1.0
"""after so long without a partition the client is asked whether it reaches Kafka at all, and waited for so long"""

logger = log.get(__name__)


def _nothing(*_: object) -> None:
    pass


class Hole(Exception):
    """Committed offsets are out of the log's range: records are missing, or the log starts again."""


class Consumption:
    """Subscribes, takes records, pauses, commits. All calls from one thread, callbacks come from within ``take``."""

    def __init__(self, settings: Settings, sink: str, topics: tuple[str, ...]) -> None:
        self._settings, self._sink, self._topics = settings.kafka, sink, topics
        self._properties = properties(settings, sink)
        self._life = object()
        self._consumer = self._made()
        self._callbacks: tuple[Callable[[list[Start]], None], Callable[[], None]] = _nothing, _nothing
        self._expulsions = Expulsions()
        self._under_way: Commit | None = None
        self._reached: dict[Position, int] = {}
        self._owned: frozenset[Position] = frozenset()
        self._paused: set[Position] = set()
        self._failed: Exception | None = None
        self._next_lag = self._next_telling = self._next_complaint = 0.0
        self._next_doubt = time.monotonic() + DOUBT_S
        self._joined = False
        self._answers = 0
        self.member = False
        """whether the group has answered, be it with no partition at all, and has taken nothing away since"""

    def subscribe(self, on_assigned: Callable[[list[Start]], None], on_revoked: Callable[[], None]) -> None:
        """Join the group; the callbacks come from within ``take`` and ``close``."""
        self._callbacks = on_assigned, on_revoked

        def assigned(_: Consumer, partitions: list[TopicPartition]) -> None:
            self._keeping_errors(lambda: on_assigned(self._start(partitions)))

        def revoked(_: Consumer, __: list[TopicPartition]) -> None:
            self._keeping_errors(on_revoked)
            self._own([])
            self.member = False

        names = [self._settings.prefix + topic for topic in self._topics]
        gone = self._ours(revoked)
        self._consumer.subscribe(names, on_assign=self._ours(assigned, kafka.park), on_revoke=gone, on_lost=gone)

    def membership(self) -> progress.Work:
        """For the watchdog: who owns nothing, and is not told so, has no partition that it could look at."""
        return progress.Work(self._answers, left=not self.member)

    def missing(self, timeout_s: float = 5) -> list[str]:
        """Topics of the sink that do not exist.

        Raises:
            KafkaException: Kafka is away.
        """
        return [topic for topic in self._topics if not self._exists(self._settings.prefix + topic, timeout_s)]

    def take(self, limit: int, timeout_s: float) -> list[Record]:
        """The next records; keeps the membership alive, also while paused, and joins again when it is over.

        Raises:
            Hole: the committed offsets are out of range.
            KafkaException: not authorised, …; or the membership is over for the second time in a minute, and Kafka was
                not away: another member has this one's name.
        """
        try:
            if self._under_way:
                self._under_way.look(time.monotonic())
            self._revive()
            messages = self._consumer.consume(limit, timeout_s)
            if self._failed:  # first: who failed to say where to begin is told here that there is no place
                raise self._failed
            records = [record(message, self._settings.prefix) for message in messages if not _event(message.error())]
        except KafkaException as error:
            if not kafka.is_over(error.args[0]) or not self._expulsions.may_join(time.monotonic()):
                raise
            self._join_again(error.args[0].str())
            return []
        return records

    def _revive(self) -> None:
        """Make a new client when this one has lost Kafka for good (librdkafka, issue 5301).

        A lone Kafka that was paused for longer than its session says for a moment that there are no brokers, and the client
        may never look for one again.
        """
        if self._owned or time.monotonic() < self._next_doubt:
            return
        self._next_doubt = time.monotonic() + DOUBT_S
        try:
            self._exists(self._settings.prefix + self._topics[0], ANSWER_S)
        except KafkaException as error:
            self._join_again(error.args[0].str())

    def flow(self, held: Callable[[Position], bool]) -> None:
        """Fetch nothing from the partitions that are ``held``; what was on its way may still come."""
        wanted = {position for position in self._owned if held(position)}
        self._consumer.pause([self._partition(p) for p in wanted - self._paused])
        self._consumer.resume([self._partition(p) for p in self._paused & self._owned - wanted])
        self._paused = wanted

    def commit(self, offsets: Mapping[Position, int], metadata: Callable[[Position], str]) -> None:
        """Begin to commit what is news among ``offsets``; what fails, or comes meanwhile, is news again next time.

        It ends within ``take``. The client lets a commit wait for a rebalance, and that waits for our callback, which
        comes from within ``take``: who waits here waits for himself (confluent-kafka-python, issue 1801).
        """
        news = {p: offset for p, offset in offsets.items() if offset > self._reached.get(p, -1)}
        if not news or self._under_way:
            return
        partitions = [self._partition(p, offset, metadata(p)) for p, offset in news.items()]
        self._under_way = Commit(news, self._owned, time.monotonic())
        try:
            self._consumer.commit(offsets=partitions, asynchronous=True)
        except KafkaException as error:
            self._ended(error.args[0], [])

    def _ended(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """See what became of the commit that was under way."""
        commit, self._under_way = self._under_way, None
        fault = error or next((partition.error for partition in partitions if partition.error), None)
        if fault is not None:
            self._refused(fault)
        elif commit is not None:
            self._committed(commit)

    def _refused(self, fault: KafkaError) -> None:
        if kafka.is_over(fault):
            self._failed = KafkaException(fault)
        if time.monotonic() > self._next_complaint:
            self._next_complaint = time.monotonic() + TELL_S
            logger.warning("commit-failed", detail=str(fault))

    def _committed(self, commit: Commit) -> None:
        for (topic, partition), offset in commit.news.items():
            progress.HERE.committed(self._settings.prefix + topic, partition, offset)
        if commit.owned is self._owned:
            self._reached |= commit.news

    def measure_lag(self) -> None:
        """Set the lag metric, at most once a second. A paused partition hears nothing of new records unless asked."""
        if time.monotonic() < self._next_lag:
            return
        self._next_lag = time.monotonic() + 1
        try:
            for position, offset in self._reached.items():
                end = self._end(position)
                metrics.SINK_LAG.labels(self._sink, *position).set(max(0, end - offset))
        except KafkaException as error:
            logger.debug("lag-unknown", detail=str(error.args[0]))

    def close(self, commit: Callable[[], None] = _nothing) -> None:
        """Leave. Waits some seconds at most: the client may have lost Kafka, or be given partitions that it is not to take.

        ``commit`` begins the last one, once none is under way: what it would leave out is handled again at the next start.
        """
        deadline = time.monotonic() + LEAVING_S
        self._await_commit(deadline)
        self._keeping_errors(commit)
        self._await_commit(deadline)
        self._keeping_errors(self._callbacks[1])
        self._let_go(kafka.ENDING_S)

    def _await_commit(self, deadline: float) -> None:
        while self._under_way and time.monotonic() < deadline:
            self._consumer.poll(0.1)  # what comes is not handled, and read again

    def _join_again(self, why: str) -> None:
        """With a client of its own: the old one never does anything again, and may not even end."""
        logger.warning("membership-over", detail=why, next="joins again, from the last commit")
        on_assigned, on_revoked = self._callbacks
        on_revoked()
        self._joined = self.member = False
        self._let_go()
        self._under_way = None
        self._consumer, self._failed = self._made(), None
        self._own([])
        self.subscribe(on_assigned, on_revoked)

    def _let_go(self, wait_s: float = 0) -> None:
        """From here on the client tells nothing, and takes no partitions."""
        self._life = object()
        kafka.let_go(self._consumer, wait_s)

    def _made(self) -> Consumer:
        told = {"error_cb": self._ours(self._tell), "on_commit": self._ours(self._ended)}
        return kafka.consumer(self._settings, f"sink-{self._sink}", **self._properties, **told)

    def _ours(self, callback: Callable[..., None], after: Callable[[], None] = _nothing) -> Callable[..., None]:
        """As long as the client that gets it is the one at work: one that was let go may still speak while it ends."""
        life = self._life
        return lambda *arguments: callback(*arguments) if life is self._life else after()

    def _keeping_errors(self, callback: Callable[[], None]) -> None:
        """An exception that leaves a callback may turn into a meaningless one in the client's C code."""
        try:
            callback()
        except Exception as error:  # noqa: BLE001 - raised by `take`
            self._failed = error

    def _tell(self, error: KafkaError) -> None:
        """The client tries again many times a second, and says so each time.

        A fatal error (another member with our instance id, by the memory of a broker that was killed) may be told here
        only: no message brings it, and the client waits for ever.
        """
        if kafka.is_over(error):
            self._failed = KafkaException(error)
        if self._joined:  # a new client may tell of an absence while it connects
            self._expulsions.told(error)
        if time.monotonic() > self._next_telling:
            self._next_telling = time.monotonic() + TELL_S
            logger.warning("kafka-away", detail=error.str())

    def _start(self, partitions: list[TopicPartition]) -> list[Start]:
        committed = kafka.committed(self._consumer, partitions, 30) if partitions else []
        starts = [self._where(partition) for partition in committed]
        self._consumer.assign([self._partition(start.position, start.offset) for start in starts])
        self._own(starts)
        self._joined = self.member = True
        self._answers += 1
        logger.info("assigned", partitions=[f"{topic} {number}" for topic, number in sorted(self._owned)])
        return starts

    def go_back(self, offsets: Mapping[Position, int]) -> None:
        """Within the callback of an assignment: read these again, from where the log still has them; commits stay."""
        begins = {p: min(max(offset, self._first(p)), self._reached[p]) for p, offset in offsets.items()}
        for (topic, number), offset in begins.items():
            progress.HERE.begin(self._settings.prefix + topic, number, offset)
            logger.warning("reads-again", partition=f"{topic} {number}", wanted=offsets[topic, number], begins=offset)
        self._consumer.assign([self._partition(p, offset) for p, offset in (self._reached | begins).items()])

    def _where(self, committed: TopicPartition) -> Start:
        if committed.error:
            raise KafkaException(committed.error)
        position = committed.topic.removeprefix(self._settings.prefix), committed.partition
        if committed.offset >= 0:
            return Start(position, committed.offset, committed.metadata or "")
        return Start(position, self._first(position), "")

    def _first(self, position: Position) -> int:
        return kafka.watermarks(self._consumer, self._partition(position), 30)[0]

    def _exists(self, name: str, timeout_s: float) -> bool:
        found = self._consumer.list_topics(name, timeout=timeout_s).topics.get(name)
        return bool(found and not found.error)

    def _end(self, position: Position) -> int:
        cached = position not in self._paused
        return self._consumer.get_watermark_offsets(self._partition(position), timeout=0.2, cached=cached)[1]

    def _own(self, starts: list[Start]) -> None:
        """The client remembers a pause, also of a partition that went away (librdkafka, issue 1849): nothing would flow."""
        self._consumer.resume([self._partition(position) for position in self._paused])
        for topic, partition in self._owned:
            progress.HERE.forget(self._settings.prefix + topic, partition)
        for start in starts:
            progress.HERE.begin(self._settings.prefix + start.position[0], start.position[1], start.offset)
        self._owned = frozenset(start.position for start in starts)
        self._reached = {start.position: start.offset for start in starts}
        self._paused = set()
        self._next_doubt = time.monotonic() + DOUBT_S

    def _partition(self, position: Position, offset: int = OFFSET_INVALID, metadata: str = "") -> TopicPartition:
        return TopicPartition(self._settings.prefix + position[0], position[1], offset, metadata)


def _event(error: KafkaError | None) -> bool:
    if error is not None and error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        raise Hole(str(error))
    return kafka.raise_on_error(error)
