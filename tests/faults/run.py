"""Runs cases: load, fault, quiet, check."""

import random
import time
import traceback
from collections.abc import Callable
from itertools import islice

from msgspec import Struct

from streams import kafka
from streams.scan import scan
from tests.faults import dots, written
from tests.faults.judge import fill, judge
from tests.faults.load import PATIENCE_S, Load, sending
from tests.faults.result import Kill, Result
from tests.faults.watch import watching
from tests.faults.world import SERVERS, World

RATE = 60.0
BOUND_MB = 400
"""resident memory that no process of ours may pass, whatever happens"""
WARM_UP = 60
HONEST = (
    "normal",
    "late",
    "duplicate",
    "probe",
    "log",
    "wide",
    "large",
    "jumping",
    "untimed",
    "replayed",
    "contradicting",
    "numbered",
)
"""kinds of messages that a door has no reason to refuse"""


class Run(Struct):
    """What a case gets: the installation, the load on it, chance, and the record to write into."""

    world: World
    load: Load
    rng: random.Random
    result: Result
    scale: float
    """of the long waits"""

    def fresh_row(self, since: float, *doors: str, within_s: float = PATIENCE_S) -> float:
        """Note how long after ``since`` a row of a newer message was there; the longest counts."""
        took = self.load.recovery(since, *doors, within_s=within_s)
        self.result.recovery_s = max(took, self.result.recovery_s or 0)
        return took

    def kill(self, victim: str) -> Kill:
        """kill -9 a process, wait until rows come again and it is ready, and note how long that took."""
        former, at = self.world.alive(victim), time.time()
        self.world.kill(victim)
        return self.survived(victim, former, at)

    def survived(self, victim: str, former: int, at: float) -> Kill:
        """The same of a process that died with the id ``former``."""
        self.result.kills += 1
        took = self.fresh_row(at)
        self.world.replaced(victim, former, within_s=PATIENCE_S)
        made = Kill(victim, round(took, 1), round(time.time() - at, 1))
        self.result.killed.append(made)
        return made

    def note_delays(self, when: str, seconds: float) -> list[float]:
        """Measure for so long how soon the store shows what is sent. Sorted."""
        delays = self.load.delays(seconds)
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            self.result.notes[f"delay_{name}_s_{when}"] = round(delays[int(len(delays) * share)], 2)
        return delays

    def scaled(self, seconds: float, *, least: float) -> float:
        """How long a long wait is in this run."""
        return max(least, seconds * self.scale)

    def wait(self, seconds: float, *, least: float) -> None:
        """Let that much time pass."""
        time.sleep(self.scaled(seconds, least=least))

    def also_sent(self, more: Load) -> None:
        """Count a load's messages."""
        self.result.sent += more.book.sent.total()
        self.result.acknowledged += more.book.acknowledged.total()
        refused = {kind: more.book.refused[kind] for kind in HONEST if more.book.refused[kind]}
        self.holds(f"no honest message is refused for good: {refused}", not refused)

    def copy_raw(self, count: int) -> None:
        """Write so many records of `raw` once more, as a producer does that did not hear the answer."""
        settings = self.world.settings.kafka
        producer = kafka.BatchProducer(settings)
        for message in islice(scan(settings, "raw"), count):
            producer.send("raw", message.key() or b"", message.value() or b"")
        producer.flush()

    def holds(self, what: str, truth: bool) -> None:
        """Something besides the rows that must be so."""
        if not truth:
            self.result.faults.append(f"does not hold: {what}")


class Case(Struct, frozen=True):
    """One row of the matrix (or a part of it). ``act`` does the harm while load is on."""

    name: str
    row: int
    act: Callable[[Run], None]
    rate: float = RATE
    waits_s: float = 0
    """how long it waits at full length, besides what every case takes"""
    may_end: frozenset[str] = frozenset()
    """processes that may end by themselves here"""
    must_fail: bool = False
    standalone: bool = False
    """brings its own processes, and needs only the servers: ``act`` fills the result"""
    small_disks: bool = False
    """needs an installation whose directories are on small disks"""
    posts_once: bool = False
    """neither the sink of Ubidots is killed or put out of its group, nor Kafka kept from answering: no dot is posted twice"""
    after: Callable[[Run], None] = lambda _: None
    """looked at when all has come to rest"""


def run(world: World, case: Case, seed: int, *, scale: float = 1) -> Result:
    """One case on a running installation."""
    began = time.monotonic()
    result = Result(name=case.name, row=case.row, seed=seed, waits=scale, must_fail=case.must_fail)
    rng = random.Random(f"{seed}/{case.name}")
    with watching(world, result):
        load = Load(world, seed * 1000 + case.row, case.rate)
        one = Run(world, load, rng, result, scale)
        try:
            if case.standalone:
                with load.book:
                    case.act(one)
            else:
                _under_load(one, case)
        except Exception as fault:  # noqa: BLE001 - one case that fails must not keep the others from being run
            result.faults.append(f"{type(fault).__name__}: {fault}")
            traceback.print_exc()
        one.also_sent(load)
    _bounded(one)
    _judged(one, case)
    result.took_s = time.monotonic() - began
    return result


def _bounded(one: Run) -> None:
    large = {
        name: rss >> 20 for name, rss in one.result.peak_rss.items() if name not in SERVERS and rss > BOUND_MB << 20
    }
    one.holds(f"no process of ours takes more than {BOUND_MB} MB: {large}", not large)


def _judged(one: Run, case: Case) -> None:
    """Nothing was passed over, by the checker or by a commit, and nobody had to be started again who had not been killed."""
    one.holds("there is something to compare", bool(one.result.acknowledged and one.result.points))
    left = one.result.unchecked
    one.holds(f"everything was judged, and not left: {left}", not left)
    ended = {name: statuses for name, statuses in one.result.ended.items() if name not in case.may_end}
    one.holds(f"nobody ends by itself: {ended}", not ended)
    passed_over = one.result.committed_unhandled
    one.holds(f"nothing is committed that is not done: {passed_over:.0f}", not passed_over)


def _under_load(one: Run, case: Case) -> None:
    """Whatever becomes of the fault, there is a comparison."""
    before = dots.before(one.world)
    with sending(one.load):
        one.load.more(WARM_UP)
        one.world.ready("api")
        written.begin(one.load, one.world.api)
        try:
            case.act(one)
            written.more_lines(one.load)
        except Exception as fault:  # noqa: BLE001 - as in ``run``
            one.holds(f"{type(fault).__name__}: {fault}", truth=False)
            traceback.print_exc()
    quiet_since = time.monotonic()
    fill(one.result, judge(one.world))
    if found := dots.compare(one.world, before):
        dots.fill(one.result, found, once=case.posts_once)
    case.after(one)
    one.result.settled_s = time.monotonic() - quiet_since
