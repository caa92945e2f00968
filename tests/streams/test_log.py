"""Events of a process, where standard error is a file on a disk that may be full."""

import sys
from collections.abc import Iterator
from io import StringIO, TextIOWrapper
from pathlib import Path

import pytest
import structlog

from streams import log
from streams.settings import LogSettings


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    log.configure(LogSettings(), "test")
    yield
    structlog.reset_defaults()


def test_an_event_stands_in_standard_error_as_it_is_then(monkeypatch: pytest.MonkeyPatch) -> None:
    then = StringIO()
    monkeypatch.setattr(sys, "stderr", then)

    log.get("part").warning("kafka-away", detail="refused")

    assert "kafka-away" in then.getvalue()


def test_a_full_disk_loses_events_and_ends_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stderr", TextIOWrapper(full, write_through=True))
        log.get("part").warning("kafka-away", detail="refused")
