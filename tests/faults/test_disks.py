"""A balloon leaves not a byte, and gives all of it back."""

import errno
import shutil
from pathlib import Path

import pytest

from tests.faults import disks


def test_a_full_disk_takes_nothing_and_then_everything(tmp_path: Path) -> None:
    if why := disks.unavailable():
        pytest.skip(why)
    with disks.mounted({"files": tmp_path / "files"}) as mounted:
        file = tmp_path / "files" / "a"
        with mounted["files"].full():
            assert shutil.disk_usage(tmp_path / "files").free == 0
            with pytest.raises(OSError, match="No space left") as refused:
                file.write_bytes(b"x" * 10_000)
        assert refused.value.errno == errno.ENOSPC
        assert file.write_bytes(b"x" * 10_000) == 10_000
    assert list((tmp_path / "files").iterdir()) == []
