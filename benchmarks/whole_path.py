"""The whole path, MQTT broker to ClickHouse row, with every process on and real servers.

(b) a backlog waits in the broker, then everything runs: records and points per second, CPU per record of each process;
    then 500 messages a second: latency from publish to a row that a query sees, and receive to PUBACK;
(d) kill -9 of the decode worker: seconds until the first row of a message that was sent after the kill.
"""

import itertools
import os
import re
import signal
import threading
import time
from collections.abc import Iterator

import httpx
import psutil
from clickhouse_connect.driver.client import Client

from benchmarks.load import MEASUREMENTS, payloads, publish
from benchmarks.result import Result
from connectors.cli import processes, stack
from connectors.cli.demo import stub
from connectors.demo import quiet
from connectors.verify import store_side
from deploy.local import daemon
from deploy.local.status import StackStatus
from streams import lag
from streams.core.identity import series_id
from streams.settings import Settings

MS, SECOND = 1_000_000, 1_000_000_000
POINTS = "SELECT count() FROM points WHERE series_id IN (SELECT series_id FROM series WHERE device LIKE 'json:bench-%')"
PROBE = "json:probe"
POLL_S = 0.1
"""A query costs the store about as much as ten records: asking more often would measure the asking."""
WARM_UP, RATE = 5_000, 500


def run(settings: Settings, backlog: int, seconds: float) -> list[Result]:
    """All figures, on a stack of its own that is stopped at the end."""
    directory = settings.stack.directory
    wanted = processes.needed_servers(settings)
    stack.bring_up(settings, wanted, (*processes.ours(settings, wanted.names), stub()))
    client = store_side.connect(settings.clickhouse)
    try:
        return [
            *_throughput(settings, client, backlog),
            *_latency(settings, seconds),
            _recovery(settings),
        ]
    finally:
        client.close()
        daemon.down(directory)


def _throughput(settings: Settings, client: Client, backlog: int) -> list[Result]:
    connector = _pid(settings, "mqtt")
    os.kill(connector, signal.SIGSTOP)
    start = time.time_ns() - backlog * MS
    try:
        publishing = publish(settings.stack.mqtt_port, payloads(backlog, start, MS))
    finally:
        os.kill(connector, signal.SIGCONT)
    before, began = _cpu(settings), time.perf_counter()
    _until(client, backlog * MEASUREMENTS)
    took = time.perf_counter() - began
    spent = {name: cpu - before.get(name, 0.0) for name, cpu in _cpu(settings).items()}
    split = ", ".join(f"{name} {cpu / backlog * 1e6:.0f}" for name, cpu in sorted(spent.items(), key=lambda i: -i[1]))
    detail = f"{backlog} messages drained in {took:.1f} s (published at {backlog / publishing:,.0f}/s); CPU µs per record: {split}"
    rate = backlog / took
    return [
        Result(
            name="whole_path_points_per_s",
            value=rate * MEASUREMENTS,
            unit="points/s",
            target=10_000,
            at_least=True,
            detail=detail,
        ),
        Result(name="whole_path_records_per_s", value=rate, unit="records/s", target=2_000, at_least=True),
    ]


def _latency(settings: Settings, seconds: float) -> list[Result]:
    quiet.wait_for_zero_lag(settings, set(lag.readers()) - {"sink-log"}, patience_s=180)
    publish(settings.stack.mqtt_port, payloads(WARM_UP, time.time_ns(), 2 * MS), rate=RATE, clients=2)
    before = _acks(settings)
    took = latencies(settings, seconds)
    acks = {bound: count - before.get(bound, 0.0) for bound, count in _acks(settings).items()}
    p50, p99 = (took[int(len(took) * q)] for q in (0.5, 0.99))
    probes = f"{len(took)} probes among {int(RATE * seconds)} messages at {RATE}/s"
    return [
        Result(name="end_to_end_p99", value=p99, unit="s", target=3, at_least=False, detail=f"p50 {p50:.2f} s; {probes}"),
        Result(name="receive_to_puback_p99", value=_quantile(acks, 0.99) * 1e3, unit="ms", target=100, at_least=False,
               detail=f"p50 {_quantile(acks, 0.5) * 1e3:.1f} ms; from the connector's histogram"),
    ]  # fmt: skip


def latencies(settings: Settings, seconds: float) -> list[float]:
    """Seconds from publish to a row that a query sees, sorted: of every 20th message among ``RATE`` a second."""
    sent: dict[int, float] = {}
    seen: dict[int, float] = {}
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(settings, seen, over))
    watcher.start()
    publish(settings.stack.mqtt_port, _probed(int(RATE * seconds), sent), rate=RATE, clients=2)
    _wait_for_probes(sent, seen)
    over.set()
    watcher.join()
    return sorted(seen[n] - sent[n] for n in sent)


def _recovery(settings: Settings) -> Result:
    """The flow goes on while the worker is killed; a probe sent after the kill is the fresh row."""
    sent: dict[int, float] = {}
    seen: dict[int, float] = {}
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(settings, seen, over))
    flow = threading.Thread(target=lambda: publish(settings.stack.mqtt_port, _probed(3000, sent), rate=200, clients=1))
    watcher.start()
    flow.start()
    time.sleep(3)
    killed = time.time()
    os.kill(_pid(settings, "decode-0"), signal.SIGKILL)
    flow.join()
    _wait_for_probes(sent, seen)
    over.set()
    watcher.join()
    fresh = min(seen[n] for n, at in sent.items() if at > killed)
    return Result(name="recovery_after_kill_9", value=fresh - killed, unit="s", target=10, at_least=False,
                  detail="decode worker killed under 200 messages/s -> first row of a message sent after the kill")  # fmt: skip


def _probed(count: int, sent: dict[int, float]) -> Iterator[tuple[str, bytes]]:
    """Bench messages; every 20th is followed by a probe whose value is its number."""
    first = time.time_ns()
    number = len(sent) + first // SECOND * 1000
    for n, message in enumerate(payloads(count, first, 2 * MS)):
        yield message
        if n % 20 == 0:
            number += 1
            now = time.time_ns()
            sent[number] = now / SECOND
            yield "json/probe", b'{"device": "probe", "time": %d, "values": {"n": %d}}' % (now, number)


def _watch(settings: Settings, seen: dict[int, float], over: threading.Event) -> None:
    client, last = store_side.connect(settings.clickhouse), 0.0
    query = f"SELECT value FROM points WHERE series_id = {series_id(PROBE, 'n')} AND value > %(last)s"
    while not over.is_set():
        rows = client.query(query, parameters={"last": last}).result_rows
        now = time.time()
        for (value,) in rows:
            seen.setdefault(int(value), now)
        last = _contiguous(seen, last)
        over.wait(POLL_S)
    client.close()


def _contiguous(seen: dict[int, float], last: float) -> float:
    """The highest number up to which all were seen: later ones may become visible before earlier ones."""
    start = int(last) if last else (min(seen) - 1 if seen else 0)
    return next((n - 1 for n in itertools.count(start + 1) if n not in seen), start) if start else 0.0


def _wait_for_probes(sent: dict[int, float], seen: dict[int, float]) -> None:
    deadline = time.monotonic() + 60
    while not set(sent) <= set(seen):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(set(sent) - set(seen))} of {len(sent)} probes never became visible")
        time.sleep(POLL_S)


def _until(client: Client, points: int) -> None:
    deadline = time.monotonic() + 300
    while (found := client.query(POINTS).result_rows[0][0]) < points:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{found} of {points} points arrived")
        time.sleep(0.2)


def _pid(settings: Settings, name: str) -> int:
    found = next(p.pid for p in _status(settings).processes if p.name == name)
    if found is None:
        raise RuntimeError(f"{name} does not run")
    return found


def _status(settings: Settings) -> StackStatus:
    found = daemon.current(settings.stack.directory)
    if found is None:
        raise RuntimeError("the stack does not run")
    return found


def _cpu(settings: Settings) -> dict[str, float]:
    """CPU seconds so far, by process."""
    spent = {}
    for process in _status(settings).processes:
        if process.pid is not None:
            times = psutil.Process(process.pid).cpu_times()
            spent[process.name] = times.user + times.system
    return spent


def _acks(settings: Settings) -> dict[float, float]:
    """The connector's histogram: upper bound in seconds -> how many were not slower."""
    text = httpx.get(f"http://127.0.0.1:{settings.mqtt.health_port}/metrics").text
    found = re.findall(r'isthmus_ack_seconds_bucket\{.*le="([^"]+)"\} ([0-9.e+]+)', text)
    return {float(bound): float(count) for bound, count in found}


def _quantile(histogram: dict[float, float], q: float) -> float:
    """Linear within the bucket, as Prometheus does it."""
    total, below, lower = max(histogram.values(), default=0.0), 0.0, 0.0
    for bound, count in sorted(histogram.items()):
        if count >= total * q and count > below:
            return lower + (bound - lower) * (total * q - below) / (count - below)
        below, lower = count, bound
    return lower
