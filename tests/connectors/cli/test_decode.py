"""`isthmus decode`: recorded payloads, offline."""

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest
from typer.testing import CliRunner, Result

from connectors.cli.main import build
from streams import archive, avro
from streams.core.records import RawRecord

VECTORS = Path(__file__).parents[2] / "vectors"
UUID = "4f5c3f4e-0e6b-4b4e-9b1e-0a1b2c3d4e5f"
FACTORY = ("--source", "factory", "--address", f"sim/read/{UUID}", "--received-at", "2024-05-10T23:00:02Z")


def run(*arguments: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(build(["decode"]), ["decode", *arguments], input=given)


def told(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_standard_input_becomes_a_reading() -> None:
    result = run(*FACTORY, "--json", "-", given=b'"21.37"')

    assert result.exit_code == 0
    assert told(result) == [
        {
            "record": "-",
            "source": "factory",
            "readings": [
                {
                    "device": f"factory:{UUID}",
                    "source_ids": {"id": UUID},
                    "codec": None,
                    "measurements": [
                        {
                            "name": "value",
                            "value": 21.37,
                            "unit": "",
                            "time": "2024-05-10T23:00:02+00:00",
                            "time_ns": 1_715_382_002_000_000_000,
                            "quality": ["receipt-time"],
                        }
                    ],
                }
            ],
            "dead_letters": [],
            "ignored": [],
        }
    ]


@pytest.mark.parametrize(("how", "line"), [("--hex", b"2231 22"), ("--base64", b"IjEi"), ("--lines", b'"1"')])
def test_payloads_may_be_written_down_line_by_line(how: str, line: bytes) -> None:
    result = run(*FACTORY, "--json", "--lines", how, "-", given=line + b"\n\n" + line + b"\n")

    assert [entry["record"] for entry in told(result)] == ["-:1", "-:2"]
    assert result.exit_code == 0


def test_a_rejected_record_is_told_and_is_exit_status_1(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b'"1"')
    (tmp_path / "bad").write_bytes(b"abc")
    result = run(*FACTORY, str(tmp_path / "good"), str(tmp_path / "bad"))

    assert result.exit_code == 1
    assert "factory:" in result.stdout
    assert "value-error" in result.stdout


def test_a_vector_knows_its_source_by_its_folder() -> None:
    result = run("--json", str(VECTORS / "ydoc" / "several_sensors.json"), str(VECTORS / "json" / "flat_object.json"))

    assert [entry["source"] for entry in told(result)] == ["ydoc", "json"]
    assert result.exit_code == 0


def test_what_came_before_a_vector_is_remembered_for_it() -> None:
    entries = told(run("--json", str(VECTORS / "sparkplug" / "data_by_alias.json")))

    assert [entry["record"].rpartition(".json")[2] for entry in entries] == [":before:1", ":before:2", ""]
    assert [m["name"] for m in entries[-1]["readings"][0]["measurements"]] == ["temperature", "offset"]


def test_files_may_have_an_address_each(tmp_path: Path) -> None:
    vector = json.loads((VECTORS / "sparkplug" / "data_by_alias.json").read_text("utf-8"))
    arguments = []
    for number, record in enumerate([*vector["before"], vector["record"]]):
        path = tmp_path / str(number)
        path.write_text(record["base64"])
        arguments += ["--address", record["address"], str(path)]
    entries = told(run("--source", "sparkplug", "--base64", "--json", *arguments))

    assert [m["value"] for m in entries[-1]["readings"][0]["measurements"]] == [21.25, -7.0]


def test_signed_messages_are_checked_with_the_topics_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.toml").write_text(
        'topic = "sensors/1"\ndataset = "d"\nraw_retention_s = 60\nfields = { v = { type = "float" } }\n'
    )
    signed = b'{"hmac":"y4wXKRg2Y3mt3rQGtqlF2TJl9OVLNnhSf+xyVu53f54=","payload":{"ts":1,"ts_ns":2,"v":1e-07}}'
    asked = ("--source", "signed", "--address", "sensors/1", "--signed-topics", str(tmp_path / "t.toml"), "--json", "-")

    assert "ISTHMUS_SIGNED_KEY" in run(*asked, given=signed).stderr
    reasons = []
    for key in ("example-mqtt-signing-key", "another key"):
        monkeypatch.setenv("ISTHMUS_SIGNED_KEY", key)
        reasons.append([letter["reason"] for letter in told(run(*asked, given=signed))[0]["dead_letters"]])
    assert reasons == [["time-out-of-range"], ["hmac"]]  # signed in 1970


def test_the_settings_of_a_named_file_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_CONFIG", "")  # so that it is put back as it was
    path = tmp_path / "other.toml"
    path.write_text('[decode.json_source]\ndevice = ["unit"]\n')
    (entry,) = told(run("--settings", str(path), "--source", "json", "--json", "-", given=b'{"unit": "a", "t": 1}'))

    assert entry["readings"][0]["device"] == "json:a"


def test_a_file_of_the_archive_is_read_in_order(tmp_path: Path) -> None:
    raws = [
        RawRecord(
            id=str(n),
            source="json",
            transport="mqtt",
            address="json/a",
            received_at=10**18 + n,
            payload=b'{"t": %d}' % n,
        )
        for n in range(3)
    ]
    records = [
        {"partition": 0, "offset": n, "timestamp": n, "key": None, "value": avro.encode(raw)}
        for n, raw in enumerate(raws)
    ]
    container = io.BytesIO()
    fastavro.writer(container, archive.SCHEMA, records)
    path = tmp_path / "raw-0-000000000000.avro"
    path.write_bytes(container.getvalue())

    result = run("--json", str(path))
    assert [entry["record"] for entry in told(result)] == ["0", "1", "2"]

    path.write_bytes(container.getvalue()[:-20])
    assert run("--json", str(path)).exit_code == 2


def test_a_table_reads_the_payload_instead(tmp_path: Path) -> None:
    table = tmp_path / "tank.toml"
    table.write_text('[[layouts]]\nfields = [{name = "level", type = "u16", divide = 100, unit = "m"}]\n')
    body = {
        "end_device_ids": {"dev_eui": "70B3D57ED0051A2B"},
        "uplink_message": {"f_port": 2, "frm_payload": "AfQ=", "received_at": "2024-05-10T23:00:00Z"},
    }
    given = json.dumps(body).encode()
    result = run("--source", "ttn", "--json", "--codec", f"tank={table}", "-", given=given)
    (entry,) = told(result)
    (reading,) = entry["readings"]
    assert (reading["codec"], reading["measurements"][0]["value"]) == ("tank@tried", 5.0)

    assert run("--source", "ttn", "-", given=given).exit_code == 1
    assert "unknown-type" in run("--source", "ttn", "--codec", "lpp", "-", given=given).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--source", "nobody", "-"), "wombat"),
        (("-",), "give --source"),
        (("--source", "json", "no-such-file"), "no-such-file"),
        (("--source", "json", "--hex", "-"), "no hex"),
        (("--source", "json", "--hex", "--base64", "-"), "--hex or --base64"),
        (("--source", "json", "--transport", "pigeon", "-"), "pigeon"),
        (("--source", "json", "--received-at", "noon", "-"), "noon"),
        (("--source", "json", "--settings", "no-such.toml", "-"), "no-such.toml"),
        (("--source", "json", "--address", "a", "--address", "b", "-"), "2 addresses, 1 file(s)"),
        (("--source", "json", "--codec", "nothing", "-"), "nothing"),
        (("--source", "json", "--codec", "a=b.py", "-"), "b.py"),
    ],
)
def test_wrong_usage_is_exit_status_2(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments, given=b"{}")

    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
