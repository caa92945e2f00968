"""Runs a replay, from whatever state it is in, to where it rests: READY, APPLIED, UNDONE, CANCELLED or FAILED.

Every step may be done again, so a runner that was killed is followed by one that begins at the recorded state. Nothing
touches live rows before ``attach``; from there on the only way is forward, and undo.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event

import msgspec

from streams import avro, scan
from streams.core.records import DeviceMapping, Repair
from streams.core.replay_record import Replay
from streams.kafka import BatchProducer
from streams.replay import opening, stacked
from streams.replay.barrier import Barrier, recorded, to_record
from streams.replay.basis import basis, outdated, unmapped
from streams.replay.course import Cancelled, Course, Failed, Office
from streams.replay.job import Mode, Progress, State
from streams.replay.plan import plan
from streams.replay.runs import Runs
from streams.replay.scanning import Scan
from streams.replay.selection import Selection
from streams.replay.store import ReplayStore
from streams.replay.task import Task, Tried, hashes, read_registry
from streams.settings import Settings

ROLLUPS = (3600, 86_400)
"""lengths of the windows that the store computes by itself, seconds"""
LOOK_S = 0.25
LEAST_MS = 0.01
"""says that the correction is visible; 0 says that it is not"""
NOTHING = Tried()


class Runner:
    """Works on one replay at a time.

    ``tried`` stands in for what is deployed. ``correct(replay, undo)`` sends what changed to files and outgoing sinks, once the store is right.
    ``begins_undo(replay)`` is called before rows are taken back, which will be then, be it by another runner.
    """

    def __init__(
        self,
        settings: Settings,
        store: ReplayStore,
        office: Office,
        *,
        correct: Callable[[Replay, bool], None],
        tried: Tried = NOTHING,
        begins_undo: Callable[[Replay], None] = lambda _: None,
    ) -> None:
        self._settings, self._store, self._office = settings, store, office
        self._correct, self._tried, self._begins_undo = correct, tried, begins_undo
        self._lengths = (*settings.window.base_s, *ROLLUPS)

    def run(self, replay: int, stop: Event, show: Callable[[Replay, Progress], None] = lambda *_: None) -> Replay:
        """Carry the replay on; returns its record where it rests.

        Raises:
            Stopped: ``stop`` was set; run it again to go on.
            KafkaException, Undelivered, and the store's own: something is away; run it again.
        """
        course = Course(self._office, self._office.get(replay), stop, show)
        barrier = Barrier(self._settings.kafka)
        self._store.guard(course.hold)
        try:
            with course.alive():
                self._carry_on(course, barrier)
        except Cancelled:
            course.enter(State.CANCELLED, took_wish=True)
            self._store.drop(course.id, journal=True)
        except (Failed, ValueError) as fault:
            course.enter(State.FAILED, error=str(fault))
        finally:
            self._store.guard(lambda: None)
            barrier.close()
        return course.replay

    def _carry_on(self, course: Course, barrier: Barrier) -> None:
        course.note()  # it is this runner's from here on, or another one's, whose tables are left alone
        course.may_cancel = self._may_cancel(course)
        course.heed()
        if course.replay.state in (State.QUEUED, State.SCANNING, State.DIFFING):
            self._dry_run(course, barrier)
        state, wish = course.replay.state, course.replay.wish
        if state == State.APPLYING or (state == State.READY and wish == "apply"):
            self._apply(course, barrier)
        elif state == State.UNDOING or (state == State.APPLIED and wish == "undo"):
            self._undo(course, barrier)

    def _may_cancel(self, course: Course) -> bool:
        """Not once rows are visible, whether or not an earlier runner lived to say so."""
        state, told = course.replay.state, course.figures.visible_ms
        return state != State.UNDOING and not (state == State.APPLYING and (told or self._store.attached(course.id)))

    # --- looking

    def _dry_run(self, course: Course, barrier: Barrier) -> None:
        ends, decoding = recorded(course.replay.ends) or barrier.ends("raw"), self._hashes()
        other = any(getattr(course.replay, part) not in ("", ran) for part, ran in decoding.items())
        if other or course.replay.state == State.QUEUED:
            # staged by other code, before this process was started, or by one whose number a restored registry gave again
            self._forget(course)
        course.enter(State.SCANNING, ends=to_record(ends), **decoding)
        self._stage(course, barrier, ends)
        course.enter(State.DIFFING)
        self._diff(course)
        course.enter(State.READY)

    def _hashes(self) -> dict[str, str]:
        found = hashes(self._settings, read_registry(self._settings))
        tried = {"code": self._tried.decoders, "codecs": self._tried.codecs}
        return found | {part: f"candidate on {found[part]}" for part, brought in tried.items() if brought}

    def _stage(self, course: Course, barrier: Barrier, ends: Mapping[int, int]) -> None:
        """Stage what is not staged yet up to ``ends``; all of it again when points would be placed elsewhere now."""
        began, seen = time.monotonic(), basis(self._settings.kafka, barrier)
        selection = msgspec.json.decode(course.replay.selection, type=Selection)
        newest = seen["newest_generation"]
        if outdated(self._settings.kafka, course.replay, course.figures, selection, newest):
            self._forget(course)
        self._store.open(course.id)
        course.count(**seen)
        course.note()
        if course.replay.mode == Mode.PLACE:
            self._stage_places(course, selection)
        else:
            self._scan(course, barrier, selection, ends)
        course.count(scan_s=round(course.figures.scan_s + time.monotonic() - began, 1))

    def _forget(self, course: Course) -> None:
        self._store.drop(course.id, journal=True)
        course.count(holes=[])

    def _stored(self, course: Course, barrier: Barrier, selection: Selection) -> Runs | None:
        """Raw records that are chosen by what the store has of them, once it has all; None when raw itself says it."""
        if course.replay.mode == Mode.DEAD_LETTERS:
            self._await(course, barrier, "decode", "raw", barrier.ends("raw"))
            self._await(course, barrier, "sink-clickhouse-log", "dead-letters", barrier.ends("dead-letters"))
            return self._store.dead_letter_lineages(selection)
        if not selection.by_points:
            return None
        self._pass(course, barrier)
        course.begin("looking for stored points of the selection")
        return self._store.lineages(selection)

    def _stage_places(self, course: Course, selection: Selection) -> None:
        course.begin("placing")
        mappings = {m.device: m for m in scan.table(self._settings.kafka, "device-mapping", DeviceMapping).values()}
        chosen = {device: mappings.get(device) or unmapped(device) for device in selection.devices} or mappings
        course.count(points=self._store.stage_places(course.id, list(chosen.values()), selection))

    def _scan(self, course: Course, barrier: Barrier, selection: Selection, ends: Mapping[int, int]) -> None:
        replay, mode = course.replay, Mode(course.replay.mode)
        stored, tried = self._stored(course, barrier, selection), [name for name, _ in self._tried.decoders]
        planned = plan(self._settings, selection, mode, stored, candidates=tried)
        checkpoint = self._store.checkpoint(course.id)
        begins = {p: max(r.start, checkpoint.get(p, r.start)) for p, r in planned.partitions.items()}
        until = {p: selection.until(p, end) for p, end in ends.items() if p in begins}
        if mode is Mode.DEAD_LETTERS:
            until = {p: min(end, planned.partitions[p].end) for p, end in until.items()}
        task = Task(
            settings=self._settings, selection=selection, mode=mode,
            stored=None if mode is Mode.DEAD_LETTERS else stored, wanted=stored if mode is Mode.DEAD_LETTERS else None,
            tried=self._tried, mapping_as_of=replay.created_at if replay.mapping_as_of == "now" else None,
        )  # fmt: skip
        Scan(self._settings, self._store, course).run(task, begins, until)
        course.count(**msgspec.structs.asdict(self._store.totals(course.id)))

    def _diff(self, course: Course) -> None:
        began = time.monotonic()
        course.begin("comparing with the store")
        counts = self._store.diff(course.id, mode=course.replay.mode)
        course.count(counts=counts, shielded=self._store.shielded(course.id), diff_s=round(time.monotonic() - began, 1))

    # --- correcting

    def _apply(self, course: Course, barrier: Barrier) -> None:
        began = time.monotonic()
        course.enter(State.APPLYING, took_wish=True)
        if not course.figures.visible_ms:
            self._correct_points(course, barrier)
        course.may_cancel = False
        self._finish(course, barrier, undo=False)
        self._store.drop(course.id, journal=False)
        course.count(apply_s=round(time.monotonic() - began, 1))
        course.enter(State.APPLIED)

    def _correct_points(self, course: Course, barrier: Barrier) -> None:
        """A runner that was killed amid attaching may have left some of the rows visible: then all have to be."""
        if not self._store.attached(course.id):
            self._build(course, barrier)
        course.count(visible_ms=max(self._store.attach(course.id), LEAST_MS))
        course.note()

    def _build(self, course: Course, barrier: Barrier) -> None:
        number = self._open_generation(course, "apply") if course.replay.mode != Mode.RESTORE else 0
        ends = self._pass(course, barrier)
        self._check_decoding(course)
        course.note(ends=to_record(ends))
        self._stage(course, barrier, ends)
        self._check_decoding(course)  # a codec may have come meanwhile, and what was staged last be by that one
        self._diff(course)
        course.begin("building the correction")
        self._store.build(course.id, number)
        course.note()  # still this runner's, after statements that may have taken long
        course.heed()

    def _undo(self, course: Course, barrier: Barrier) -> None:
        course.may_cancel = False
        course.enter(State.UNDOING, took_wish=True)
        if course.replay.undo_generation is None:  # from here on nothing new comes to lie on it
            stacked.check(course, self._office.all(), self._store)
        self._begins_undo(course.replay)
        if not self._store.undo_attached(course.id):
            number = self._open_generation(course, "undo")
            self._pass(course, barrier)
            course.begin("building what was before")
            self._store.build_undo(course.id, number, stacked.undos(self._office.all()))
            course.note()
            course.heed()
        self._store.attach_undo(course.id)
        course.count(left_alone=self._store.left_alone(course.id))
        self._finish(course, barrier, undo=True)
        course.enter(State.UNDONE)

    def _open_generation(self, course: Course, what: str) -> int:
        """The generation of the rows to write."""
        return opening.generation(course, self._office, self._store, what)

    def _check_decoding(self, course: Course) -> None:
        """What decoded the staged rows is what decodes live data, and what this process would stage more with.

        Raises:
            Failed: one of them has changed since, be it while a runner was dead.
        """
        registry = read_registry(self._settings)
        newest, own = max(g.number for g in registry.generations), hashes(self._settings, registry)
        since = min(newest, course.replay.generation or newest)  # rows of later ones stand above the correction
        ran = {part: getattr(course.replay, part) for part in own}
        live = [{part: getattr(g, part) for part in own} for g in registry.generations if g.number >= since]
        if course.replay.mode != Mode.PLACE and any(not ran == one == own for one in live):
            raise Failed(
                "live decoding is not what this replay ran with (code, codecs, rules or signed topics changed): cancel it, run it again"
            )

    def _pass(self, course: Course, barrier: Barrier) -> dict[int, int]:
        """The barrier: what was decoded before the generation is in the store. Returns the ends of raw before it."""
        raw = barrier.ends("raw")
        self._await(course, barrier, "decode", "raw", raw)
        readings = barrier.ends("readings")
        for group in ("window", "sink-clickhouse"):
            self._await(course, barrier, group, "readings", readings)
        return raw

    def _await(self, course: Course, barrier: Barrier, group: str, topic: str, ends: Mapping[int, int]) -> None:
        name = group.replace("sink-", "sink ")
        course.begin(f"waiting for {name}", f"records of {topic}", barrier.behind(group, topic, ends))
        while behind := barrier.behind(group, topic, ends):
            course.wait(LOOK_S, f"{name} has {behind} record(s) of {topic} before it; is it running?")

    def _finish(self, course: Course, barrier: Barrier, *, undo: bool) -> None:
        """What follows from points: aggregates, latest points, dead letters, files, fast reading."""
        lengths = () if course.replay.mode == Mode.PLACE else self._lengths
        course.begin("computing aggregates and latest points")
        course.count(windows=self._store.settle(course.id, lengths, undo=undo))
        # The sink commits when its own computing is done: nothing that began before the correction ends after this.
        for topic in ("readings", "aggregates"):
            self._await(course, barrier, "sink-clickhouse", topic, barrier.ends(topic))
        self._send(course, lengths, undo=undo)
        course.begin("correcting files and outgoing sinks")
        self._correct(course.replay, undo)
        course.begin("merging, so that reading stays fast")
        self._store.optimise(course.id, undo=undo)

    def _send(self, course: Course, lengths: Sequence[int], *, undo: bool) -> None:
        """Repairs of windows that live data changed meanwhile, and dead letters that decoding gave now."""
        producer = BatchProducer(self._settings.kafka)
        generation = (course.replay.undo_generation if undo else course.replay.generation) or 0
        for w in self._store.unsettled(course.id, lengths, undo=undo):
            repair = Repair(
                device=w.device, name=w.name, unit=w.unit, window=w.window, start=w.start, label=0, generation=generation
            )  # fmt: skip
            producer.send("aggregates", w.device, avro.encode(repair))
        for letter in () if undo else self._store.dead_letters(course.id):
            producer.send("dead-letters", letter.device, avro.encode(letter))
        producer.flush()
