"""`make faults`: every fault of the matrix on a real installation of its own; tables, build/faults.json, exit status 1
when anything is missing, extra or wrong, or when an anchor's loss is not seen.

    python -m tests.faults                           all cases
    python -m tests.faults poison kill-decode        these
    python -m tests.faults --kills 200 --seed 7      the long campaign: so many random kills and a million points;
                                                     build/campaign.json
    python -m tests.faults --waits 0.1               the long waits (an hour without ClickHouse …) at a tenth

All of it takes more than three hours on two cores; with a thirtieth of the waits 50 minutes. The campaign takes half an hour.
"""

import argparse
import logging
import math
import shutil
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import IO

from rich.console import Console

from deploy.local import supervisor
from tests.faults import disks, result
from tests.faults.campaign import campaign
from tests.faults.cases.content import register_codecs
from tests.faults.matrix import CASES
from tests.faults.result import Result
from tests.faults.run import Case, run
from tests.faults.world import World, running

HOME, MATRIX, CAMPAIGN = Path("var/faults"), Path("build/faults.json"), Path("build/campaign.json")
CASE_S = 40
"""what a case takes without its waits: load, fault, quiet, comparison"""
DYING = "tests.faults.dying"
POINTS, RATE = 1_000_000, 60.0
NOISY = ("clickhouse_connect", "mqtt")
"""libraries that say each time that a server is away"""
WIDTH = 150
"""of the table, also in a narrow terminal or a file"""


def main() -> None:
    """Command line."""
    parser = _parser()
    chosen = parser.parse_args()
    if wrong := _wrong(chosen):
        parser.error(wrong)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    console = Console(emoji=False)
    console.width = max(console.width, WIDTH)
    if chosen.kills:
        cases: Sequence[Case] = (campaign(chosen.kills, chosen.points or POINTS, chosen.rate or RATE),)
    else:
        cases = [CASES[name] for name in chosen.cases or CASES]
    if any(case.small_disks for case in cases):
        disks.enter_namespace()
    alone = _alone(parser)
    results, out = list[Result](), CAMPAIGN if chosen.kills else MATRIX
    console.print(_announced(cases, chosen.seed, chosen.waits))
    try:
        for one in _results(cases, chosen.seed, chosen.waits):
            results.append(one)
            result.write(results, out)
            console.print(f"{_word(one)} {one.name} ({one.took_s:.0f} s)")
            for fault in [] if one.passed else one.faults[:20]:
                console.print(f"   {fault}", style="red", markup=False)
    except KeyboardInterrupt:
        console.print("stopped")
    console.print(result.table(results))
    console.print(result.recoveries(results))
    console.print(result.memory(results))
    console.print(f"{out}; seed {chosen.seed}")
    alone.close()
    sys.exit(0 if len(results) == len(cases) and all(one.passed or one.skipped for one in results) else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("cases", nargs="*", help=f"{', '.join(CASES)}; default: all")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000, help="default: another each time")
    parser.add_argument("--waits", type=float, default=1, help="factor of the long waits")
    parser.add_argument("--kills", type=int, help="run the long campaign instead, with so many kills")
    parser.add_argument("--points", type=int, help=f"… and at least so many points; default: {POINTS}")
    parser.add_argument(
        "--rate", type=float, help=f"… at so many messages a second, and as many with 20 values each; default: {RATE}"
    )
    return parser


def _wrong(chosen: argparse.Namespace) -> str:
    """What is asked for and cannot be meant; it would be hours until somebody saw that."""
    if unknown := set(chosen.cases) - set(CASES):
        return f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}"
    if not 0 <= chosen.waits < math.inf:
        return "--waits is a factor, from 0 on"
    if any(number is not None and not 0 < number < math.inf for number in (chosen.kills, chosen.points, chosen.rate)):
        return "--kills, --points and --rate are more than 0"
    if chosen.kills and chosen.cases:
        return "the campaign of --kills runs no cases"
    if not chosen.kills and (chosen.points or chosen.rate):
        return "--points and --rate are the campaign's: --kills, too"
    return ""


def _alone(parser: argparse.ArgumentParser) -> IO[bytes]:
    """Held while this runs: another run here would delete the installation of this one."""
    HOME.mkdir(parents=True, exist_ok=True)
    try:
        return supervisor.lock(HOME)
    except supervisor.Running:
        parser.error(f"another run is at work in {HOME}")


def _announced(cases: Sequence[Case], seed: int, scale: float) -> str:
    """What begins; whoever stops it can repeat it."""
    seconds = sum(CASE_S + case.waits_s * scale for case in cases)
    return (
        f"{len(cases)} case(s), seed {seed}, waits at {scale:g}: about {max(1, seconds // 60):.0f} minutes on two cores"
    )


def _minutes(case: Case, scale: float) -> str:
    """How long nothing is seen of it, where that is long."""
    waits = case.waits_s * scale / 60
    return f"(waits {waits:.0f} minutes)" if waits >= 1 else ""


def _results(cases: Sequence[Case], seed: int, scale: float) -> Iterator[Result]:
    """Cases share an installation until one breaks it: what is checked is all that it ever held."""
    with ExitStack() as stack:
        world: World | None = None
        for number, case in enumerate(cases):
            if case.small_disks and (why := disks.unavailable()):
                yield Result(name=case.name, row=case.row, seed=seed, skipped=why)
                continue
            if world and bool(world.disks) != case.small_disks:
                stack.close()
                world = None
            print(f"{number + 1}/{len(cases)} {case.name} … {_minutes(case, scale)}", flush=True)
            try:
                world = world or _started(stack, number, case)
                made = run(world, case, seed, scale=scale)
            except Exception as fault:  # noqa: BLE001 - the next case has an installation of its own
                traceback.print_exc()
                made = Result(name=case.name, row=case.row, seed=seed, faults=[f"{type(fault).__name__}: {fault}"])
            if not made.passed:
                stack.close()
                world = None
            yield made


def _started(stack: ExitStack, number: int, case: Case) -> World:
    """An installation for this case and those after it."""
    directory = _empty(HOME / str(number))
    world = stack.enter_context(_installation(directory, small_disks=case.small_disks))
    register_codecs(world)
    return world


def _installation(directory: Path, *, small_disks: bool) -> AbstractContextManager[World]:
    """A spool is filled by its quota, except where its disk is to be."""
    spool = {"quota_mb": 64 if small_disks else 1}
    return running(directory, module=DYING, small_disks=small_disks, spool=spool)


def _word(one: Result) -> str:
    if one.skipped:
        return f"[yellow]not run[/yellow] ({one.skipped})"
    return "[green]ok[/green]" if one.passed else "[red]BROKEN[/red]"


def _empty(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    return directory.absolute()


if __name__ == "__main__":
    main()
