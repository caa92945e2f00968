"""The ClickHouse endpoint's process."""

import sys
from pathlib import Path

import msgspec

from deploy.local.plan import Http, Port, Process


class Store(msgspec.Struct, frozen=True):
    """Where it keeps its data and where it listens."""

    directory: Path
    port: int


def process(store: Store) -> Process:
    """The endpoint's process."""
    return Process(
        name="clickhouse",
        command=(sys.executable, "-m", "deploy.local.clickhouse", str(store.directory), str(store.port)),
        ready=Http(store.port, "/ping"),
        ports=(Port(store.port, "stack.clickhouse_port"),),
        stop_s=20,
    )
