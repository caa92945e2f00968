"""The command of the fault matrix."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.local.plan import StackError
from tests.faults import __main__ as command
from tests.faults.result import Result
from tests.faults.run import Case

CASES = tuple(Case(name, 1, lambda _: None) for name in ("first", "second"))


def test_a_case_whose_installation_does_not_start_is_broken_and_the_next_one_is_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @contextmanager
    def running(directory: Path, **_: Any) -> Iterator[Any]:
        if directory.name == "0":
            raise StackError("not ready in time: api")
        yield type("World", (), {"disks": {}})()

    monkeypatch.setattr(command, "HOME", tmp_path)
    monkeypatch.setattr(command, "running", running)
    monkeypatch.setattr(command, "register_codecs", lambda _: None)
    monkeypatch.setattr(command, "run", lambda _world, case, seed, scale: Result(name=case.name, row=1, seed=seed))

    broken, held = command._results(CASES, 7, 1)

    assert (broken.name, broken.passed, broken.faults) == ("first", False, ["StackError: not ready in time: api"])
    assert (held.name, held.passed) == ("second", True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["typo"], "no such case: typo"),
        (["--waits", "-1"], "--waits is a factor"),
        (["--waits", "inf"], "--waits is a factor"),
        (["--waits", "nan"], "--waits is a factor"),
        (["--kills", "0"], "are more than 0"),
        (["--kills", "-3"], "are more than 0"),
        (["--kills", "3", "--rate", "0"], "are more than 0"),
        (["--kills", "3", "poison"], "runs no cases"),
        (["--points", "3"], "are the campaign's"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_hours_have_passed(options: list[str], told: str) -> None:
    assert told in command._wrong(command._parser().parse_args(options))


def test_what_can_be_meant_is_done() -> None:
    for options in (
        [],
        ["--waits", "0"],
        ["poison", "--seed", "-3"],
        ["--kills", "3", "--points", "9", "--rate", "0.5"],
    ):
        assert command._wrong(command._parser().parse_args(options)) == ""


def test_it_says_what_begins_and_how_long_that_takes() -> None:
    cases = (*CASES, Case("long", 7, lambda _: None, waits_s=3600))

    assert command._announced(cases, 7, 1) == "3 case(s), seed 7, waits at 1: about 62 minutes on two cores"
    assert command._announced(cases, 7, 0.5) == "3 case(s), seed 7, waits at 0.5: about 32 minutes on two cores"


def test_a_second_run_does_not_delete_the_installation_of_the_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "HOME", tmp_path)

    with command._alone(command._parser()), pytest.raises(SystemExit) as refused:
        command._alone(command._parser())

    assert refused.value.code == 2
    assert f"another run is at work in {tmp_path}" in capsys.readouterr().err
