"""The short set of the fault matrix: one installation, many faults, nothing lost, doubled or wrong."""

from collections.abc import Iterator

import pytest

from tests.faults.matrix import CASES
from tests.faults.run import run
from tests.faults.world import World, running

pytestmark = [
    pytest.mark.stack,
    # aiomqtt leaves the socket of a broker that was killed to the garbage collector; it is the load's
    pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"),
]
SEED = 20261129


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.mark.parametrize("name", ["mutant-acknowledges-early", "everything-once"])
def test_it_holds_or_is_seen_to_break(world: World, name: str) -> None:
    found = run(world, CASES[name], SEED)

    assert found.passed, found.faults
    assert found.acknowledged > 0
