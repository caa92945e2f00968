"""Rules over HTTP, without Kafka: what is written is folded at once."""

import json
import shlex
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.cli.main import build
from tests.connectors.api.test_app import Caller

LEVEL = {"from": "level_mm", "to": "tank.level", "unit": "m", "scale": 0.001}
REST: dict[str, Any] = {"source": "", "model": "", "device": "", "offset": 0.0, "drop": False}


def test_a_rule_is_put_shown_listed_and_removed(call: Caller) -> None:
    put = call("PUT", "/api/rules/tanks/level?why=sent in mm", json=LEVEL)
    shown = put.json()

    assert put.status_code == 200
    assert shown.pop("changed_at").startswith("20")
    assert shown == LEVEL | REST | {
        "id": "tanks/level", "changed_by": "operator", "why": "sent in mm",
        "replay": "isthmus replay run --why 'rule tanks/level'",
    }  # fmt: skip
    assert call("GET", "/api/rules/tanks/level").json() == put.json()
    assert call("PUT", "/api/rules/a", json={"from": "junk", "drop": True}).status_code == 200
    assert [rule["id"] for rule in call("GET", "/api/rules").json()] == ["a", "tanks/level"]
    assert call("PUT", "/api/rules/tanks/level", json=LEVEL | {"scale": 0.01}).json()["scale"] == 0.01
    assert call("DELETE", "/api/rules/tanks/level").json()["id"] == "tanks/level"
    for method in ("GET", "DELETE"):
        answer = call(method, "/api/rules/tanks/level")
        assert (answer.status_code, answer.json()["detail"]) == (404, "There is no rule tanks/level.")


@pytest.mark.parametrize(
    ("body", "scale", "offset", "unit"),
    [
        ({"from": "temp_f", "to": "air.temperature", "unit_from": "°F"}, 5 / 9, -160 / 9, "°C"),
        ({"from": "p", "unit": "hPa", "unit_from": "kPa"}, 10.0, 0.0, "hPa"),
    ],
)
def test_a_vendors_unit_becomes_scale_and_offset(
    call: Caller, body: dict[str, Any], scale: float, offset: float, unit: str
) -> None:
    shown = call("PUT", "/api/rules/u", json=body).json()

    assert (shown["scale"], shown["offset"], shown["unit"]) == (pytest.approx(scale), pytest.approx(offset), unit)
    assert "unit_from" not in shown


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"from": "t"}, "It would change nothing."),
        ({"from": "t", "scale": 0}, "A scale of 0 would make every value the same; to leave values out, drop them."),
        ({"from": "t", "unit": "°C", "unit_from": "grodd"}, "'grodd' is no unit that is known."),
        ({"from": "t", "unit": "°C", "unit_from": "hPa"}, "hPa cannot become °C: they measure different things."),
        (
            {"from": "t", "unit_from": "°F"},
            "°F becomes what? Give a unit, or a name of `isthmus vocabulary` that has one.",
        ),
        (
            {"from": "t", "unit": "°C", "unit_from": "°F", "scale": 2},
            "unit_from computes scale and offset: do not give them too.",
        ),
        ({"from": "t", "drop": True, "source": "tnt"}, "There is no source tnt."),
        ({"from": "t", "drop": True, "device": "B8"}, "B8 is no device: write its key, source:identity."),
    ],
)
def test_refuses_in_one_sentence_what_would_be_wrong(call: Caller, body: dict[str, Any], sentence: str) -> None:
    answer = call("PUT", "/api/rules/r", json=body)

    assert (answer.status_code, answer.json()["detail"]) == (400, sentence)
    assert call("GET", "/api/rules").json() == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"from": ""},
        {"from": "t", "to": "x", "scal": 2},
        {"from": "t", "scale": "a lot"},
        {"from": "t", "to": "x" * 201},
        {"from": "t\ud800", "drop": True},
    ],
)
def test_a_body_that_is_no_rule_is_422(call: Caller, body: dict[str, Any]) -> None:
    answer = call("PUT", "/api/rules/r", content=json.dumps(body), headers={"content-type": "application/json"})

    assert answer.status_code in {400, 422}
    assert call("GET", "/api/rules").json() == []


def test_two_rules_for_the_same_values_are_refused_by_name(call: Caller) -> None:
    call("PUT", "/api/rules/a", json=LEVEL)
    answer = call("PUT", "/api/rules/b", json={"from": "level_mm", "drop": True})

    assert answer.status_code == 409
    assert answer.json()["detail"] == "Rule a is for the same measurement, source, model and device."


def test_only_administrators_change_rules(call: Caller) -> None:
    assert call("PUT", "/api/rules/a", "admin", json=LEVEL).json()["changed_by"] == "user1"
    for method in ("PUT", "DELETE"):
        assert call(method, "/api/rules/a", "reader", json=LEVEL | {"scale": 5}).status_code == 403
        assert call(method, "/api/rules/a", None, json=LEVEL | {"scale": 5}).status_code == 401
    assert call("GET", "/api/rules/a", "reader").json()["scale"] == 0.001


@pytest.mark.parametrize(
    ("scope", "chosen"),
    [
        ({}, []),
        ({"model": "acme/t 1"}, []),
        ({"source": "wombat"}, ["--source", "wombat"]),
        ({"source": "wombat", "model": "acme/t1"}, ["--source", "wombat"]),
        ({"source": "wombat", "device": "wombat:B8"}, ["--device", "wombat:B8"]),
        ({"device": "json:it's $HOME"}, ["--device", "json:it's $HOME"]),
    ],
)
def test_the_replay_that_it_calls_for_is_a_command_as_people_type_it(
    call: Caller, scope: dict[str, str], chosen: list[str]
) -> None:
    told = call("PUT", "/api/rules/o'neill", json=LEVEL | scope).json()["replay"]
    program, *arguments = shlex.split(told)

    assert (program, arguments) == ("isthmus", ["replay", "run", *chosen, "--why", "rule o'neill"])
    answer = CliRunner().invoke(build(arguments), [*arguments, "--json"])
    assert (answer.exit_code, "no API has run here" in answer.output) == (1, True), "understood, and asked of the API"


def test_the_documentation_has_examples_that_the_api_takes(call: Caller) -> None:
    schemas = call("GET", "/api/openapi.json", None).json()["components"]["schemas"]

    for number, body in enumerate(schemas["GivenRule"]["examples"]):
        assert call("PUT", f"/api/rules/{number}", json=body).status_code == 200
    (example,) = schemas["ShownRule"]["examples"]
    assert set(example) == set(call("GET", "/api/rules/0").json())
