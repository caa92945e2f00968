import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from connectors.replays import generation_files
from connectors.replays.corrected import Correction, corrected
from connectors.replays.corrections import write_files
from connectors.replays.generation_files import Manifest
from connectors.sinks.base import Transient
from streams.core.times import SECOND
from streams.settings import Settings
from tests.connectors.replays.making import AROUND, NOON, correction, replay

ROWS = [
    correction(21.5, offset=5),
    correction(22.5, offset=6, time=NOON + SECOND, before_uid=7),
    correction(9.0, offset=7, time=NOON + 2 * SECOND, removed=True),
    correction(1.0, name="junk", offset=8),
]


def write(root: Path, rows: list[Correction] = ROWS, generation: int = 5) -> Manifest:
    about = replay(undo_generation=6) if generation == 6 else replay()
    return generation_files.write(root, about, generation, corrected(rows, generation, AROUND))


def lines(root: Path, generation: int = 5) -> list[dict[str, Any]]:
    files = sorted((root / "segments" / f"generation-{generation}").glob("*.ndjson"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_lines_are_those_of_segments_with_what_they_correct(tmp_path: Path) -> None:
    write(tmp_path)

    first, second, withdrawn, gone = lines(tmp_path)
    assert first == {
        "correction": "now", "id": first["id"], "device": "json:probe", "source": "json",
        "received_at": "2026-11-02T12:00:00Z", "raw": [0, 5], "generation": 5, "broker_correlation_id": "cid-5",
        "p_uid": 3, "l_uid": 9, "timestamp": "2026-11-02T12:00:00Z", "timeseries": [{"name": "t", "value": 21.5}],
        "source_ids": {"id": "probe"},
    }  # fmt: skip
    assert (second["correction"], second["l_uid"], second["received_at"]) == ("now", 9, None)
    assert (withdrawn["correction"], withdrawn["l_uid"], withdrawn["timeseries"]) == (
        "withdrawn", 7, [{"name": "t", "value": None}],
    )  # fmt: skip
    assert (gone["correction"], gone["l_uid"], gone["raw"]) == ("withdrawn", 9, [0, 7])


def test_the_manifest_says_what_it_is_and_how_to_check_it(tmp_path: Path) -> None:
    manifest = write(tmp_path)
    directory = tmp_path / "segments" / "generation-5"

    assert json.loads((directory / "manifest.json").read_text())["why"] == "tenths for whole degrees"
    assert (manifest.replay, manifest.generation, manifest.undo) == (12, 5, False)
    assert (manifest.points, manifest.withdrawn, manifest.hidden) == (2, 2, 1)
    (file,) = manifest.files
    data = (directory / file.name).read_bytes()
    assert (file.lines, file.bytes, file.sha256) == (4, len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("left", [b"", b'{"why":"\xff"}', None], ids=["nothing", "no UTF-8", "no file"])
def test_a_generation_whose_manifest_is_damaged_is_put_aside_and_written_anew(
    tmp_path: Path, left: bytes | None
) -> None:
    """The replay that wrote it failed at each further attempt."""
    first = write(tmp_path)
    manifest = tmp_path / "segments" / "generation-5" / "manifest.json"
    manifest.unlink() if left is None else manifest.write_bytes(left)

    assert write(tmp_path) == first
    assert write(tmp_path) == first

    (aside,) = tmp_path.glob("segments/generation-5.damaged-*")
    assert [path.name for path in aside.glob("*.ndjson")] == [file.name for file in first.files]


def test_repeating_it_gives_the_same_files_also_after_a_crash_half_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole"
    write(whole)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(generation_files, "_manifest", crash)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / "crashed", ROWS[:2])
    assert not (tmp_path / "crashed/segments/generation-5").exists()
    manifest = write(tmp_path / "crashed")
    again = write(tmp_path / "crashed", [])

    assert manifest == again
    assert contents(tmp_path / "crashed") == contents(whole)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_an_undo_has_a_generation_of_its_own_beside_it(tmp_path: Path) -> None:
    write(tmp_path)
    before = contents(tmp_path)

    assert write(tmp_path, generation=6).undo
    assert {name: data for name, data in contents(tmp_path).items() if "generation-5" in name} == before


def test_many_lines_are_cut_into_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation_files, "LINES", 2)

    manifest = write(tmp_path)

    assert [(file.name, file.lines) for file in manifest.files] == [
        ("corrections-000001.ndjson", 2), ("corrections-000002.ndjson", 2),
    ]  # fmt: skip
    assert len(lines(tmp_path)) == 4


def test_a_disk_that_is_away_is_waited_for(tmp_path: Path) -> None:
    root = tmp_path / "files"
    root.write_text("a file where the directory should be")

    with pytest.raises(Transient, match="cannot write corrected files"):
        write_files(Settings(files={"directory": str(root)}), replay(), ROWS)
