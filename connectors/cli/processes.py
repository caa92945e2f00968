"""The processes of the local stack, from the settings: which servers it needs, and which of ours run beside them."""

import sys
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from deploy.local import servers
from deploy.local.plan import Http, Port, Process
from streams.settings import Settings

OURS = (sys.executable, "-m", "connectors.cli")
LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))
SINKS = ("clickhouse", "clickhouse-log", "files", "archive", "device-logs")
FIRST_SINK_PORT, FIRST_POLLER_PORT = 25730, 25750
SERVER_PROCESSES = {"kafka": "kafka", "mqtt": "mqtt-broker", "clickhouse": "clickhouse"}


def needed_servers(settings: Settings, only: Iterable[str] | None = None) -> servers.Servers:
    """The servers to start: those that the settings point to on this machine and on the stack's ports."""
    directory = settings.stack.directory.absolute()
    wanted = servers.ALL if only is None else tuple(only)
    return servers.Servers(
        directory=directory,
        kafka_port=settings.stack.kafka_port,
        kafka_controller_port=settings.stack.kafka_controller_port,
        mqtt_port=settings.stack.mqtt_port,
        clickhouse_port=settings.stack.clickhouse_port,
        record_bytes=settings.kafka.max_record_bytes,
        names=tuple(name for name in servers.ALL if name in wanted and name not in external(settings)),
        mqtt_broker=settings.stack.mqtt_broker,
        jar_cache=settings.stack.jar_cache,
        maven_mirror=settings.stack.maven_mirror,
    )


def external(settings: Settings) -> dict[str, str]:
    """Servers that the settings point to elsewhere, with their addresses: the stack does not start them."""
    stack = settings.stack
    addresses = {
        "kafka": (stack.kafka_port, settings.kafka.bootstrap_servers.split(",")),
        "mqtt": (stack.mqtt_port, [f"{broker.host}:{broker.port}" for broker in settings.mqtt.brokers]),
        "clickhouse": (stack.clickhouse_port, [urlsplit(settings.clickhouse.url).netloc.rpartition("@")[2]]),
    }
    return {name: ",".join(named) for name, (port, named) in addresses.items() if not _here(port, named)}


def ours(settings: Settings, started: Sequence[str]) -> tuple[Process, ...]:
    """Our processes; ``started`` are the servers that the stack starts itself."""
    kafka, mqtt, clickhouse = (
        (SERVER_PROCESSES[name],) if name in started else () for name in ("kafka", "mqtt", "clickhouse")
    )
    topics = _task("topics", ("topics", "create"), after=kafka)
    migrate = _task("migrate", ("migrate",), after=clickhouse)
    api = _served("api", ("run", "api"), Port(settings.api.port, "api.port"), after=("topics",))
    return (
        topics,
        migrate,
        api,
        _probed("mqtt", ("run", "mqtt"), "MQTT", settings.mqtt.health_port, after=("topics", *mqtt)),
        _webhook(settings),
        *_pollers(settings),
        *(
            _agent("decode", number, settings.decode.health_port, ("api",))
            for number in range(settings.stack.decode_workers)
        ),
        *(
            _agent("window", number, settings.window.health_port, ("topics",))
            for number in range(settings.stack.window_workers)
        ),
        *_sinks(settings),
        _probed("replay", ("run", "replay"), "REPLAY", settings.replay.health_port, after=("api", "migrate")),
    )


def _webhook(settings: Settings) -> Process:
    door = Port(settings.webhook.port, "webhook.port")
    return _probed(
        "webhook", ("run", "webhook"), "WEBHOOK", settings.webhook.health_port, after=("topics",), more=(door,)
    )


def _pollers(settings: Settings) -> list[Process]:
    """Those that have their credentials."""
    first = settings.pollers.health_port or FIRST_POLLER_PORT
    return [
        _probed(f"poller-{name}", ("run", "poller", name), "POLLERS", first + number, after=("topics",))
        for number, name in enumerate(settings.pollers.enabled)
    ]


def _agent(name: str, number: int, first_port: int, after: tuple[str, ...]) -> Process:
    section = name.upper()
    instance = {f"ISTHMUS_{section}__INSTANCE": str(number)}
    return _probed(f"{name}-{number}", ("run", name), section, first_port + number, after=after, environment=instance)


def _sinks(settings: Settings) -> list[Process]:
    names = SINKS if settings.ubidots.token is None else (*SINKS, "ubidots")
    first = settings.sink.health_port or FIRST_SINK_PORT
    after = {"clickhouse": ("topics", "migrate"), "clickhouse-log": ("topics", "migrate")}
    return [
        _probed(f"sink-{name}", ("run", "sink", name), "SINK", first + number, after=after.get(name, ("topics",)))
        for number, name in enumerate(names)
    ]


def _task(name: str, arguments: tuple[str, ...], after: tuple[str, ...]) -> Process:
    return Process(name, (*OURS, *arguments), after=after, task=True)


def _served(name: str, arguments: tuple[str, ...], port: Port, after: tuple[str, ...]) -> Process:
    return Process(name, (*OURS, *arguments), after=after, ready=Http(port.number), ports=(port,))


def _probed(
    name: str,
    arguments: tuple[str, ...],
    section: str,
    port: int,
    *,
    after: tuple[str, ...],
    more: tuple[Port, ...] = (),
    environment: dict[str, str] | None = None,
) -> Process:
    return Process(
        name,
        (*OURS, *arguments),
        environment={f"ISTHMUS_{section}__HEALTH_PORT": str(port), **(environment or {})},
        after=after,
        ready=Http(port),
        ports=(*more, Port(port, f"{section.lower()}.health_port")),
    )


def _here(port: int, addresses: Sequence[str]) -> bool:
    """Whether one of the addresses is the stack's own."""
    return any(
        (host.strip("[] ") or "127.0.0.1") in LOOPBACK and number == str(port)
        for host, _, number in (address.strip().rpartition(":") for address in addresses)
    )
