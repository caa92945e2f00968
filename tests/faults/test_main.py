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
