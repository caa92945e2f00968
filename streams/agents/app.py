"""A Faust app as one of our processes: measured settings, our own signals, and an end when an agent fails.

Faust's command line and web server are not used: the process answers on its health port like every other.
"""

import asyncio
import gc
import os
import signal
import ssl
import threading
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import faust
from confluent_kafka import KafkaException
from mode import Service

from streams import kafka, log, ops, watchdog
from streams.agents.batch import Batch
from streams.agents.delivery import BatchApp, BatchConsumer, RawSchema
from streams.progress import HERE, Excuse, Work
from streams.pulse import Pulse
from streams.settings import KafkaSettings, Settings

BACK_OFF_S = (0.5, 1, 2, 5)
STOP_WITHIN_S = 30
"""A process that cannot stop in time ends anyway: what is not committed is done again."""

Serve = Callable[..., Callable[[], None]]
"""Serves /healthz, /readyz and /metrics until what it returns is called."""

logger = log.get("app")


class App(BatchApp):
    """One agent process. ``prerequisites`` are caught up before the first record is handed to an agent."""

    prerequisites: tuple[Service, ...] = ()

    def handle(self, name: str, handle: Callable[[Batch], Awaitable[None]]) -> None:
        """Give every batch of topic ``name`` (as it is called in the cluster) to ``handle``, one at a time.

        ``handle`` calls ``batch.done()`` when the batch is durable, or returns without when it was abandoned. Whatever
        it raises ends the process: Faust would restart the agent and freeze the partition's commits instead.
        """

        async def agent(batches: AsyncIterable[Batch]) -> None:
            async for batch in batches:
                try:
                    await handle(batch)
                except Exception as fault:
                    await self.fail(fault)
                    raise

        self.agent(self.topic(name, schema=RawSchema()), name=name, concurrency=1)(agent)

    async def fail(self, fault: Exception) -> None:
        """End the process with exit status 1, in good order when that is possible."""
        logger.error("agent failed", fault=f"{type(fault).__name__}: {fault}", exc_info=fault)
        end_by_force_after(STOP_WITHIN_S)
        await self.crash(fault)

    async def on_first_start(self) -> None:
        """Start what must be there first. Stock creates directories for tables, of which there are none."""
        for service in self.prerequisites:
            await self.add_runtime_dependency(service)
            await service.maybe_start()

    async def on_stop(self) -> None:
        """Attempts that wait end at once; running ones are waited for and committed by ``super``."""
        if isinstance(self._consumer, BatchConsumer):
            self._consumer.in_flight.abandon()
        await super().on_stop()

    def not_ready(self) -> str | None:
        """What is missing until batches are handled; None when nothing is."""
        if self.assigned is None:
            return "no partitions assigned yet"
        return "rebalancing" if self.rebalancing else None

    def membership(self) -> Work:
        """For the watchdog, which sees no partition that it could look at between two assignments."""
        return Work(self.rebalancing_count, left=self.assigned is not None and self.rebalancing)


def create_app(
    settings: KafkaSettings, name: str, *, instance: int, batch_max: int, prerequisites: Iterable[Service] = ()
) -> App:
    """The app of consumer group ``name``; ``instance`` is unique among its processes.

    A static member (group instance id) that comes back within the session takes its partitions over at once: 2 s
    instead of 6 s after kill -9. Must be called inside the running event loop.
    """
    app = App(
        kafka.group(settings, name),
        broker=[f"kafka://{server}" for server in settings.bootstrap_servers.split(",")],
        broker_credentials=_credentials(settings),
        broker_client_id=f"isthmus-{name}-{instance}",
        consumer_group_instance_id=f"{name}-{instance}",
        consumer_metadata_max_age_ms=5000,
        broker_max_poll_records=batch_max,
        broker_commit_interval=1,
        broker_request_timeout=kafka.UNANSWERED_S,
        broker_session_timeout=6,
        broker_heartbeat_interval=1.5,
        producer_request_timeout=30,
        stream_buffer_maxsize=4,
        stream_recovery_delay=0,
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
    )
    app.batch_max, app.prerequisites = batch_max, tuple(prerequisites)
    return app


def run(settings: Settings, topics: Iterable[str], make: Callable[[], App], health_port: int) -> None:
    """Run the app that ``make`` makes until SIGTERM or SIGINT; waits for Kafka and for ``topics`` first.

    Raises:
        SystemExit: with status 1, when the app failed.
    """
    _collect_seldom()
    dog = watchdog.watch(settings.kafka, settings.watchdog)
    dog.start()
    serve = partial(ops.serve, health_port, host=settings.health.host, healthy=dog.fault)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        failed = runner.run(_run(settings.kafka, [kafka.topic(settings.kafka, name) for name in topics], make, serve))
    if failed:
        raise SystemExit(1)


def end_by_force_after(seconds: float) -> None:
    """The watchdog of a process that should be ending."""
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _collect_seldom() -> None:
    """Decoding makes trees that reference counting frees; looking for cycles among them took a quarter of the CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _run(settings: KafkaSettings, topics: list[str], make: Callable[[], App], serve: Serve) -> bool:
    stopping = _stop_signal()
    state: list[App] = []
    HERE.watch("event loop", Pulse(asyncio.get_running_loop()).look, Excuse.NOTHING)
    close = serve(ready=lambda: state[0].not_ready() if state else "waiting for Kafka")
    try:
        if await _topics_are_there(settings, topics, stopping):
            state.append(make())
            HERE.watch("membership of the agent", state[0].membership, Excuse.KAFKA)
            return await _until_stopped(state[0], stopping)
        return False
    finally:
        close()


async def _until_stopped(app: App, stopping: asyncio.Event) -> bool:
    """Run the app; whether it failed."""
    starting = asyncio.create_task(_start(app))
    ended = asyncio.create_task(app.wait_until_stopped())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait((stop, ended), return_when=asyncio.FIRST_COMPLETED)
    end_by_force_after(STOP_WITHIN_S)
    logger.info("stopping", failed=app.crashed)
    await app.stop()
    for task in (starting, ended, stop):
        task.cancel()
    logger.info("stopped", failed=app.crashed)
    return bool(app.crashed)


async def _start(app: App) -> None:
    try:
        await app.start()
    except Exception as fault:  # noqa: BLE001  # whatever it is, it ends the process
        await app.fail(fault)


def _stop_signal() -> asyncio.Event:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


async def _topics_are_there(settings: KafkaSettings, topics: list[str], stopping: asyncio.Event) -> bool:
    """Wait for them: a worker that subscribes to a missing topic says it is ready and never consumes."""
    attempt = 0
    while not stopping.is_set():
        fault = await asyncio.to_thread(_missing, settings, topics)
        if not fault:
            return True
        logger.warning("waiting for Kafka", fault=fault)
        await _sleep(BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)], stopping)
        attempt += 1
    return False


def _missing(settings: KafkaSettings, topics: list[str]) -> str:
    """Asks for each topic by itself: a list of all is long on a large cluster."""
    admin = kafka.admin(settings)
    try:
        known = {name: admin.list_topics(name, timeout=2).topics[name].error is None for name in topics}
    except KafkaException as error:
        return str(error.args[0].str())
    absent = [name for name, is_known in known.items() if not is_known]
    return f"no such topic: {', '.join(absent)} (create them by `isthmus topics create`)" if absent else ""


async def _sleep(seconds: float, stopping: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


def _credentials(settings: KafkaSettings) -> Any:
    """Faust's credentials for what the settings say; None for a plaintext connection."""
    if settings.security_protocol == "plaintext":
        return None
    context = None
    if settings.security_protocol.endswith("ssl"):
        context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    if not settings.security_protocol.startswith("sasl"):
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=settings.sasl_username,
        password=settings.sasl_password.get_secret_value(),
        mechanism=settings.sasl_mechanism,
        ssl_context=context,
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one (not on Windows)."""
    try:
        import uvloop  # noqa: PLC0415  # optional
    except ImportError:
        return None
    return uvloop.new_event_loop
