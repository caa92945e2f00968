"""Replay beside live data, with every process on and real servers.

(a) a dry run of everything, as fast as it goes: raw records per second and core, points per second of the diff;
(b) 500 messages a second live, first alone, then while replays run one after the other: how many times the live rate they
    reach, and by how much the 99th percentile of publish to visible row grows.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from benchmarks import whole_path
from benchmarks.load import MEASUREMENTS, payloads, publish
from benchmarks.result import Result
from connectors.cli import processes, stack
from connectors.cli.demo import stub
from connectors.demo import quiet
from connectors.replays.office import Office
from deploy.local import daemon
from streams import avro, kafka, lag
from streams.core.records import RawRecord
from streams.core.replay_record import Replay
from streams.replay.job import Figures, State
from streams.settings import Settings

MS, SECOND = 1_000_000, 1_000_000_000
WORKER = (sys.executable, "-m", "connectors.cli", "run", "replay")
POLITE = 3_500
"""raw records a second that replays may read beside live data: seven times its rate"""
WARM_UP_S = 10
PATIENCE_S = 600
POLL_S = 0.2


def run(settings: Settings, backlog: int, seconds: float) -> list[Result]:
    """All figures, on a stack of its own that is stopped at the end."""
    wanted = processes.needed_servers(settings)
    ours = (process for process in processes.ours(settings, wanted.names) if process.name != "replay")
    stack.bring_up(settings, wanted, (*ours, stub()))
    try:
        _fill(settings, backlog)
        return [*_dry_run(settings), *_beside_live(settings, seconds)]
    finally:
        daemon.down(settings.stack.directory)


def _fill(settings: Settings, backlog: int) -> None:
    """Raw records of the last days, decoded and stored as live data."""
    producer, first = kafka.BatchProducer(settings.kafka), time.time_ns() - 2 * backlog * MS
    for number, (address, payload) in enumerate(payloads(backlog, first, MS)):
        at = first + number * MS
        record = RawRecord(
            id=f"bench-{number}", source="json", transport="mqtt", address=address, received_at=at, payload=payload
        )
        producer.send("raw", address, avro.encode(record))
        if number % 10_000 == 0:
            producer.flush()
    producer.flush()
    _quiet(settings)


def _dry_run(settings: Settings) -> list[Result]:
    with _worker(0):
        replay = _replayed(Office(settings))
    found = msgspec.json.decode(replay.figures, type=Figures)
    processes_ = max(settings.replay.processes, 1)
    rate = found.records / found.scan_s / processes_
    untouched = f"{found.counts.same:,} same of {found.points:,} points, {found.counts.differing} differ"
    return [
        Result(name="replay_dry_run_records_per_s_core", value=rate, unit="records/s", target=50_000, at_least=True,
               detail=f"{found.records:,} records of {MEASUREMENTS} numbers staged in {found.scan_s} s by {processes_} decoding process(es)"),
        Result(name="replay_diff_points_per_s", value=found.points / max(found.diff_s, 0.1), unit="points/s",
               target=1_000_000, at_least=True, detail=f"in {found.diff_s} s: {untouched}"),
    ]  # fmt: skip


def _beside_live(settings: Settings, seconds: float) -> list[Result]:
    warm_up = payloads(WARM_UP_S * whole_path.RATE, time.time_ns(), 2 * MS)
    publish(settings.stack.mqtt_port, warm_up, rate=whole_path.RATE, clients=2)
    alone = _p99(settings, seconds)
    over, done, office = threading.Event(), list[int](), Office(settings)
    with _worker(POLITE):
        replaying = threading.Thread(target=_again_and_again, args=(Office(settings), over, done))
        replaying.start()
        _until_it_reads(office)
        began = time.perf_counter()
        beside = _p99(settings, seconds)
        took = time.perf_counter() - began
        over.set()
        replaying.join()
    times = sum(done) / took / whole_path.RATE
    return [
        Result(name="replay_rate_over_live", value=times, unit="times", target=5, at_least=True,
               detail=f"{sum(done):,} records replayed in {took:.0f} s beside {whole_path.RATE} live ones a second; limit {POLITE}/s"),
        Result(name="replay_live_p99_growth", value=beside / alone - 1, unit="", target=0.1, at_least=False,
               detail=f"publish to visible row, p99: {alone:.2f} s alone, {beside:.2f} s beside replays"),
    ]  # fmt: skip


def _p99(settings: Settings, seconds: float) -> float:
    took = whole_path.latencies(settings, seconds)
    return took[int(len(took) * 0.99)]


def _again_and_again(office: Office, over: threading.Event, done: list[int]) -> None:
    """Dry runs until it is over; ``done`` gets how many records each read, the last one as far as it came."""
    while not over.is_set():
        asked = office.create("decode", {}, why="benchmark")
        replay = asked
        while replay.state not in {State.READY, State.FAILED}:
            if over.wait(POLL_S):
                office.wish(asked.id, "cancel")
                break
            replay = office.get(asked.id)
        done.append(_records(replay))


def _until_it_reads(office: Office) -> None:
    """The worker has started, and its first replay too."""
    deadline = time.monotonic() + PATIENCE_S
    while not any(replay.state == State.SCANNING for replay in office.all()):
        if time.monotonic() > deadline:
            raise RuntimeError("no replay began")
        time.sleep(POLL_S)


def _records(replay: Replay) -> int:
    progress = msgspec.json.decode(replay.progress, type=dict[str, object])
    ended = replay.state == State.READY
    return msgspec.json.decode(replay.figures, type=Figures).records if ended else int(str(progress.get("done") or 0))


def _replayed(office: Office) -> Replay:
    replay, deadline = office.create("decode", {}, why="benchmark"), time.monotonic() + PATIENCE_S
    while replay.state != State.READY:
        if replay.state == State.FAILED or time.monotonic() > deadline:
            raise RuntimeError(f"replay {replay.id} is {replay.state}: {replay.error}")
        time.sleep(POLL_S)
        replay = office.get(replay.id)
    return replay


@contextmanager
def _worker(records_per_s: int) -> Iterator[None]:
    """`isthmus run replay` at this limit."""
    limit = {"ISTHMUS_REPLAY__RECORDS_PER_S": str(records_per_s)}
    process = subprocess.Popen(WORKER, env=os.environ | limit)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _quiet(settings: Settings) -> None:
    quiet.wait_for_zero_lag(settings, set(lag.readers()) - {"sink-log"}, patience_s=PATIENCE_S)
