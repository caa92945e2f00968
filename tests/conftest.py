"""What every test leaves behind: nothing."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.zone import ZONE

os.environ["TZ"] = ZONE
time.tzset()
HERE, LONG = Path(__file__).parent, {"stack", "faults"}
STACK_SOON, STACK_DONE = 0.2, 0.6
"""Of the small tests' files, these shares have begun when the second and the last one of stack tests begin: the first one may have
to fetch the servers, and something fills what is left at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of stack tests, which mostly wait, and of small ones, which mostly compute, take turns: the cores always have work."""
    files = dict.fromkeys(item.path for item in items)
    stack = [path for path in files if path.relative_to(HERE).parts[0] in LONG]
    small = [path for path in files if path not in stack]
    turns = {path: number / len(small) for number, path in enumerate(small)}
    share = (STACK_DONE - STACK_SOON) / max(len(stack), 1)
    turns |= {path: STACK_SOON + share * number if number else 0 for number, path in enumerate(stack)}
    items.sort(key=lambda item: turns[item.path])


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """A command that is run in the test's own process sets up logging; the next test has its own."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(autouse=True)
def _nobodys_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may be logged in somewhere."""
    monkeypatch.setenv("ISTHMUS_PROFILE", "local")
