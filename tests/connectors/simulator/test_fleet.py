import json
from collections import Counter
from itertools import islice
from pathlib import Path

from connectors.simulator import fleet
from connectors.simulator.fleet import Options
from connectors.simulator.ledger import Ledger, acknowledged, fingerprint
from streams.core.times import SECOND

START = 1_764_000_000 * SECOND
OPTIONS = Options(seed=7, devices=8, start=START, interval=SECOND // 2)


def test_the_same_seed_sends_the_same_bytes() -> None:
    once, twice = (list(islice(fleet.messages(OPTIONS), 500)) for _ in range(2))

    assert once == twice


def test_another_seed_sends_other_bytes() -> None:
    other = Options(seed=8, devices=8, start=START, interval=SECOND // 2)

    assert not {m.payload for m in islice(fleet.messages(OPTIONS), 50)} & {
        m.payload for m in islice(fleet.messages(other), 50) if m.payload
    }


def test_it_keeps_the_stated_shares() -> None:
    options = Options(seed=3, devices=40, start=START, interval=SECOND, duplicates=0.1, late=0.2, malformed=0.1)

    kinds = Counter(m.kind for m in islice(fleet.messages(options), 10_000))

    assert 800 < kinds["duplicate"] < 1_020
    assert 1_650 < kinds["late"] < 2_000
    assert 800 < sum(kinds[kind] for kind in fleet.MALFORMED) < 1_020


def test_a_ttn_device_with_an_even_number_sends_cayenne_lpp() -> None:
    message = next(
        fleet.messages(Options(seed=1, devices=1, start=START, interval=SECOND, malformed=0, late=0, gaps=0))
    )
    uplink = json.loads(message.payload)

    assert (message.transport, message.address) == ("http", "/ttn/webhook/up")
    assert uplink["end_device_ids"]["dev_eui"] == "70B3D57E00010000"
    assert uplink["uplink_message"]["frm_payload"].startswith("AWc")


def test_a_ledger_counts_what_was_acknowledged_and_leaves_a_torn_line_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    message = next(fleet.messages(OPTIONS))
    with Ledger(path) as ledger:
        ledger.write(message, acknowledged=True, tries=1)
        ledger.write(message, acknowledged=True, tries=2)
        ledger.write(message, acknowledged=False, tries=9)
    path.write_text(path.read_text() + '{"id": "torn')

    assert acknowledged([path]) == {fingerprint(message.source, message.payload): 2}
