"""The file sinks have something to write for as long as a case lasts."""

from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults import written
from tests.faults.load import Load


@pytest.mark.parametrize(("rate", "every"), [(60, 15), (20, 5), (1, 1)])
def test_a_sensor_logs_four_lines_a_second_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float, every: int
) -> None:
    here: Any = SimpleNamespace(directory=tmp_path)
    load = Load(here, seed=1, rate=rate)
    monkeypatch.setattr(written, "patiently", lambda *_: None)

    written.begin(load, here)
    with load.book:
        kinds = [message.kind for message in islice(load._messages(), 20_000)]

    others = len([kind for kind in kinds if kind not in ("probe", "duplicate", written.LOG)])
    assert kinds.count(written.LOG) == pytest.approx(others / every, rel=0.05)
    assert written.LOG in kinds[-100:]
