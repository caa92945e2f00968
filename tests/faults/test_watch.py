"""What is noted of processes while a case runs."""

from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from deploy.local.status import ProcessStatus, StackStatus, State
from tests.faults import watch
from tests.faults.result import Result


class Installation:
    """As much of one as is looked at."""

    home = Path("nowhere")

    def __init__(self) -> None:
        self.asked = Event()

    def metrics(self, _: str) -> dict[str, float]:
        self.asked.set()
        raise ValueError("no number")


def status(restarts: int, exit_status: int | None) -> StackStatus:
    process = ProcessStatus("decode-0", State.READY, 7, restarts, 0, exit_status, 0.0, 1000)
    return StackStatus(1, 0.0, (process,))


@pytest.fixture
def result() -> Result:
    return Result(name="a", row=1, seed=1)


def looked(result: Result, monkeypatch: pytest.MonkeyPatch, ends: Sequence[int | None]) -> dict[str, list[int]]:
    watched: Any = watch.Watch(Installation(), result)  # type: ignore[arg-type]
    for restarts, exit_status in enumerate(ends):
        monkeypatch.setattr("deploy.local.daemon.current", lambda _, r=restarts, s=exit_status: status(r, s))
        watched.look(audit=False)
    return result.ended


def test_who_is_killed_or_asked_to_end_does_not_end_by_itself(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    assert looked(result, monkeypatch, [None, -9, 0]) == {}


def test_who_fails_or_crashes_ends_by_itself(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    assert looked(result, monkeypatch, [None, 70, -11, -6, -15]) == {"decode-0": [70, -11, -6, -15]}


def test_who_could_not_look_says_so(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.daemon.current", lambda _: status(0, None))
    monkeypatch.setattr(watch, "LOOK_S", 0.0)
    monkeypatch.setattr(watch, "AUDIT_EVERY", 1)

    installation = Installation()

    with watch.watching(installation, result):  # type: ignore[arg-type]
        assert installation.asked.wait(60)

    assert result.faults == ["nobody watched to the end: ValueError: no number"]
