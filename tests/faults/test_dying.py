"""Where processes die: at the points they are asked to die at, and nowhere before."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import dying


class Killed(BaseException):
    """In place of kill -9."""


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def kill(*_: Any) -> None:
        raise Killed

    monkeypatch.setattr("os.kill", kill)
    (tmp_path / "here").touch()
    return tmp_path / "here"


def parts() -> Iterator[int]:
    yield 1


async def soon() -> int:
    return 1


async def parts_soon() -> Any:
    yield 1


@pytest.mark.parametrize("method", [parts, soon, parts_soon])
def test_what_has_done_nothing_when_it_returns_is_no_point_to_die_after(method: Any, marker: Path) -> None:
    with pytest.raises(TypeError, match="does nothing before it is asked"):
        dying._dying(method, marker, dying.When.AFTER)

    dying._dying(method, marker, dying.When.BEFORE)


def test_who_dies_within_has_done_a_half(marker: Path) -> None:
    sent: list[int] = []
    send = dying._dying(lambda _, numbers: sent.extend(numbers), marker, dying.When.WITHIN)

    send(None, [1])
    assert (sent, marker.exists()) == ([1], True)

    with pytest.raises(Killed):
        send(None, [2, 3, 4, 5, 6])
    assert (sent, marker.exists()) == ([1, 2, 3, 4], False)

    send(None, [7, 8])
    assert sent == [1, 2, 3, 4, 7, 8]


def test_every_point_is_in_the_code() -> None:
    for name, point in dying.POINTS.items():
        owner, method = dying.found(point)
        assert callable(dying._dying(getattr(owner, method), Path(name), point.when))
