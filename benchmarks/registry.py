"""The registry and its API, on real Kafka.

(a) 100,000 boxes, places and mappings: seconds from the start of an API process until it is ready, its memory once all were
    listed page by page, reads per second over connections that stay open, and their latency at 100 a second;
(b) a mapping changes while 1,000 records a second flow: seconds from the API's answer until the decode agent places by it.
"""

import asyncio
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil
from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from benchmarks.load import DEVICES, payloads, publish
from benchmarks.result import Result
from connectors.api import operator
from connectors.cli import processes, stack
from deploy.local import daemon
from streams import avro, kafka, topics
from streams.core.records import DeviceMapping, Interval, LogicalDevice, PhysicalDevice, Reading, Source
from streams.registry.state import LOGICAL, MAPPING, PHYSICAL, SOURCES, Change
from streams.registry.writer import Writer
from streams.settings import Settings

COUNT, PAGE, AT_ONCE = 100_000, 1_000, 5_000
CONNECTIONS, READS, STEADY_RATE, STEADY_S = 8, 10_000, 100, 20
FLOW, CHANGES, CHANGE_EVERY_S = 1_000, 100, 0.25
MB = 1 << 20


def run(settings: Settings) -> list[Result]:
    """All figures, on stacks of their own that are stopped at the end."""
    return [*_large(settings), _visible(settings)]


def _large(settings: Settings) -> list[Result]:
    stack.bring_up(settings, processes.needed_servers(settings, ("kafka",)), ())
    try:
        topics.create(settings.kafka)
        _fill(settings)
        with _api(settings) as (process, ready_s):
            memory = _listed(settings, process)
            rate = asyncio.run(_reads(settings))
            slow = asyncio.run(_steady(settings))
    finally:
        daemon.down(settings.stack.directory)
    return [
        Result(name="registry_cold_start", value=ready_s, unit="s", target=10, at_least=False,
               detail=f"{COUNT:,} boxes, places and mappings each; from the start of the process to /readyz"),
        Result(name="registry_memory", value=memory, unit="MB", target=500, at_least=False,
               detail=f"resident, after {COUNT:,} boxes were listed in pages of {PAGE:,}"),
        Result(name="registry_reads_per_s", value=rate, unit="requests/s", target=1_000, at_least=True,
               detail=f"GET /physical/devices/UID, {CONNECTIONS} connections, one process"),
        Result(name="registry_read_p99", value=slow * 1e3, unit="ms", target=20, at_least=False,
               detail=f"devices, mappings, and pages of 100, at {STEADY_RATE} requests/s"),
    ]  # fmt: skip


def _fill(settings: Settings) -> None:
    writer = Writer(settings.kafka)
    writer.open()
    changes = _changes()
    while some := [change for change, _ in zip(changes, range(AT_ONCE), strict=False)]:
        writer.write(some)
    writer.close()


def _changes() -> Iterator[Change]:
    yield Change(SOURCES, "ttn", Source(name="ttn"))
    properties = '{"dev_eui": "70b3d57ed0051a2b", "app_id": "soil", "description": "probe at 30 cm"}'
    for uid in range(1, COUNT + 1):
        key = f"ttn:{uid:016x}"
        ids = {"dev_eui": f"{uid:016x}", "app_id": "soil", "dev_id": f"probe-{uid}"}
        name = f"probe {uid}"
        box = PhysicalDevice(uid=uid, device=key, source="ttn", name=name, source_ids=ids, properties=properties)
        yield Change(PHYSICAL, str(uid), box)
        yield Change(LOGICAL, str(uid), LogicalDevice(uid=uid, name=f"paddock {uid}"))
        yield Change(MAPPING, key, DeviceMapping(device=key, physical_uid=uid, intervals=[Interval(uid, 1_000)]))


@contextmanager
def _api(settings: Settings) -> Iterator[tuple[psutil.Process, float]]:
    """An API process, and the seconds until it was ready."""
    began = time.perf_counter()
    running = subprocess.Popen([*processes.OURS, "run", "api"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _ready(settings):
            time.sleep(0.05)
        yield psutil.Process(running.pid), time.perf_counter() - began
    finally:
        running.terminate()
        running.wait(20)


def _ready(settings: Settings) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{settings.api.port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _listed(settings: Settings, process: psutil.Process) -> float:
    """MB resident after everything was listed, page by page."""
    found = 0
    with _client(settings) as client:
        while page := client.get("/physical/devices", params={"limit": PAGE, "offset": found}).json():
            found += len(page)
    if found != COUNT:
        raise RuntimeError(f"{found} of {COUNT} boxes were listed")
    return float(process.memory_info().rss / MB)


async def _reads(settings: Settings) -> float:
    """Requests per second, as many connections at a time."""
    began = time.perf_counter()
    await asyncio.gather(*(_connection(settings, n) for n in range(CONNECTIONS)))
    return READS / (time.perf_counter() - began)


async def _connection(settings: Settings, number: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.api.port)
    for n in range(READS // CONNECTIONS):
        await _asked(reader, writer, settings, f"/physical/devices/{(n * CONNECTIONS + number) % COUNT + 1}")
    writer.close()


async def _steady(settings: Settings) -> float:
    """The 99th percentile, in seconds, of reads of several kinds at a steady rate."""
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.api.port)
    paths = (
        "/physical/devices/{}",
        "/mappings/logical/current/{}",
        "/logical/devices/{}",
        "/physical/devices?limit=100&offset={}",
    )
    took, began = [], time.perf_counter()
    for n in range(STEADY_RATE * STEADY_S):
        await asyncio.sleep(max(0.0, began + n / STEADY_RATE - time.perf_counter()))
        asked = time.perf_counter()
        await _asked(reader, writer, settings, paths[n % len(paths)].format(n * 37 % COUNT + 1))
        took.append(time.perf_counter() - asked)
    writer.close()
    return sorted(took)[int(len(took) * 0.99)]


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, settings: Settings, path: str) -> bytes:
    """HTTP by hand: a client library would take more of the machine than the API does."""
    token = operator.read_token(settings.api)
    writer.write(f"GET /api{path} HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"{path}: {head.splitlines()[0].decode()}")
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


def _visible(settings: Settings) -> Result:
    wanted = processes.needed_servers(settings, ("kafka", "mqtt"))
    ours = [p for p in processes.ours(settings, wanted.names) if p.name in {"topics", "api", "mqtt", "decode-0"}]
    stack.bring_up(settings, wanted, tuple(ours))
    try:
        took = _changes_seen(settings)
    finally:
        daemon.down(settings.stack.directory)
    p50, p99 = (took[int(len(took) * q)] for q in (0.5, 0.99))
    return Result(name="mapping_visible_p99", value=p99, unit="s", target=1, at_least=False,
                  detail=f"p50 {p50:.3f} s; {CHANGES} changes among {FLOW:,} records/s, API's answer -> placed by it")  # fmt: skip


def _changes_seen(settings: Settings) -> list[float]:
    """Seconds, sorted, from each change's answer to the first reading that is placed by it."""
    count = int((CHANGES * CHANGE_EVERY_S + 15) * FLOW)
    messages = payloads(count, time.time_ns(), 1_000_000_000 // FLOW)
    flow = threading.Thread(
        target=lambda: publish(settings.stack.mqtt_port, messages, rate=FLOW, clients=2), daemon=True
    )
    seen: dict[int, float] = {}
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(settings, seen, over))
    flow.start()
    watcher.start()
    with _client(settings) as client:
        answered = _change(client)
    flow.join()
    over.set()
    watcher.join()
    return sorted(seen[uid] - at for uid, at in answered.items())


def _change(client: httpx.Client) -> dict[int, float]:
    """Logical uid -> when the API had answered that a box feeds it."""
    while len(boxes := client.get("/physical/devices", params={"source_name": "json"}).json()) < DEVICES:
        time.sleep(0.2)
    places = client.post("/logical/devices/bulk", json=[{"name": f"p{n}"} for n in range(CHANGES)]).json()
    answered: dict[int, float] = {}
    for n, place in enumerate(places):
        time.sleep(CHANGE_EVERY_S)
        body = {"pd": boxes[n % len(boxes)]["uid"], "ld": place["uid"], "force": True}
        client.post("/mappings", json=body).raise_for_status()
        answered[place["uid"]] = time.time()
    return answered


def _watch(settings: Settings, seen: dict[int, float], over: threading.Event) -> None:
    """When a reading with each logical uid first came."""
    consumer = _readings(settings)
    while not over.is_set():
        for message in consumer.consume(1000, 0.05):
            if message.error() is None:
                reading, now = avro.decode(message.value() or b"", Reading), time.time()
                for uid in {m.logical_uid for m in reading.measurements} - {None}:
                    seen.setdefault(int(uid or 0), now)
    consumer.close()


def _readings(settings: Settings) -> Consumer:
    consumer, topic = kafka.consumer(settings.kafka, None), kafka.topic(settings.kafka, "readings")
    consumer.assign([TopicPartition(topic, n, OFFSET_END) for n in range(settings.kafka.partitions)])
    return consumer


def _client(settings: Settings) -> httpx.Client:
    headers = {"Authorization": f"Bearer {operator.read_token(settings.api)}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{settings.api.port}/api", headers=headers, timeout=30)
