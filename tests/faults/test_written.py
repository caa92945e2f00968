"""The file sinks have something to write for as long as a case lasts."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.simulator.fleet import Device
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


def test_a_box_is_moved_from_the_middle_of_its_stay_on() -> None:
    start, told = datetime.now(UTC) - timedelta(minutes=10), dict[str, Any]()
    box = Device("json", 3, "probe")

    def call(method: str, path: str, body: Any = None) -> Any:
        told[f"{method} {path}"] = body
        return {
            "/physical/devices/": [{"device": box.key, "uid": 7}],
            "/mappings/current/": [{"pd": 6}, {"pd": 7, "start_time": start.isoformat()}],
            "/logical/devices/": {"uid": 9},
        }.get(path)

    api: Any = SimpleNamespace(call=call)
    written.move(api, box)

    asked = told["POST /mappings/"]
    assert (asked["pd"], asked["ld"], asked["force"]) == (7, 9, True)
    assert datetime.fromisoformat(asked["start_time"]) - start == pytest.approx(
        timedelta(minutes=5), abs=timedelta(minutes=1)
    )
