"""What Ubidots must have of what was said in a case: every dot with its value, and nothing else.

Which of them and how often they were posted is promised apart: a batch that was not committed when the sink was killed, or
when Kafka did not answer, is posted again, and Ubidots keeps one dot per variable and ms. Else each is posted once.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from connectors.sinks.lineages import lineage_of
from connectors.sinks.outgoing import Message
from connectors.sinks.ubidots import payload
from connectors.sinks.ubidots.device import label
from connectors.verify import log_side
from connectors.verify.presented import Mappings
from streams import avro
from streams.core.records import Lineage, Reading
from streams.core.times import MILLISECOND
from streams.scan import scan
from streams.settings import KafkaSettings
from tests.faults.result import Result
from tests.faults.world import World

READINGS = "readings"
Key = tuple[str, str, int]
"""(label of the device, variable, ms)"""
Shown = Sequence[tuple[Key, float]]
"""the dots of one reading, under one mapping"""


class Account(Struct, frozen=True):
    """What the stub has. ``identity``: of the account, which ends with the stub; ``posted``: dots that came, repeats too."""

    identity: str
    posted: int
    dots: dict[Key, float]


class Before(Struct, frozen=True):
    """What there was when a case began: the account, and the ends of `readings`."""

    account: Account
    ends: dict[int, int]


class Expected:
    """What readings become, each partition's in order; where the sink may have known several mappings, any of these."""

    def __init__(self) -> None:
        self.must = set[Key]()
        self.least = self.most = 0
        self.open = set[tuple[str, int]]()
        """(variable, ms) that may be anywhere: of readings whose earlier mappings Kafka has compacted away"""
        self._may: defaultdict[Key, dict[int, set[float]]] = defaultdict(dict)

    def add(self, partition: int, versions: Sequence[Shown]) -> None:
        """A reading's dots under each mapping. Of two values for one variable and ms the later one stays."""
        sizes, shown = [len(version) for version in versions], [dict(version) for version in versions]
        self.least, self.most = self.least + min(sizes), self.most + max(sizes)
        for key in {key for version in shown for key in version}:
            values = {version[key] for version in shown if key in version}
            if all(key in version for version in shown):
                self.must.add(key)
                self._may[key][partition] = values
            else:
                self._may[key].setdefault(partition, set()).update(values)

    def values(self, key: Key) -> set[float]:
        """What may be there; empty where nothing may."""
        return {value for values in self._may.get(key, {}).values() for value in values}


class Found(Struct, frozen=True):
    """The comparison: a line for each dot."""

    missing: list[str]
    extra: list[str]
    wrong: list[str]
    expected: int
    least: int
    most: int
    posted: int


def before(world: World) -> Before:
    """To be asked while nothing is under way."""
    return Before(_account(world), log_side.ends(world.settings.kafka, READINGS))


def compare(world: World, then: Before) -> Found | None:
    """When all has come to rest; None where the account did not live on."""
    now = _account(world)
    if now.identity != then.account.identity:
        return None
    return differences(_expected(world.settings.kafka, then.ends), then.account, now)


def differences(expected: Expected, then: Account, now: Account) -> Found:
    """Both ways. What was there before may stay."""
    missing, wrong, extra = [f"{key} is missing" for key in expected.must - now.dots.keys()], list[str](), list[str]()
    for key, value in now.dots.items():
        may = expected.values(key)
        if value in may or (key not in expected.must and then.dots.get(key) == value):
            continue
        if may:
            wrong.append(f"{key} is {value}, not {may}")
        elif key[1:] not in expected.open:
            extra.append(f"{key} is {value}, and must not be")
    posted = now.posted - then.posted
    return Found(missing, extra, wrong, len(expected.must), expected.least, expected.most, posted)


def fill(result: Result, found: Found, *, once: bool) -> None:
    """Write it into the result. ``once``: it is promised that nothing is posted again."""
    result.notes |= {"dots": found.expected, "dots_posted": found.posted}
    result.missing += len(found.missing)
    result.extra += len(found.extra)
    result.wrong += len(found.wrong)
    for lines in (found.missing, found.extra, found.wrong):
        result.faults += [f"Ubidots: {line}" for line in lines[:3]]
    if found.posted < found.least or (once and found.posted > found.most):
        result.faults.append(f"Ubidots: {found.posted} dots were posted, {found.least} to {found.most} there are")


def _account(world: World) -> Account:
    told = world.ubidots("/dots")
    dots = {(label, name, ms): value for label, name, ms, value in told["dots"]}
    return Account(told["account"], told["posted"], dots)


def _expected(settings: KafkaSettings, since: Mapping[int, int]) -> Expected:
    """Each reading counts once, by its lineage: the first of its copies in the log."""
    expected, seen, mappings = Expected(), set[Lineage](), Mappings.read(settings)
    for message in scan(settings, READINGS):
        reading, partition = avro.decode(message.value() or b"", Reading), message.partition() or 0
        lineage = lineage_of(reading)
        if lineage is None or lineage in seen:
            continue
        seen.add(lineage)
        if (message.offset() or 0) >= since.get(partition, 0):
            _expect(expected, partition, reading, mappings)
    return expected


def _expect(expected: Expected, partition: int, reading: Reading, mappings: Mappings) -> None:
    versions = [list(_shown(messages)) for messages in mappings.presented(reading)]
    if mappings.forgotten(reading):
        versions.append([])
        expected.open |= {(m.name, m.time // MILLISECOND) for m in reading.measurements}
    expected.add(partition, versions)


def _shown(messages: Sequence[Message]) -> Iterator[tuple[Key, float]]:
    for message in messages:
        for dot in payload.dots(0, message):
            yield (label(dot.logical_uid, None), dot.name, dot.time // MILLISECOND), dot.value
