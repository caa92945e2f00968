"""Replays over the real API: asked for, reported on by a runner, wished of; what survives a restart; the commands."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import msgspec
import pytest

from connectors.api.client import Denied
from connectors.replays.office import Office
from streams.core.replay_record import Replay
from streams.registry.state import REPLAYS
from streams.replay.course import Stopped
from streams.replay.job import Figures, Mode, Progress, State
from streams.replay.selection import Selection
from streams.scan import table
from tests.stack.api import Api
from tests.stack.conftest import installed
from tests.stack.harness import Installation, Stack, eventually

WHOLE = Selection(sources=("ttn",), time_from=1_715_382_000_123_456_000, offsets={"0": (0, 10)})


@pytest.fixture(scope="module")
def installation(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(stack, tmp_path_factory.mktemp("replays")) as made:
        yield made


@pytest.fixture(scope="module")
def api(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Api:
    started = Api(installation, tmp_path_factory.mktemp("process"))
    started.wait_ready()
    return started


@pytest.fixture
def office(api: Api) -> Iterator[Office]:
    office = Office(api.installation.settings, runner="worker")
    eventually(lambda: office.call("GET", "/generations"))
    yield office
    office.close()


def dry_run(office: Office, replay: int) -> Replay:
    newest = office.call("GET", "/generations")[0]
    hashes = {part: newest[part] for part in ("code", "codecs", "rules")}
    office.report(replay, state=State.SCANNING.value, ends={"0": 10}, **hashes)
    office.report(replay, state=State.DIFFING.value)
    return office.report(replay, state=State.READY.value, figures=Figures(records=10))


def test_a_replay_is_recorded_as_asked_and_carried_by_wishes_and_reports(office: Office) -> None:
    made = office.create(Mode.DECODE.value, WHOLE, sinks=("ubidots",), why="scale was wrong")
    assert (made.state, made.created_by, made.why, made.sinks) == ("queued", "operator", "scale was wrong", ["ubidots"])
    assert msgspec.json.decode(made.selection, type=Selection) == WHOLE
    assert office.get(made.id) == made

    assert dry_run(office, made.id).ends == {"0": 10}
    assert office.wish(made.id, "apply").wish == "apply"
    opened = office.open_generation(f"replay {made.id}: apply")
    applying = office.report(made.id, state=State.APPLYING.value, took_wish=True, generation=opened.number)
    assert (applying.wish, applying.generation) == ("", opened.number)
    office.report(made.id, state=State.APPLIED.value, figures=Figures(visible_ms=4.0, windows=2))
    with pytest.raises(Denied, match="cancel is not possible: replay") as refused:
        office.wish(made.id, "cancel")
    assert refused.value.status == 409
    assert msgspec.json.decode(office.get(made.id).figures, type=Figures).windows == 2


def test_a_generation_is_opened_once_for_one_reason_however_often_it_is_asked_for(office: Office) -> None:
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: office.open_generation("replay 77: apply"), range(4)))
    why = [generation["why"] for generation in office.call("GET", "/generations")]

    assert why.count("replay 77: apply") == 1
    assert all(generation == opened[0] for generation in opened)


def test_another_runner_is_told_to_stop_while_the_first_one_speaks(api: Api, office: Office) -> None:
    made = office.create("decode", WHOLE)
    office.report(made.id, state="scanning")
    other = Office(api.installation.settings, runner="other")

    with pytest.raises(Stopped, match="is run by worker"):
        other.report(made.id, progress=Progress(step="scanning"))
    other.close()


def test_a_runner_goes_on_through_a_killed_api_and_states_survive(
    api: Api, installation: Installation, office: Office
) -> None:
    made = office.create("decode", WHOLE, apply=True)
    office.report(made.id, state="scanning", code="c")
    office.report(made.id, progress=Progress(step="reading", done=7, total=10))
    assert msgspec.json.decode(office.get(made.id).progress, type=Progress).done == 7
    before = office.all()
    written = table(installation.settings.kafka, REPLAYS, Replay)[str(made.id).encode()]
    assert (written.state, written.progress) == ("scanning", "{}")

    api.process.kill()
    with ThreadPoolExecutor(1) as pool:
        report = pool.submit(office.report, made.id, progress=Progress(step="reading", done=9))
        api.restart()
        assert report.result(40).code == "c"

    assert [(r.id, r.state, r.wish, r.why) for r in office.all()] == [(r.id, r.state, r.wish, r.why) for r in before]
    assert msgspec.json.decode(office.get(made.id).progress, type=Progress).done == 9
    other = Office(api.installation.settings, runner="other")
    with pytest.raises(Stopped):
        other.report(made.id, state="diffing")
    other.close()


def test_a_runner_that_has_to_end_does_not_wait_for_an_api_that_is_away(installation: Installation) -> None:
    stop = Event()
    stop.set()
    away = Office(
        installation.with_settings(replay={"api_url": "http://127.0.0.1:9", "token": "x"}).settings, stop=stop
    )
    began = time.monotonic()
    with pytest.raises(Stopped):
        away.report(1, state="scanning")
    assert time.monotonic() - began < 10
    away.close()


def test_the_commands_answer_in_json_and_in_sentences(api: Api, office: Office) -> None:
    made = office.create("decode", WHOLE)
    number = str(made.id)

    shown = json.loads(api.command("replay", "status", number, "--json").stdout)
    assert (shown["id"], shown["state"], shown["selection"]["time_from"]) == (
        made.id, "queued", "2024-05-10T23:00:00.123456+00:00",
    )  # fmt: skip
    assert json.loads(api.command("replay", "list", "--json").stdout)[0] == shown
    no_diff = api.command("replay", "diff", number)
    assert (no_diff.returncode, no_diff.stderr) == (1, f"isthmus: Replay {number} is queued: it has no diff.\n")
    cancelled = api.command("replay", "cancel", number)
    assert (cancelled.returncode, cancelled.stdout) == (0, "cancelled: nothing was changed\n"), cancelled.stderr
    again = api.command("replay", "apply", number, "--yes", "--json")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"isthmus: apply is not possible: replay {number} is cancelled.\n"
