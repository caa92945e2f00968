from collections.abc import Iterator

import pytest

from streams.javascript.process import Limits
from streams.javascript.sandbox import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(Limits())
    yield made
    made.close()
