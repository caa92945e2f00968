"""Rows 3, 13, 19 and 20: agents, rebalances, zombies, wiped state."""

import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack

from tests.faults.cases.common import die, kill_at_random
from tests.faults.run import Case, Run
from tests.faults.workers import Worker, another

FROZEN_S = 90.0
STAYS_S = 5.0
WORKERS = (("decode-0", "decode"), ("window-0", "window"), ("sink-clickhouse", "sink", "clickhouse"))
"""process, and its command, after which its group is called"""


def kill_decode(one: Run) -> None:
    kill_at_random(one, "decode-0", 3)


def decode_at_points(one: Run) -> None:
    die(one, "decode-mid-batch", "decode-before-flush", "decode-after-flush", "decode-before-commit")


def kill_window(one: Run) -> None:
    kill_at_random(one, "window-0", 3)


def window_at_points(one: Run) -> None:
    die(one, "window-before-flush", "window-after-flush", "window-before-commit")


def kill_api(one: Run) -> None:
    kill_at_random(one, "api", 2)


def rebalance(one: Run) -> None:
    """A worker of each kind joins, and is killed after five seconds."""
    for number in range(max(3, round(12 * one.scale))):
        instance = 1 + number % 2
        with ExitStack() as stack:
            more = [stack.enter_context(another(one, *command, instance=instance)) for _, *command in WORKERS]
            for worker in more:
                worker.await_joined(one)
            time.sleep(STAYS_S)
            for worker in more:
                worker.looked_at(one)
    one.fresh_row(time.time())


def freeze(one: Run) -> None:
    """A zombie: others have taken its partitions over when it goes on."""
    for name, *command in WORKERS:
        _freeze(one, Worker.await_commit, name, *command)
        one.fresh_row(time.time())


def freeze_file_sinks(one: Run) -> None:
    """A zombie holds its files; who takes its partitions over waits for them, and what it had begun is written once."""
    for name in ("files", "archive", "device-logs"):
        _freeze(one, Worker.looked_at, f"sink-{name}", "sink", name)
        one.load.more(60)
    one.fresh_row(time.time())
    one.world.ready("sink-files", "sink-archive", "sink-device-logs")


def _freeze(one: Run, then: Callable[[Worker, Run], None], name: str, kind: str, *more: str) -> None:
    """A process, until another of its kind has its group to itself, and does what is due ``then``."""
    with another(one, kind, *more) as other:
        with one.world.frozen(name):
            one.wait(FROZEN_S, least=12)
            other.await_alone(one)
            then(other, one)
        one.load.more(60)
        other.end(one)


def freeze_alone(one: Run) -> None:
    """Nobody takes over: its membership ends, and it goes on."""
    with one.world.frozen("decode-0", "window-0", "sink-clickhouse", "mqtt"):
        one.wait(FROZEN_S, least=12)
    one.fresh_row(time.time())


def wiped_state(one: Run) -> None:
    """The API's, the spool's and the files' directories are gone, the files' also under sinks that live on; what is in them
    is made anew."""
    settings = one.world.settings
    for name, directory in (("api", settings.api.directory), ("webhook", settings.spool.directory)):
        shutil.rmtree(directory, ignore_errors=True)
        one.world.kill(name)
    for name in ("files", "archive", "device_logs"):
        one.world.wipe(name)
    one.world.ready()
    one.fresh_row(time.time())
    for name in ("files", "archive", "device_logs"):
        one.world.wipe_under(name)
    one.fresh_row(time.time())
    one.world.ready()


def broken_spool(one: Run) -> None:
    """A spool that is none is put aside, and a fresh one taken: nobody has to look before messages are acknowledged again."""
    file = one.world.settings.spool.directory / "webhook.db"
    rubbish = b"no database " * 1000
    with one.world.frozen("webhook"):
        for left in file.parent.glob(f"{file.name}-*"):  # the write-ahead log would repair it
            left.unlink()
        file.write_bytes(rubbish)
    one.world.kill("webhook")
    one.world.ready("webhook")
    one.fresh_row(time.time())
    kept = [aside.read_bytes() for aside in file.parent.glob(f"{file.name}.damaged-*Z")]
    one.holds(f"what lay there is put aside: {len(kept)}", kept == [rubbish])
    told = (one.world.home / "logs" / "webhook.log").read_text()
    one.holds("an error tells of it", "spool-replaced" in told)


CASES = (
    Case("kill-decode", 3, kill_decode, posts_once=True),
    Case("decode-dies-at-points", 3, decode_at_points, posts_once=True),
    Case("kill-window", 3, kill_window, posts_once=True),
    Case("window-dies-at-points", 3, window_at_points),
    Case("kill-api", 3, kill_api),
    Case("rebalances", 13, rebalance, waits_s=12 * STAYS_S),
    Case("frozen-while-others-take-over", 19, freeze, waits_s=3 * FROZEN_S, posts_once=True),
    Case("file-sinks-frozen", 19, freeze_file_sinks, waits_s=3 * FROZEN_S),
    Case("frozen-alone", 19, freeze_alone, waits_s=FROZEN_S),
    Case("wiped-state", 20, wiped_state),
    Case("broken-spool", 20, broken_spool),
)
