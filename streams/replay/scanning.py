"""From raw to stage: reads, decodes and keeps, at the pace that live traffic leaves."""

import time
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from streams.archive import Hole
from streams.lag import LagMeter
from streams.replay import candidate, memories, source
from streams.replay.barrier import Barrier
from streams.replay.course import Course, Failed
from streams.replay.decoding import Task, decode
from streams.replay.source import Chunk
from streams.replay.store import ReplayStore, Staged
from streams.replay.throttle import Brake, Bucket
from streams.settings import Settings

LOOK_S = 2.0
"""how often live lag is measured"""
LIVE = {"decode", "sink-clickhouse"}


class Pace:
    """Lets chunks through as fast as setting and live traffic allow."""

    def __init__(self, settings: Settings, course: Course) -> None:
        self._course, self._meter = course, LagMeter(settings.kafka)
        self._bucket = Bucket(settings.replay.records_per_s)
        self._brake = Brake(settings.replay.pause_lag, settings.replay.resume_lag, settings.replay.pause_insert_s)
        self._looked, self._why = -LOOK_S, ""
        self.insert_s = 0.0
        """how long the last insert took"""

    def admit(self, records: int) -> None:
        """Wait until so many records may be read.

        Raises:
            Stopped, Cancelled: the work ends here.
        """
        while self._held():
            self._course.wait(LOOK_S / 2, self._why)
        delay = self._bucket.wait(records, time.monotonic())
        if delay > 0:
            self._course.wait(delay)

    def close(self) -> None:
        """Let go of the clients."""
        self._meter.close()

    def _held(self) -> bool:
        if time.monotonic() - self._looked >= LOOK_S:
            self._looked = time.monotonic()
            self._why = self._brake.paused(self._meter.measure(LIVE), self.insert_s)
            self.insert_s = 0.0
        return bool(self._why)


class Scan:
    """One pass over raw."""

    def __init__(self, settings: Settings, store: ReplayStore, course: Course) -> None:
        self._settings, self._store, self._course = settings, store, course
        self._pace, self._done = Pace(settings, course), 0

    def run(self, task: Task, start: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """Stage everything from ``start`` up to ``ends``.

        Raises:
            Failed: raw has a hole, and the replay does not allow it.
            Stopped, Cancelled: the work ends here; the checkpoint says how far it came.
        """
        total = sum(max(end - start.get(partition, 0), 0) for partition, end in ends.items())
        task = self._with_history(task, ends)
        self._course.begin("decoding", "raw records", total)
        chunks = self._admitted(source.records(self._settings, start, ends))
        try:
            for staged, checkpoint in decode(task, chunks, self._settings.replay.processes):
                self._stage(staged, checkpoint)
        finally:
            self._pace.close()

    def _with_history(self, task: Task, ends: Mapping[int, int]) -> Task:
        """What decoders with memory, if there are any of the selection's sources, need of earlier records."""
        self._course.begin("reading memories")
        wanted, tried = task.selection.sources, [name for name, _ in task.tried.decoders]
        decoders = candidate.among(self._settings.decode, task.tried.decoders)
        asked = {name: decoder for name, decoder in decoders.items() if not wanted or name in wanted}
        barrier = Barrier(self._settings.kafka)
        try:
            committed = barrier.committed("decode", source.RAW, ends)
        finally:
            barrier.close()
        return replace(task, history=memories.upto(self._settings, asked, committed, ends, candidates=tried))

    def _admitted(self, found: Iterable[Chunk | Hole]) -> Iterator[Chunk]:
        for one in found:
            if isinstance(one, Hole):
                self._note(one)
            else:
                self._pace.admit(len(one.records))
                yield one

    def _note(self, hole: Hole) -> None:
        text = f"raw partition {hole.partition}, offsets {hole.first} to {hole.last}: {hole.why}"
        if not self._course.replay.allow_holes:
            raise Failed(f"{text}; allow holes (--allow-holes) to go on without these records")
        known = self._course.figures.holes
        if text not in known:  # recorded at once: what is staged after it is not read again
            self._course.count(holes=[*known, text])
            self._course.note()

    def _stage(self, staged: Staged, checkpoint: Mapping[int, int]) -> None:
        began = time.monotonic()
        self._store.stage(self._course.id, staged, checkpoint)
        self._pace.insert_s = time.monotonic() - began
        self._done += staged.records
        self._course.advance(self._done)
