"""A spool that cannot be opened is one message, not a traceback at each start."""

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.sources import webhook
from streams.settings import Settings


def directory_in_its_place(spool: Path) -> None:
    (spool / "webhook.db").mkdir(parents=True)


def file_in_the_place_of_its_directory(spool: Path) -> None:
    spool.write_text("")


@pytest.mark.parametrize("spoil", [directory_in_its_place, file_in_the_place_of_its_directory])
def test_a_spool_that_cannot_be_opened_ends_the_door_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[Path], None]
) -> None:
    spoil(tmp_path / "spool")

    with pytest.raises(SystemExit) as ended:
        webhook.run(Settings(kafka={"bootstrap_servers": "127.0.0.1:1"}, spool={"directory": str(tmp_path / "spool")}))

    assert ended.value.code == 1
    told = capsys.readouterr()
    assert "spool-refused" in told.out + told.err
    assert "Traceback" not in told.out + told.err
