"""`isthmus pd|ld|map|export|apply`, typed as a person would, against an API that is served over HTTP."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.core.records import Source
from streams.registry.state import SOURCES, Change
from tests.connectors.cli.test_login import Shell, served, shell  # noqa: F401 - fixtures

PROBE = {"source_name": "wombat", "name": "probe 7", "source_ids": {"serial_no": "B8"}}


@pytest.fixture
def run(shell: Shell) -> Shell:  # noqa: F811 - the fixture
    """As the operator of the machine that the API runs on; source wombat is known."""
    shell.api.store.state.apply(Change(SOURCES, "wombat", Source(name="wombat")))
    return shell


def told(run: Shell, *arguments: str, stdin: str = "") -> Any:
    return json.loads(run(*arguments, stdin=stdin).stdout)


def test_a_box_is_registered_by_json_by_file_from_standard_input_and_by_options(run: Shell, tmp_path: Path) -> None:
    first = told(run, "pd", "create", "--json", json.dumps(PROBE))
    assert (first["uid"], first["device"]) == (1, "wombat:B8")
    told(run, "pd", "create", "--file", "-", stdin=json.dumps(PROBE | {"source_ids": {"serial_no": "B9"}}))
    (tmp_path / "c.json").write_text(json.dumps(PROBE | {"source_ids": {}}))
    told(run, "pd", "create", "--file", str(tmp_path / "c.json"))
    last = told(
        run, "pd", "create", "--source", "wombat", "--name", "d", "--id", "serial_no=C1", "--location", "-31.5,148"
    )
    assert (last["device"], last["location"]) == ("wombat:C1", {"lat": -31.5, "long": 148.0})
    assert [one["uid"] for one in run.json("pd", "ls")] == [1, 2, 3, 4]


def test_an_edit_merges_and_names_what_it_does_not_know(run: Shell) -> None:
    told(run, "pd", "create", "--json", json.dumps(PROBE | {"properties": {"a": 1}}))
    edited = told(run, "pd", "up", "--puid", "1", "--json", '{"uid": 99, "name": "x", "properties": {"b": 2}}')
    assert (edited["uid"], edited["name"], edited["properties"]) == (1, "x", {"a": 1, "b": 2})
    assert run.json("pd", "get", "--puid", "1")["properties"] == {}
    assert run.json("pd", "get", "1", "--properties")["properties"] == {"a": 1, "b": 2}
    assert "There is no physical device with uid 9." in run("pd", "get", "9", exit_code=1).stderr
    assert "no JSON" in run("pd", "up", "1", "--json", "{", exit_code=1).stderr
    assert "JSON object" in run("pd", "up", "1", "--json", "[1]", exit_code=1).stderr
    assert "a device has no nme" in run("pd", "up", "1", "--json", '{"nme": "x"}', exit_code=1).stderr
    assert "no LAT,LONG" in run("pd", "up", "1", "--location", "here", exit_code=2).stderr
    assert "name the device" in run("pd", "up", "--name", "x", exit_code=2).stderr
    cleared = told(run, "pd", "up", "1", "--location", "none")
    assert cleared["location"] is None


def test_lists_are_tables_plain_lines_as_iotas_or_json(run: Shell) -> None:
    told(run, "pd", "create", "--json", json.dumps(PROBE | {"last_seen": "2026-05-01T10:11:12Z"}))
    told(run, "pd", "create", "--json", json.dumps(PROBE | {"name": "free", "source_ids": {}}))
    told(run, "ld", "cpd", "--puid", "1", "--map")
    mapped = "    1 probe 7" + " " * 42 + "2026-05-01T10:11+00:00"
    assert run("pd", "ls", "--plain").stdout.splitlines() == [
        f"{mapped} --> {mapped}", "    2 free" + " " * 45 + "Never",
    ]  # fmt: skip
    assert run("pd", "lum", "--plain").stdout.splitlines() == ["    2 free" + " " * 45 + "Never"]
    assert [one["uid"] for one in run.json("pd", "lum", "--source", "wombat")] == [2]
    table = run("pd", "ls").stdout
    assert ("feeds" in table, "1 probe 7" in table) == (True, True)
    assert "probe 7" in run("ld", "ls", "--state", "missing").stdout
    assert run("ld", "ls", "--name", "nosuch").stdout == ""


def test_a_place_is_made_changed_and_removed_only_on_a_yes(run: Shell) -> None:
    made = told(run, "ld", "create", "--name", "paddock", "--location=-31.5,148.25")
    assert made["location"] == {"lat": -31.5, "long": 148.25}
    assert told(run, "ld", "up", "--luid", "1", "--json", '{"name": "field"}', "--why", "typo")["name"] == "field"
    assert run.json("ld", "get", "1")["name"] == "field"
    assert "say --yes" in run("ld", "rm", "1", exit_code=1).stderr
    assert run.json("ld", "history", "1")[0]["why"] == "typo"
    assert 'name: "paddock" → "field"' in " ".join(run("ld", "history", "1").stdout.split())
    run("ld", "rm", "--luid", "1", "--yes")
    assert "There is no logical device" in run("ld", "get", "1", exit_code=1).stderr


def test_a_mapping_from_start_to_history(run: Shell) -> None:
    for name in ("a", "b"):
        told(run, "pd", "create", "--json", json.dumps(PROBE | {"name": name, "source_ids": {}}))
    told(run, "ld", "create", "--name", "field")
    started = run.json("map", "start", "--puid", "1", "--luid", "1", "--start", "2026-01-01T00:00:00Z")
    assert (started["pd"]["uid"], started["ld"]["uid"], started["end_time"]) == (1, 1, None)
    assert "is mapped to logical device 1" in run("map", "start", "--puid", "1", "--luid", "1", exit_code=1).stderr
    run("map", "toggle", "--puid", "1", "--disable")
    assert "paused" in run("map", "ls").stdout
    run("map", "toggle", "--luid", "1", "--enable")
    run("map", "start", "--puid", "2", "--luid", "1", "--start", "2026-02-01")
    variables = '[{"from": "t", "to": "soil", "scale": 2}, {"from": "rssi", "drop": true}]'
    told(run, "map", "show-as", "--luid", "1", "--json", variables)
    assert "t as soil × 2, rssi dropped" in " ".join(run("map", "ls", "--luid", "1").stdout.split())
    assert [one["pd"]["uid"] for one in run.json("map", "ls", "--luid", "1")] == [2, 1]
    assert [one["end_time"][:10] for one in run.json("map", "ls", "--puid", "1")] == ["2026-02-01"]
    run("map", "end", "--luid", "1", "--end", "2026-03-01")
    assert run.json("map", "ls") == []
    assert "is not mapped" in run("map", "end", "--puid", "2", exit_code=1).stderr
    assert "exactly one" in run("map", "end", exit_code=2).stderr
    assert run.json("map", "history", "1")[-1]["kind"] == "created"
    shown = " ".join(run("map", "history", "1").stdout.split())
    assert "never mapped → 1 from 2026-01-01T00:00" in shown
    assert "say --yes" in run("pd", "rm", "1", exit_code=1).stderr
    assert "cascade=true" in run("pd", "rm", "1", "--yes", exit_code=1).stderr
    run("pd", "rm", "1", "--yes", "--cascade")


def test_notes(run: Shell) -> None:
    told(run, "pd", "create", "--json", json.dumps(PROBE))
    run("pd", "notes", "add", "1", "battery [bold]replaced[/bold]")
    assert "battery [bold]replaced[/bold]" in run("pd", "notes", "ls", "1").stdout
    run("pd", "notes", "up", "1", "new")
    assert [note["note"] for note in run.json("pd", "notes", "ls", "1")] == ["new"]
    run("pd", "notes", "rm", "1", "--yes")
    assert run.json("pd", "notes", "ls", "1") == []


def fill(run: Shell) -> None:
    told(run, "pd", "create", "--json", json.dumps(PROBE | {"properties": {"depth": 3}}))
    told(run, "pd", "create", "--json", json.dumps({"source_name": "wombat", "name": "nameless"}))
    for name in ("field", "twin", "twin"):
        told(run, "ld", "create", "--name", name, "--location", "1,2")
    run("map", "start", "--puid", "1", "--luid", "1", "--start", "2026-01-01")
    told(run, "map", "show-as", "--luid", "1", "--json", '[{"from": "t", "to": "soil"}]')


def test_what_was_exported_changes_nothing_and_makes_the_same_elsewhere(run: Shell, tmp_path: Path) -> None:
    fill(run)
    file = tmp_path / "registry.yaml"
    run("export", "-o", str(file))
    assert "everything is so already" in run("apply", str(file)).stderr

    document = yaml.safe_load(file.read_text())
    for one in document["logical_devices"]:
        one.pop("uid", None)
    document["logical_devices"].pop()  # of two with the same name nobody could say which is meant
    file.write_text(yaml.safe_dump(document))
    run.api.store.state.__init__()  # type: ignore[misc]  # another installation
    run.api.store.state.apply(Change(SOURCES, "wombat", Source(name="wombat")))
    planned = run.json("apply", "--dry-run", str(file))
    assert [step["verb"] for step in planned] == ["create"] * 4 + ["map"]
    assert run.json("pd", "ls") == []
    assert "say --yes" in run("apply", str(file), exit_code=1).stderr
    run("apply", "--yes", str(file))
    assert yaml.safe_load(run("export").stdout) == document
    assert run.json("apply", "--dry-run", str(file)) == []


def test_a_file_changes_what_it_names_and_leaves_the_rest(run: Shell, tmp_path: Path) -> None:
    fill(run)
    file = tmp_path / "change.yaml"
    file.write_text(
        "logical_devices: [{uid: 1, name: renamed}]\n"
        "physical_devices: [{device: 'wombat:B8', source_name: wombat, name: probe 7, properties: {depth: 4}}]\n"
        "mappings: [{pd: 2, ld: 2}, {pd: 'wombat:B8', ld: 1, variables: []}]\n"
    )
    run("apply", "--yes", str(file))
    assert (run.json("ld", "get", "1")["name"], run.json("pd", "get", "1", "--properties")["properties"]) == (
        "renamed",
        {"depth": 4},
    )
    assert [(m["pd"], m["ld"], m["variables"]) for m in run.json("map", "ls")] == [(1, 1, []), (2, 2, [])]
    assert run.json("apply", "--dry-run", str(file)) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "is no YAML"),
        ("physical: []", "physical: Extra inputs are not permitted"),
        ("format: other", "has format 'other'"),
        ("logical_devices: [{uid: 99, name: a}]", "there is no logical device 99"),
        ("mappings: [{pd: 'wombat:nosuch', ld: field}]", "there is no physical device wombat:nosuch"),
        ("mappings: [{pd: 1, ld: nosuch}]", "there is no logical device nosuch"),
        ("mappings: [{pd: 1, ld: twin}]", "2 logical devices are called twin"),
        ("mappings: [{pd: 1, ld: 1, start_time: 2025-01-01}]", "history is not changed by a file"),
    ],
)
def test_an_unclear_file_is_one_sentence_and_changes_nothing(
    run: Shell, tmp_path: Path, text: str, sentence: str
) -> None:
    fill(run)
    (tmp_path / "f.yaml").write_text(text)
    result = run("apply", "--yes", str(tmp_path / "f.yaml"), exit_code=1)
    assert sentence in " ".join(result.stderr.split())
    assert len(run.json("ld", "ls")) == 3
