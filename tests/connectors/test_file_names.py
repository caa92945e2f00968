"""An id from a payload never becomes a path: wherever files are named after data, hostile names stay inside and apart.

Named after data are the files of sink `files` (correlation id), of `device-logs` (serial number) and of the diversion
store (record id, which an imported file may have given). Everything else is named after numbers or settings.
"""

import asyncio
import os
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.file_names import CHARACTERS, safe
from connectors.sinks.files.iota import IotaLayout
from connectors.sources.diversion import Diversion
from streams.settings import DiversionSettings
from tests.connectors.sinks.making import measured, message
from tests.connectors.sinks.test_device_logs import logged, write
from tests.contracts.raw_writer import record

LONG = "x" * 5_000
HOSTILE = [
    "", ".", "..", "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "..\\..", "a\0b", "\0", ".hidden", "~", "~root", "-rf",
    "a b", "a\nb", "%2e%2e%2f", "..%2f", "%", "CON", "nul", "aux.json", "a:b", "a.json", "a.partial", ".tmp", "é", "e\u0301",
    "名前", "\u202e", "💧", "*", "?", "$(id)", "`id`", "=", "=" + sha256(LONG.encode()).hexdigest(), LONG, LONG + "y",
    sha256(LONG.encode()).hexdigest(), "é" * 100,
]  # fmt: skip
names = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300), st.text(alphabet="./\\%\0-~= ", max_size=20))
sets_of_names = st.sets(names, min_size=1, max_size=8)
FEW = settings(max_examples=25, deadline=None)


def below(root: Path) -> list[Path]:
    """Every file below a directory; nothing may stand beside it."""
    assert [path.name for path in root.parent.iterdir()] == [root.name]
    return [path for path in root.rglob("*") if path.is_file()]


@given(names)
def test_a_name_is_one_visible_part_of_a_path_and_not_too_long(name: str) -> None:
    made = safe(name)

    assert made == os.path.basename(made)
    assert made[0] != "."
    assert made.isascii()
    assert made.isprintable()
    assert len(made) <= CHARACTERS


@given(names, names)
def test_different_ids_have_different_names(one: str, other: str) -> None:
    assert (safe(one) == safe(other)) == (one == other)


def test_all_hostile_names_differ() -> None:
    assert len({safe(name) for name in HOSTILE}) == len(HOSTILE)


@given(st.text(min_size=1, max_size=30))
def test_a_short_id_can_be_read_from_its_name(name: str) -> None:
    assert unquote(safe(name)) == name or len(name.encode()) > CHARACTERS / 3


@FEW
@given(sets_of_names)
def test_files_of_messages_stay_inside_and_apart(ids: set[str]) -> None:
    with TemporaryDirectory() as there:
        root = Path(there) / "files"
        layout = IotaLayout(root, permissive=False)
        layout.write([[message(measured(1.0), cid=one, index=2)] for one in ids])
        layout.close()

        assert len(below(root)) == len(ids)


@FEW
@given(sets_of_names)
def test_device_logs_stay_inside_and_apart(serials: set[str]) -> None:
    with TemporaryDirectory() as there:
        root = Path(there) / "logs"
        write(root, *(logged(serial, "INFO awake", offset=number) for number, serial in enumerate(serials)))

        assert {path.name for path in below(root)} == {"2026-11-02.log"}
        # Without a serial number, the device key's identity is the name.
        assert len(below(root)) == len(serials)


@FEW
@given(sets_of_names)
def test_diverted_bodies_stay_inside_and_apart(ids: set[str]) -> None:
    with TemporaryDirectory() as there:
        root = Path(there) / "diverted"
        diversion = Diversion(DiversionSettings(url=str(root)), root)
        letters = [asyncio.run(diversion.keep(replace(record(b"body"), id=one), "too-large", "")) for one in ids]

        found = below(root)
        assert {path.as_uri() for path in found} == {letter.body for letter in letters}
        assert len(found) == len(ids)
