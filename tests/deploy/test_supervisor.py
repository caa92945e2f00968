"""The supervisor, with shell commands for processes."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import msgspec
import psutil
import pytest

from deploy.local import daemon, identity, ledger, logs, ports, supervisor, unit
from deploy.local.plan import Http, Plan, Port, Process, StackError
from deploy.local.ports import PortTaken
from deploy.local.status import ProcessStatus, State
from tests.faults import disks
from tests.ports import free_port
from tests.stack.harness import eventually

RUN_ON = "exec sleep 600"
HALF_DEAD = """
import ctypes, socket, sys, threading, time
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
threading.Thread(target=time.sleep, args=(600,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""
"""what a large process is on its way out: its first thread has ended, others hold its port"""


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "stack"
    yield directory
    daemon.down(directory)


def plan(*processes: Process) -> Plan:
    return Plan(processes, os.getcwd(), owner=os.getpid())


def shell(name: str, script: str, *after: str, task: bool = False, stop_s: float = 5) -> Process:
    return Process(name, ("sh", "-c", script), after=after, task=task, stop_s=stop_s)


def process(directory: Path, name: str) -> ProcessStatus:
    now = daemon.current(directory)
    assert now is not None
    return next(process for process in now.processes if process.name == name)


def pid(directory: Path, name: str) -> int:
    found = process(directory, name).pid
    assert found is not None
    return found


@contextmanager
def unwritable(directory: Path) -> Iterator[None]:
    """Which processes live cannot be written there, as on a full disk."""
    taken = directory / "processes.new"
    taken.mkdir()
    yield
    taken.rmdir()


def living(pid: int) -> bool:
    """Whether a process runs; one that nobody has reaped yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_it_starts_in_order_of_dependence_and_stops_in_reverse(directory: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    script = "trap 'echo {0} down >> {1}; exit' TERM; echo {0} up >> {1}; while :; do sleep 0.02; done"
    order = plan(
        shell("c", script.format("c", trace), "b"),
        shell("a", script.format("a", trace)),
        shell("task", f"echo task >> {trace}", "a", task=True),
        shell("b", script.format("b", trace), "task"),
    )

    daemon.up(directory, order)
    eventually(lambda: len(trace.read_text().splitlines()) == 4)
    daemon.down(directory)

    assert trace.read_text().splitlines() == ["a up", "task", "b up", "c up", "c down", "b down", "a down"]


def test_it_starts_a_killed_process_again(directory: Path) -> None:
    daemon.up(directory, plan(shell("a", RUN_ON), shell("b", RUN_ON, "a")))
    first, neighbour = pid(directory, "a"), pid(directory, "b")

    os.kill(first, signal.SIGKILL)

    eventually(lambda: (now := process(directory, "a")).state is State.READY and now.pid != first)
    assert (process(directory, "a").restarts, process(directory, "a").exit_status) == (1, -9)
    assert pid(directory, "b") == neighbour


def test_up_fails_with_the_last_log_lines_and_leaves_nothing(directory: Path) -> None:
    failing = plan(shell("good", RUN_ON), shell("bad", "echo no such broker >&2; exit 7", "good"))

    with pytest.raises(StackError, match=r"(?s)bad ended with status 7, 3 times.*bad\.log.*no such broker"):
        daemon.up(directory, failing)

    assert not daemon.running(directory)
    assert daemon.orphans(directory) == []


def test_a_task_that_fails_is_tried_three_times(directory: Path, tmp_path: Path) -> None:
    counter = tmp_path / "count"

    with pytest.raises(StackError, match="task ended with status 1, 3 times"):
        daemon.up(directory, plan(shell("task", f"echo x >> {counter}; exit 1", task=True)))

    assert counter.read_text() == "x\n" * 3


def test_a_command_that_does_not_exist_is_named(directory: Path) -> None:
    with pytest.raises(StackError, match="cannot start /nowhere/java"):
        daemon.up(directory, plan(Process("kafka", ("/nowhere/java",))))


def test_up_tells_who_was_not_ready_in_time(directory: Path) -> None:
    deaf = Process("deaf", ("sh", "-c", RUN_ON), ready=Http(free_port()))

    def told() -> bool:
        """Whether it named the process; on a busy machine even the supervisor may not be ready in that time."""
        with pytest.raises(StackError, match=r"not ready in time: (deaf|the supervisor)") as late:
            daemon.up(directory, plan(deaf), timeout_s=1)
        return "not ready in time: deaf" in str(late.value)

    eventually(told)
    assert not daemon.running(directory)


def test_a_probe_that_fails_later_shows_as_unready(directory: Path, tmp_path: Path) -> None:
    port, page = free_port(), tmp_path / "readyz"
    page.write_text("ok")
    command = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path))
    daemon.up(directory, plan(Process("web", command, ready=Http(port))))

    page.unlink()

    eventually(lambda: process(directory, "web").state is State.UNREADY)
    assert process(directory, "web").restarts == 0


def test_a_process_that_ends_while_its_disk_is_full_is_started_again(directory: Path) -> None:
    daemon.up(directory, plan(shell("a", RUN_ON)))
    first = pid(directory, "a")
    with unwritable(directory):
        os.kill(first, signal.SIGKILL)

        eventually(lambda: (now := process(directory, "a")).state is State.READY and now.pid not in {first, None})
        second = pid(directory, "a")

    eventually(lambda: [child.pid for child in ledger.Ledger(directory).children] == [second])


def test_a_process_that_is_started_while_its_disk_is_full_is_started_once(directory: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    directory.mkdir()
    with unwritable(directory):
        daemon.up(directory, plan(shell("a", f"echo $$ | tee -a {started}; {RUN_ON}")))

        assert started.read_text().split() == [str(pid(directory, "a"))]
        assert logs.tail(logs.file(directory, "a"), 9) == [str(pid(directory, "a"))]
        assert process(directory, "a").restarts == 0

        daemon.down(directory)

    assert not living(int(started.read_text()))


@pytest.mark.skipif(bool(disks.unavailable()), reason="no small disk can be mounted here")
def test_a_stack_lives_while_its_disk_is_full(directory: Path) -> None:
    with disks.mounted({"files": directory}) as mounted:
        now = daemon.up(directory, plan(shell("a", f"head -c 11000000 /dev/zero; {RUN_ON}"), shell("b", RUN_ON)))
        eventually(lambda: not logs.file(directory, "a").stat().st_size)
        first = pid(directory, "b")
        with mounted["files"].full():
            logs.file(directory, "a").with_name("a.log.1").rename(logs.file(directory, "a"))  # it is time to rotate
            os.kill(first, signal.SIGKILL)
            eventually(lambda: (one := process(directory, "b")).state is State.READY and one.pid not in {first, None})

        eventually(lambda: not logs.file(directory, "a").stat().st_size)
        after = daemon.current(directory)
        assert after is not None
        assert after.pid == now.pid
        daemon.down(directory)


def test_a_fault_of_the_supervisors_own_is_the_end_of_a_life_only(directory: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    directory.mkdir()

    async def lives() -> None:
        noted = Faulty(directory)
        one = unit.Unit(shell("a", f"echo $$ >> {started}; {RUN_ON}"), directory, os.getcwd(), noted)
        running = asyncio.create_task(one.run([], []))
        await asyncio.wait_for(one.started.wait(), 30)
        assert [living(pid) for pid in noted.added] == [False, True]
        assert one.status.restarts == 1
        running.cancel()
        await asyncio.wait([running])
        assert [living(pid) for pid in noted.added] == [False, False]

    asyncio.run(lives())


class Faulty(ledger.Ledger):
    """Has a bug, which shows when the first child is noted."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.added: list[int] = []

    def add(self, name: str, pid: int, stop_s: float) -> None:
        self.added.append(pid)
        if len(self.added) == 1:
            raise ZeroDivisionError
        super().add(name, pid, stop_s)


def test_what_a_killed_supervisor_leaves_is_ended_by_the_next(directory: Path) -> None:
    wanted = plan(shell("a", RUN_ON), shell("b", f"sleep 601 & {RUN_ON}"))
    daemon.up(directory, wanted)
    left = {pid(directory, "a"), pid(directory, "b")}
    now = daemon.current(directory)
    assert now is not None

    os.kill(now.pid, signal.SIGKILL)
    eventually(lambda: not daemon.running(directory))

    assert daemon.orphans(directory) == ["a", "b"]
    assert daemon.current(directory) is None
    daemon.up(directory, wanted)
    assert not any(living(one) for one in left)
    assert {pid(directory, "a"), pid(directory, "b")}.isdisjoint(left)


def test_what_is_on_its_way_out_when_its_supervisor_was_killed_is_waited_for(directory: Path) -> None:
    port = free_port()
    command = (sys.executable, "-c", HALF_DEAD, str(port))
    wanted = plan(Process("half-dead", command, ports=(Port(port, "half-dead's"),)))
    now = daemon.up(directory, wanted)
    left = pid(directory, "half-dead")
    eventually(lambda: psutil.Process(left).status() == psutil.STATUS_ZOMBIE)
    os.kill(now.pid, signal.SIGKILL)
    eventually(lambda: not daemon.running(directory))

    assert daemon.orphans(directory) == ["half-dead"]
    daemon.up(directory, wanted)
    assert pid(directory, "half-dead") != left


def test_down_ends_what_a_killed_supervisor_leaves(directory: Path) -> None:
    now = daemon.up(directory, plan(shell("a", RUN_ON), shell("b", RUN_ON)))
    os.kill(now.pid, signal.SIGKILL)
    eventually(lambda: not daemon.running(directory))

    assert daemon.down(directory) == ["b", "a"]
    assert daemon.orphans(directory) == []


def test_a_pid_that_belongs_to_somebody_else_by_now_is_left_alone(directory: Path) -> None:
    directory.mkdir()
    with subprocess.Popen(["sleep", "600"]) as stranger:
        noted = ledger.Child(name="a", pid=stranger.pid, identity=identity.of(os.getpid()), stop_s=1)
        (directory / ledger.FILE).write_bytes(msgspec.json.encode([noted]))

        assert daemon.down(directory) == []

        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("left", [b"", b"\0" * 40, b'[{"name":"\xff"}]'], ids=["nothing", "zeros", "no UTF-8"])
def test_up_after_a_power_cut_that_left_nothing_of_what_lived(directory: Path, left: bytes) -> None:
    directory.mkdir()
    (directory / ledger.FILE).write_bytes(left)

    assert daemon.orphans(directory) == []
    assert daemon.up(directory, plan(shell("a", RUN_ON))).ready


def test_it_kills_what_does_not_stop_in_time_and_what_its_children_left(directory: Path, tmp_path: Path) -> None:
    noted = tmp_path / "grandchild"
    stubborn = f"trap '' TERM; sleep 602 & echo $! > {noted}; while :; do sleep 0.02; done"
    daemon.up(directory, plan(shell("stubborn", stubborn, stop_s=0.3)))
    eventually(noted.exists)
    grandchild = int(eventually(noted.read_text))

    daemon.down(directory)

    eventually(lambda: not living(grandchild))


def test_a_second_up_waits_for_the_same_plan_and_refuses_another(directory: Path) -> None:
    wanted = plan(shell("a", RUN_ON))
    first = daemon.up(directory, wanted)

    assert daemon.up(directory, wanted).pid == first.pid
    with pytest.raises(StackError, match="other processes or settings"):
        daemon.up(directory, plan(shell("b", RUN_ON)))


@pytest.mark.parametrize(
    "left", [b"", b'{"processes":[{"name":"\xff"}]}', None], ids=["nothing", "no UTF-8", "no file"]
)
def test_a_stack_whose_plan_is_damaged_is_told_apart_and_ends(directory: Path, left: bytes | None) -> None:
    wanted = plan(shell("a", RUN_ON))
    daemon.up(directory, wanted)
    (directory / supervisor.PLAN).unlink()
    if left is not None:
        (directory / supervisor.PLAN).write_bytes(left)

    with pytest.raises(StackError, match="other processes or settings"):
        daemon.up(directory, wanted)
    assert daemon.down(directory) == []
    assert daemon.up(directory, wanted).ready


def test_of_two_ups_at_once_one_starts_the_stack_and_both_have_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one ended what the first had started as orphans, and said that the supervisor did not start."""
    both, check = Barrier(2), ports.check

    def checked(wanted: Iterable[Port]) -> None:
        with suppress(BrokenBarrierError):
            both.wait(1)  # for the other one, if it comes so far
        check(wanted)

    monkeypatch.setattr(ports, "check", checked)
    with ThreadPoolExecutor(2) as people:
        ups = [people.submit(daemon.up, directory, plan(shell("a", RUN_ON))) for _ in range(2)]
        first, other = (up.result() for up in ups)

    assert first.ready
    assert other.pid == first.pid
    assert [process.restarts for process in other.processes] == [0]


def test_a_taken_port_is_named_with_its_setting_and_its_holder(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        greedy = Process("a", ("sleep", "600"), ports=(Port(port, "stack.kafka_port"),))

        with pytest.raises(PortTaken) as caught:
            daemon.up(directory, plan(greedy))

    mine = psutil.Process().name()
    assert f"port {port} is taken by {mine} (pid {os.getpid()})" in str(caught.value)
    assert "setting stack.kafka_port" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_it_stops_when_its_owner_is_gone(directory: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as owner:
        daemon.up(directory, Plan((shell("a", RUN_ON),), os.getcwd(), owner=owner.pid))
        left = pid(directory, "a")
        owner.kill()

    eventually(lambda: not daemon.running(directory))
    assert not living(left)


def test_it_answers_from_a_directory_whose_path_is_too_long_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["directory"] * 12)

    try:
        assert daemon.up(deep, plan(shell("a", RUN_ON))).ready
    finally:
        daemon.down(deep)


def test_every_process_logs_to_a_file_of_its_own(directory: Path) -> None:
    daemon.up(directory, plan(shell("a", f"echo out; echo err >&2; {RUN_ON}")))

    eventually(lambda: logs.tail(logs.file(directory, "a"), 9) == ["out", "err"])
    assert logs.names(directory) == ["a", supervisor.LOG]


def test_delays_between_restarts_grow(directory: Path, tmp_path: Path) -> None:
    times = tmp_path / "times"
    failing = Process(
        "bad", (sys.executable, "-Sc", f"import time; print(time.time(), file=open({str(times)!r}, 'a'))")
    )

    began = time.time()
    with pytest.raises(StackError):
        daemon.up(directory, plan(failing))

    starts = [float(line) for line in times.read_text().splitlines()]
    assert len(starts) == 3
    assert starts[2] - starts[1] > 0.2
    assert starts[2] - began < 5


def test_delays_grow_until_a_life_was_good() -> None:
    delays = unit.Delays()

    assert [delays.after(0, -9) for _ in range(4)] == [0.1, 0.2, 0.4, 0.8]
    assert delays.after(2.5, -9) == 0.1
    assert delays.after(1, -9) == 0.2


def test_who_ends_by_itself_soon_is_slowed_down() -> None:
    delays = unit.Delays()

    assert [delays.after(10, 1) for _ in range(4)] == [0.1, 0.2, 0.4, 0.8]
    assert delays.after(21, 1) == 0.1


def test_no_delay_is_longer_than_ten_seconds() -> None:
    delays = unit.Delays()

    assert [delays.after(0, -9) for _ in range(9)][-2:] == [10, 10]
