"""An agent that was told to give its partitions up and not what it owns now is looked at by the watchdog."""

from types import SimpleNamespace
from typing import cast

import pytest

from streams.agents.app import App
from streams.progress import Work


@pytest.mark.parametrize(
    ("assigned", "rebalancing", "left"), [(None, True, False), (set(), False, False), (set(), True, True)]
)
def test_something_is_left_between_two_assignments(assigned: set[str] | None, rebalancing: bool, left: bool) -> None:
    app = SimpleNamespace(assigned=assigned, rebalancing=rebalancing, rebalancing_count=3)

    assert App.membership(cast(App, app)) == Work(3, left)
