"""`isthmus replay`: what it is told, and what it says; the replays themselves: tests/stack."""

import io
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from connectors.cli import replay_options as options
from connectors.cli import replay_view as view
from connectors.cli.main import build
from connectors.cli.replay_follow import rests
from streams.core.replay_record import Replay
from streams.core.times import HOUR
from streams.replay.job import Counts, Figures, Progress
from streams.replay.store import Difference, Sample


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def replay(state: str, **fields: Any) -> Replay:
    figures = Figures(
        records=10, selected=9, points=20, visible_ms=4.4, windows=3, apply_s=2.0, shielded=1,
        counts=Counts(added=1, changed=2, removed=3, same=14), holes=["raw partition 0, offsets 3 to 4: [deleted]"],
    )  # fmt: skip
    return Replay(
        id=7, mode="decode", state=state, **({"figures": msgspec.json.encode(figures).decode(), "runner": "w"} | fields)
    )


def said(*arguments: str) -> tuple[int, str]:
    """Exit status, and everything that was printed, as one line without the box."""
    answer = CliRunner().invoke(build(("replay",)), ["replay", *arguments])
    return answer.exit_code, " ".join(answer.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-31", 1_793_404_800_000_000_000),
        ("2026-10-31T08:00:00", 1_793_433_600_000_000_000),
        ("2026-10-31T19:00:00+11:00", 1_793_433_600_000_000_000),
        ("2026-10-31T08:00:00.000001Z", 1_793_433_600_000_001_000),
    ],
)
def test_a_time_without_zone_is_utc(text: str, expected: int) -> None:
    assert options.moment(text) == expected


@pytest.mark.parametrize(("text", "hours"), [("6h", 6), ("2d ago", 48), ("1.5 h", 1.5), ("3w", 504), ("now", 0)])
def test_a_time_may_be_told_by_how_long_ago_it_is(text: str, hours: float) -> None:
    assert abs(options.moment(text) + hours * HOUR - time.time_ns()) < HOUR / 60


@pytest.mark.parametrize("text", ["", "yesterday", "3m", "-3d", "1066-10-14", "2300-01-01", "2026-13-01", "d"])
def test_what_is_no_time_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        options.moment(text)
    assert said("plan", "--from", text)[0] == 2


def test_offsets_are_a_partition_and_a_range_without_its_end() -> None:
    assert options.offset_range("0:100-200") == ("0", (100, 200))
    assert options.offset_range("3:-7") == ("3", (0, 7))
    assert options.offset_range("3:7-") == ("3", (7, 2**63 - 1))
    for text in ("0", "0:5", "a:1-2", "0:5-5", "0:6-5", "0:1-2-3"):
        with pytest.raises(typer.BadParameter):
            options.offset_range(text)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--from", "noon"], "Invalid value for '--from': 'noon' is no time: write 2026-10-31,"),
        (["run", "--offsets", "0:9-5"], "'0:9-5' is empty: the end is not included"),
        (["run", "--decoder", "ttn=nosuch.py"], "'ttn=nosuch.py': write NAME=FILE,"),
        (["run", "--codec", "lpp=x.js"], "write NAME=FILE, the codec's name and its file, which must exist"),
        (["run", "--mode", "magic"], "'magic' is not one of 'decode', 'place', 'restore', 'dead-letters'"),
        (["run", "--resume", "3", "--source", "ttn"], "--resume goes on with the selection that the replay has"),
        (["run", "--apply", "--json"], "--json does not ask: add --yes"),
        (["undo", "7", "--json"], "--json does not ask: add --yes"),
        (["apply", "seven"], "Invalid value for 'ID'"),
        (["diff", "7", "--by", "colour"], "--by takes device, measurement, codec, day, not 'colour'"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_ones(arguments: list[str], sentence: str) -> None:
    status, answer = said(*arguments)

    assert (status, sentence in answer) == (2, True), answer


def test_a_file_that_is_no_decoder_is_told_before_anything_is_asked_for() -> None:
    Path("my.py").write_text("DECODER = 5\n", "utf-8")

    status, answer = said("run", "--decoder", "ttn=my.py")

    assert (status, "DECODER.name is None, expected 'ttn'" in answer) == (1, True), answer


def test_without_an_api_it_says_what_to_do() -> None:
    status, answer = said("list")

    assert status == 1
    assert "no API has run here" in answer


@pytest.mark.parametrize("command", ["plan", "run", "status", "apply", "undo", "cancel", "list", "diff"])
def test_every_command_shows_an_example(command: str) -> None:
    status, answer = said(command, "--help")

    assert (status, f"isthmus replay {command}" in answer) == (0, True)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (replay("ready"), "nothing was changed yet; apply it with: isthmus replay apply 7"),
        (replay("ready", figures="{}"), "nothing differs: there is nothing to apply"),
        (
            replay("ready", candidates=["ttn@1"]),
            "nothing was changed; to correct, deploy ttn@1 and run the replay without trying it (this was 7)",
        ),
        (
            replay("applied", generation=4),
            (
                "applied: 1 added, 2 changed, 3 removed at generation 4; visible at once (in 4 ms), "
                "3 window(s) computed anew, 2.0 s in all; take it back with: isthmus replay undo 7"
            ),
        ),
        (replay("undone", undo_generation=5), "undone at generation 5: all is as it was before"),
        (
            replay("undone", undo_generation=5, figures='{"left_alone":3}'),
            (
                "undone at generation 5: as it was before, but for 3 row(s) that stay: live data, or a correction "
                "that cannot be undone any more, took their place"
            ),
        ),
        (replay("cancelled"), "cancelled: nothing was changed"),
        (
            replay("failed", failed_in="scanning", error="a hole"),
            "failed while scanning: a hole\ntry again where it failed with: isthmus replay run --resume 7",
        ),
        (replay("scanning"), "scanning; follow it with: isthmus replay status 7 --follow"),
    ],
)
def test_it_says_what_happened_and_what_to_do_next(record: Replay, sentence: str) -> None:
    assert view.outcome(record) == sentence


def printed(width: int = 160) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=width), out


def test_a_dry_run_is_shown_by_group_with_samples_and_names_are_not_markup() -> None:
    console, out = printed()
    groups = {"device": [Difference(group="ttn:[b]x", counts=Counts(changed=2, same=5), mean_change=0.5)], "day": []}
    sample = Sample(
        kind="changed", device="ttn:[b]x", name="t", time=1_793_433_600_000_000_000, before="1", after="2",
        before_uid=0, after_uid=3, partition=1, offset=5,
    )  # fmt: skip

    view.print_dry_run(console, replay("ready"), groups, [sample])

    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert lines[:5] == [
        "replay 7 (decode): 1 added, 2 changed, 3 removed, 14 same",
        "10 raw record(s) read, 9 selected, 20 point(s) compared",
        "1 point(s) would differ but stay: a later record outside of the replay wrote them",
        "missing: raw partition 0, offsets 3 to 4: [deleted]",
        "by device",
    ]
    assert lines[6] == "ttn:[b]x 0 2 0 5 0.5"
    assert lines[-1] == "changed ttn:[b]x t 2026-10-31T08:00:00 1 at no place 2 at 3 1@5"


def test_a_list_has_a_line_for_each() -> None:
    console, out = printed()
    rested = replay("undone", figures='{"left_alone":3}')
    console.print(view.listing([replay("ready", wish="apply", why="[red]scale"), rested]))

    assert [" ".join(line.split()) for line in out.getvalue().splitlines()[1:]] == [
        "7 ready (apply wished) decode 1 2 3 1970-01-01T00:00:00 [red]scale",
        "7 undone (but 3 row(s)) decode 0 0 0 1970-01-01T00:00:00",
    ]


def test_everything_that_is_known_is_a_line_and_what_is_empty_is_none() -> None:
    console, out = printed()
    console.print(view.details({"id": 7, "error": "", "selection": {"time_from": "now", "sources": ["a", "b"]}}))

    assert [" ".join(line.split()) for line in out.getvalue().splitlines()] == [
        "id 7", "selection time from now", "selection sources a, b",
    ]  # fmt: skip


def test_lines_are_printed_once_for_each_step_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with view.bar() as show:
        for done in range(3):
            show(replay("scanning"), Progress(step="reading", done=done, total=3))
        show(replay("scanning"), Progress(step="reading", paused="the store is slow"))
        show(replay("diffing"), Progress(step="comparing"))
    with view.bar(quiet=True) as show:
        show(replay("ready"), Progress())

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "replay 7: reading",
        "replay 7: reading (the store is slow)",
        "replay 7: comparing",
    ]


def test_what_waits_says_for_what() -> None:
    second = 1_000_000_000
    for waiting in (replay("queued", runner=""), replay("ready", wish="apply")):
        assert [view.progress_of(waiting, now * second).paused for now in (3, 4)] == ["", view.ALONE]
    assert view.progress_of(replay("scanning", error="the store is away"), 0).paused == "the store is away"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (replay("ready"), True),
        (replay("ready", wish="apply"), False),
        (replay("applying"), False),
        (replay("failed"), True),
        (replay("queued"), False),
    ],
)
def test_it_rests_when_no_work_and_no_wish_is_open(record: Replay, expected: bool) -> None:
    assert rests(record) is expected
