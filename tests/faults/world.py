"""A whole installation of its own on free ports, whose processes can be killed, frozen, ended and kept away."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from connectors.api import operator
from connectors.cli import processes
from connectors.demo.mapping import Api
from deploy.local import daemon, servers
from deploy.local.plan import Http, Plan
from deploy.local.status import ProcessStatus, State
from streams.settings import Settings
from tests.faults import clock, layout, plan
from tests.faults.disks import Disk, mounted
from tests.faults.kept import Kept
from tests.faults.ports import with_ports
from tests.ports import free_port
from tests.stack.harness import PATIENCE, PLAIN, Stack, eventually
from tests.stack.proxy import Proxy

TOKEN = "faults"
SERVERS = ("kafka", "mqtt-broker", "clickhouse")
TASKS = ("topics", "migrate")


@dataclass
class World:
    """One running installation. ``store_proxy`` stands between the store's sinks and ClickHouse."""

    directory: Path
    settings: Settings
    ubidots_port: int
    store_proxy: Proxy
    environment: dict[str, str]
    """of our processes"""
    kept: Kept
    disks: dict[str, Disk]
    """by directory, where the installation has small ones"""
    plan: Plan | None = None

    @property
    def home(self) -> Path:
        """The supervisor's directory."""
        return self.settings.stack.directory

    @property
    def servers(self) -> Stack:
        """The three servers, for installations beside this one."""
        return Stack(
            kafka=self.settings.kafka.bootstrap_servers,
            mqtt=f"127.0.0.1:{self.settings.stack.mqtt_port}",
            clickhouse=self.settings.clickhouse.url,
        )

    @property
    def ledgers(self) -> list[Path]:
        """What was sent and acknowledged so far."""
        return sorted(self.directory.glob("ledger-*.ndjson"))

    @property
    def api(self) -> Api:
        """The registry's API, with the operator's token."""
        return Api(f"http://127.0.0.1:{self.settings.api.port}", lambda: operator.read_token(self.settings.api))

    def processes(self) -> dict[str, ProcessStatus]:
        """What the supervisor says of each."""
        found = eventually(lambda: daemon.current(self.home))
        assert found
        return {process.name: process for process in found.processes if process.name not in TASKS}

    def pid(self, name: str) -> int | None:
        """The process's id, None between two lives."""
        return self.processes()[name].pid

    def alive(self, name: str) -> int:
        """Its id, as soon as it lives."""
        return eventually(lambda: self.pid(name) or 0)

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Send a signal; whether there was somebody to send it to."""
        pid = self.pid(name)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                return True
        return False

    def kill(self, name: str) -> None:
        """kill -9 it, as soon as it lives; its supervisor starts it again."""
        eventually(lambda: self.signal(name, signal.SIGKILL))

    def end(self, name: str, within_s: float = 30) -> float:
        """SIGTERM; the seconds that it took to end."""
        pid, began = self.alive(name), time.monotonic()
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: self.pid(name) != pid, within_s)
        return time.monotonic() - began

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """SIGSTOP, and SIGCONT at the end."""
        pids = [self.alive(name) for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def resume(self, name: str) -> None:
        """SIGCONT before its time."""
        self.signal(name, signal.SIGCONT)

    def wipe(self, name: str) -> None:
        """Let the directory of a file sink (as the settings call it) vanish under it, and kill it."""
        sink = f"sink-{name.replace('_', '-')}"
        with self.frozen(sink):
            self.kept.wipe(name)
            self.kill(sink)

    def wipe_under(self, name: str) -> None:
        """The same, but the sink lives on, with its files open that are nowhere any more."""
        with self.frozen(f"sink-{name.replace('_', '-')}"):
            self.kept.wipe_under(name)

    def absent(self, name: str, seconds: float) -> None:
        """Keep a server away: killed whenever it comes back."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.signal(name, signal.SIGKILL)
            time.sleep(0.1)

    def ready(self, *names: str, within_s: float = 60) -> None:
        """Wait until these (default: all) are ready."""

        def all_ready() -> bool:
            known = self.processes()
            return all(known[name].state is State.READY for name in names or known)

        eventually(all_ready, within_s)

    def replaced(self, name: str, former: int, within_s: float) -> None:
        """Wait until another process than the one with the id ``former`` is ready in its place."""

        def there() -> bool:
            now = self.processes()[name]
            return now.state is State.READY and now.pid not in (None, former)

        eventually(there, within_s / PATIENCE)

    def told(self, name: str) -> str:
        """What a process of ours says of its readiness."""
        ready = self._health[name]
        with suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{ready.port}{ready.path}", timeout=5, verify=PLAIN).text
        return ""

    def metrics(self, name: str) -> dict[str, float]:
        """The sum of a metric over its labels, of each process of ours that answers now."""
        found = {}
        for process, ready in self._health.items():
            with suppress(httpx.HTTPError):
                found[process] = self.metric(ready.port, name)
        return found

    @cached_property
    def _health(self) -> dict[str, Http]:
        """Where each process of ours answers."""
        ours = processes.ours(self.settings, servers.ALL)
        return {process.name: process.ready for process in ours if isinstance(process.ready, Http)}

    def metric(self, port: int, name: str) -> float:
        """The sum of a metric over its labels; 0 when it is not there."""
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5, verify=PLAIN).text
        found = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    def ubidots(self, path: str = "/stats") -> dict[str, Any]:
        """What the Ubidots stub tells."""
        found: dict[str, Any] = httpx.get(
            f"http://127.0.0.1:{self.ubidots_port}{path}", timeout=10, verify=PLAIN
        ).json()
        return found

    def behave(self, how: str) -> None:
        """Tell the Ubidots stub to be busy (429 for everything), patient (as documented) or unlimited."""
        httpx.get(
            f"http://127.0.0.1:{self.ubidots_port}/behave", params={"as": how}, timeout=10, verify=PLAIN
        ).raise_for_status()

    def die_at(self, point: str, within_s: float = 60) -> float:
        """Let the process die at a point of its code (see ``dying``); the unix time at which it did."""
        self.mark(point)
        return self.died(point, within_s)

    def mark(self, point: str) -> None:
        """Whoever comes to that point next dies there."""
        self.points.mkdir(exist_ok=True)
        (self.points / point).touch()

    def died(self, point: str, within_s: float = 60) -> float:
        """Wait until somebody has died at a point that is marked; the unix time at which it did."""
        eventually(lambda: not (self.points / point).exists(), within_s, every=0.01)
        return time.time()

    def set_clock(self, seconds: int, name: str = clock.ALL) -> None:
        """Let the wall clock of a process of ours, as its command names it, or of all be wrong by so much."""
        clock.write(self.directory / "clocks", name, seconds)

    def await_clocks(self, seconds: int, *names: str) -> None:
        """Wait until these say that they go by a clock that is wrong by so much."""
        eventually(lambda: {clock.seen(self.directory / "clocks", name) for name in names} == {seconds})

    @property
    def points(self) -> Path:
        """Where processes look for the points at which they are to die."""
        return self.directory / "points"

    def up(self) -> None:
        """What `make up` does: also where it was killed and left its processes behind."""
        assert self.plan
        daemon.up(self.home, self.plan, timeout_s=240)
        self.behave("unlimited")

    def kill_supervisor(self) -> None:
        """kill -9 who starts the others again; they live on."""
        found = eventually(lambda: daemon.current(self.home))
        assert found
        os.kill(found.pid, signal.SIGKILL)
        eventually(lambda: not daemon.running(self.home))

    def kill_everything(self) -> int:
        """kill -9 the supervisor and all others, at once; how many these are."""
        pids = [process.pid for process in self.processes().values() if process.pid is not None]
        self.kill_supervisor()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def down(self) -> None:
        """Stop everything."""
        self.store_proxy.shut()
        daemon.down(self.home)
        self.store_proxy.close()


@contextmanager
def running(directory: Path, *, module: str | None = None, only: Callable[[str], bool] = lambda _: True,
            small_disks: bool = False, **sections: dict[str, Any]) -> Iterator[World]:  # fmt: skip
    """Start an installation and stop it at the end. ``sections``: further settings; ``module``: runs our processes
    in place of ``connectors.cli``; ``only``: which of our processes."""
    overrides: dict[str, Any] = layout.overrides(directory)
    for name, values in sections.items():
        overrides[name] = overrides.get(name, {}) | values
    overrides = with_ports(overrides)
    ubidots_port = free_port()
    overrides["ubidots"] = {"token": TOKEN, "url": f"http://127.0.0.1:{ubidots_port}", "requests_per_s": 100.0}
    settings = Settings(**overrides)
    with ExitStack() as stack:
        disks = stack.enter_context(mounted(layout.places(settings))) if small_disks else {}
        proxy = Proxy(settings.clickhouse.url)
        world = World(
            directory, settings, ubidots_port, proxy, layout.environment(directory, overrides), Kept(settings), disks
        )
        world.store_proxy.open()
        stack.callback(world.down)
        ours = plan.ours(settings, world.environment, f"http://{proxy.address}", module)
        stub = plan.ubidots_stub(ubidots_port, TOKEN)
        started = [plan.zoned(process) for process in servers.prepare(processes.needed_servers(settings))]
        world.plan = Plan((*started, *(p for p in ours if only(p.name)), stub), os.getcwd(), owner=os.getpid())
        world.up()
        yield world
