"""What every test leaves behind: nothing."""

from collections.abc import Iterator

import pytest
import structlog


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stack tests come first: a file of them takes up to two minutes, and the many small ones fill what is left at the end."""
    items.sort(key=lambda item: "stack" not in item.path.parts)


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
