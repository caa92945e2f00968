"""The processes of an installation under faults, as its supervisor starts them."""

import sys

from msgspec.structs import replace

from connectors.cli import processes
from deploy.local.plan import Http, Port, Process
from streams.settings import Settings
from tests.zone import ZONE

STORE_SINKS = ("sink-clickhouse", "sink-clickhouse-log")


def ours(settings: Settings, environment: dict[str, str], store: str, module: str | None) -> list[Process]:
    """Ours; the store's sinks find ClickHouse at the URL ``store``, and ``module`` runs in place of ``connectors.cli``."""
    known = processes.ours(settings, processes.needed_servers(settings).names)
    return [_placed(process, environment, store, module) for process in known]


def _placed(process: Process, environment: dict[str, str], store: str, module: str | None) -> Process:
    more = dict(environment)
    if process.name in STORE_SINKS:
        more["ISTHMUS_CLICKHOUSE__URL"] = store
    command = (sys.executable, "-m", module, *process.command[len(processes.OURS) :]) if module else process.command
    return replace(process, command=command, environment=more | process.environment)


def zoned(server: Process) -> Process:
    """A server that is in the same zone as our processes."""
    return replace(server, environment={"TZ": ZONE} | server.environment)


def ubidots_stub(port: int, token: str) -> Process:
    """What stands in for Ubidots."""
    return Process(
        name="ubidots-stub",
        command=(sys.executable, "-m", "tests.faults.ubidots", "--port", str(port), "--token", token),
        ready=Http(port, "/stats"),
        ports=(Port(port, "the Ubidots stub"),),
    )
