"""The API process: reads the registry, stands for election, answers HTTP."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable

import uvloop
from starlette.types import ASGIApp

from connectors import http_server
from connectors.api import app, operator
from connectors.api.context import Services
from connectors.api.gate import Gate
from connectors.api.limits import Counted, Limits
from connectors.api.passwords import Passwords
from connectors.api.ttn_names import TtnNames
from streams import log, metrics, watchdog
from streams.progress import HERE, Excuse
from streams.pulse import Pulse
from streams.registry.hashes import code_hash
from streams.registry.keeper import Keeper
from streams.registry.store import Store
from streams.settings import ApiSettings, Settings

GRACE_S = 5

logger = log.get("api")


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; Kafka may come and go.

    Raises:
        SystemExit: the port is taken, or the registry holds a record that this version cannot read.
    """
    uvloop.run(_main(settings))


async def _main(settings: Settings) -> None:
    member = f"{socket.gethostname()}-{settings.api.port}"
    store = Store(settings.kafka, member)
    metrics.READY.set_function(lambda: store.ready)
    names = TtnNames(settings.ttn_api, store)
    keeper = Keeper(
        store,
        settings.kafka,
        sources=_sources(settings),
        code=code_hash(settings.decode),
        seen_every_s=settings.api.seen_every_s,
        device_limit=settings.api.device_limit,
        told=names.notice,
    )
    services = Services(store, keeper, Passwords(), settings, _watched(settings, keeper).fault)
    limited, token = Limits(app.build(services), settings.api), operator.new_token()
    gate = Counted(Gate(limited, store, token))
    store.start()
    chores = [asyncio.create_task(chore) for chore in (keeper.run(), names.run(), _spare_the_collector(store))]
    try:
        await _serve(gate, settings.api, store, lambda: operator.write_token(settings.api, token))
    finally:
        await store.stop()
        await keeper.idle()
        for chore in chores:
            chore.cancel()
    if store.error is not None:
        raise SystemExit(f"api: {store.error}")


def _watched(settings: Settings, keeper: Keeper) -> watchdog.Watchdog:
    """The watchdog, started; registry and election show themselves."""
    HERE.watch("event loop", Pulse(asyncio.get_running_loop()).look, Excuse.NOTHING)
    HERE.watch("registry chores", keeper.work, Excuse.KAFKA)
    dog = watchdog.watch(settings.kafka, settings.watchdog)
    dog.start()
    return dog


async def _spare_the_collector(store: Store) -> None:
    """Hundreds of thousands of records that stay: looking through them for garbage would hold up every answer."""
    gc.disable()
    try:
        await store.until(lambda: store.folded)
        gc.freeze()
    finally:
        gc.enable()


async def _serve(application: ASGIApp, settings: ApiSettings, store: Store, listening: Callable[[], None]) -> None:
    server = http_server.server(
        application,
        patience_s=settings.body_timeout_s,
        max_connections=settings.max_connections,
        host=settings.host,
        port=settings.port,
        forwarded_allow_ips=settings.proxies,
        timeout_graceful_shutdown=GRACE_S,
    )
    server.listening = listening
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    watch = asyncio.create_task(_stop_when_broken(server, store))
    logger.info("listening", host=settings.host, port=settings.port)
    await server.serve()
    watch.cancel()


async def _stop_when_broken(server: http_server.Server, store: Store) -> None:
    await store.until(lambda: store.error is not None)
    server.stop()


def _sources(settings: Settings) -> list[str]:
    """Every source that a door of this installation is configured for."""
    subscribed = {s.source for broker in settings.mqtt.brokers for s in broker.subscriptions}
    return sorted(subscribed | set(settings.webhook.sources) | set(settings.pollers.enabled))
