"""`isthmus codecs corpus`: public codecs' cases, run through the sandbox."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from streams.javascript.corpus import NOT_PROMISED, PROMISED, Outcome

LISTED = 50
"""failures of one verdict that are listed"""


def register(group: typer.Typer) -> None:
    """Add `corpus` to `isthmus codecs`."""
    group.command()(corpus)


def corpus(
    cases: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="the corpus, JSON lines")],
    decoders: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="folder with the decoder files, in any layout")
    ],
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="list what did not come out")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Run a corpus of codec cases as live payloads are run.

    `isthmus codecs corpus --cases codec-cases.jsonl --decoders ~/vendors`

    A case is a line of JSON: decoder, api, verdict, input (fPort, bytes in hexadecimal, recvTime), expected. The decoder files
    are their vendors'; bring them along. Each is recognised by its sha-256. Cases that expect a bare object or a list as
    data run as codecs that are registered with `--lenient` do; without it such data are rejected.

    Exit status 1 when less comes out than is promised: 99.9 % of `ok`, 99 % of `malformed`, all of the others, where
    `normalized` counts the outputs of `normalizeUplink`. Not promised are `locale-sensitive`, and `example-differs`, whose
    published examples do not fit the published code.
    """
    outcomes, counts = _run(cases, decoders, quiet=as_json)
    by_verdict = _by_verdict(outcomes)
    kept = all(_promise_kept(verdict, its) for verdict, its in by_verdict.items())
    if as_json:
        print(json.dumps({**counts, "kept": kept, "verdicts": _as_json(by_verdict, verbose=verbose)}, indent=1))
    else:
        _show(by_verdict, counts, verbose=verbose)
    raise typer.Exit(0 if kept and any(not outcome.missing for outcome in outcomes) else 1)


def _run(cases: Path, decoders: Path, *, quiet: bool) -> tuple[list[Outcome], dict[str, int]]:
    from streams import pipeline, settings
    from streams.javascript import corpus as runner

    try:
        read = runner.read(cases)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    files = runner.find(decoders, (decoder["sha256"] for decoder in read.decoders.values()))
    found = sum(decoder["sha256"] in files for decoder in read.decoders.values())
    sandbox = pipeline.sandbox(settings.load().decode)
    outcomes: list[Outcome] = []
    with Progress(console=Console(stderr=True, emoji=False), disable=quiet) as progress:
        task = progress.add_task("decoders", total=len(read.cases))
        for its in runner.run(read, files, sandbox):
            outcomes += its
            progress.advance(task)
    return outcomes, {"decoders": len(read.decoders), "found": found}


def _by_verdict(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    found: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        found[outcome.verdict].append(outcome)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def _promise_kept(verdict: str, outcomes: list[Outcome]) -> bool:
    run = [outcome for outcome in outcomes if not outcome.missing]
    passed = sum(outcome.passed for outcome in run)
    return verdict in NOT_PROMISED or not run or passed / len(run) >= PROMISED.get(verdict, 1.0)


def _figures(outcomes: list[Outcome]) -> tuple[int, int, int]:
    """Passed, failed, and not run for want of the decoder."""
    passed, missing = sum(one.passed for one in outcomes), sum(one.missing for one in outcomes)
    return passed, len(outcomes) - passed - missing, missing


def _as_json(by_verdict: dict[str, list[Outcome]], *, verbose: bool) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for verdict, outcomes in by_verdict.items():
        passed, failed, missing = _figures(outcomes)
        told[verdict] = {"passed": passed, "failed": failed, "missing": missing}
        if verbose:
            told[verdict]["failures"] = [to_builtins(one) for one in _failures(outcomes)]
    return told


def _show(by_verdict: dict[str, list[Outcome]], counts: dict[str, int], *, verbose: bool) -> None:
    console = Console(emoji=False)
    table = Table("verdict", "passed", "failed", "no decoder", "of those run", "promised", title="codec corpus")
    for verdict, outcomes in by_verdict.items():
        passed, failed, missing = _figures(outcomes)
        share = f"{passed / (passed + failed):.2%}" if passed + failed else "-"
        promised = "-" if verdict in NOT_PROMISED else f"{PROMISED.get(verdict, 1.0):.1%}"
        mark = "" if _promise_kept(verdict, outcomes) else "[red]"
        table.add_row(verdict, str(passed), f"{mark}{failed}", str(missing), f"{mark}{share}", promised)
    console.print(table)
    console.print(f"{counts['found']} of {counts['decoders']} decoders are among the files.")
    if verbose:
        for outcomes in by_verdict.values():
            for one in _failures(outcomes)[:LISTED]:
                console.print(f"{one.verdict} {one.id} ({one.mode}): {'; '.join(one.differences)}", markup=False)


def _failures(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [one for one in outcomes if not one.passed and not one.missing]
