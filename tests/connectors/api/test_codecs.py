"""Codecs over HTTP, without Kafka and store: examples are run by real workers, what is written is folded at once."""

from typing import Any

import pytest

from connectors.codecs import suggestion
from streams.core.codec_record import Codec
from streams.core.records import PhysicalDevice
from streams.registry.state import CODECS, PHYSICAL, Change
from tests.connectors.api.test_app import Caller

HALF = "function decodeUplink(input) { return { data: { t: input.bytes[0] / 2 } }; }"
THIRD = HALF.replace("/ 2", "/ 3")
WARM = {"description": "warm", "input": {"bytes": "2d", "fPort": 1}, "output": {"data": {"t": 22.5}}}
SOIL = {"code": HALF, "applies_to": ["application:soil"], "examples": [WARM]}


def heard(uid: int, key: str, source_ids: dict[str, str], source: str = "ttn") -> Change:
    known = PhysicalDevice(uid=uid, device=key, source=source, name=key, source_ids=source_ids)
    return Change(PHYSICAL, str(uid), known)


def held(call: Caller, name: str = "soil") -> Codec | None:
    return call.store.state.codecs.get(name)


def test_a_codec_is_registered_once_its_examples_come_out(call: Caller) -> None:
    answer = call("PUT", "/api/codecs/soil?why=probes", json=SOIL)

    assert answer.status_code == 201
    assert answer.headers["location"] == "http://api/api/codecs/soil"
    assert answer.json()["codec"] | {"changed_at": "", "hash": "", "mode": ""} == {
        "name": "soil", "hash": "", "language": "javascript", "applies_to": ["application:soil"], "mode": "",
        "lenient": False, "examples": 1, "failing": 0, "bytes": 76, "changed_at": "", "changed_by": "operator",
        "why": "probes",
    }  # fmt: skip
    assert answer.json()["examined"]["passed"] is True
    assert answer.json()["replay"] is None
    shown = call("GET", "/broker/api/codecs/soil/").json()
    assert (shown["code"], shown["examples"]) == (HALF, [WARM])
    assert [codec["name"] for codec in call("GET", "/api/codecs").json()] == ["soil"]
    assert "code" not in call("GET", "/api/codecs").json()[0]


def test_examples_that_come_out_otherwise_are_told_and_nothing_is_registered(call: Caller) -> None:
    answer = call("PUT", "/api/codecs/soil", json=SOIL | {"code": THIRD})

    assert answer.status_code == 422
    assert answer.json()["detail"] == "1 of 1 example(s) of soil come out otherwise."
    (one,) = answer.json()["examined"]["checked"]
    assert (one["description"], one["got"], one["expected"]) == ("warm", {"data": {"t": 15}}, {"data": {"t": 22.5}})
    assert one["differences"] == ["data.t: expected 22.5, got 15"]
    assert held(call) is None


def test_force_registers_a_codec_all_the_same_and_says_so(call: Caller) -> None:
    answer = call("POST", "/api/codecs", json=SOIL | {"name": "soil", "code": THIRD, "force": True})

    assert (answer.status_code, answer.json()["codec"]["failing"]) == (201, 1)
    assert call("GET", "/api/codecs/soil").json()["failing"] == 1


def test_a_codec_that_does_not_load_is_refused_even_by_force(call: Caller) -> None:
    answer = call("PUT", "/api/codecs/soil", json=SOIL | {"code": "function decodeUplink( {", "force": True})

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("The codec soil cannot be used: ")
    assert held(call) is None


def test_a_new_version_is_tried_with_the_registered_examples(call: Caller) -> None:
    call("PUT", "/api/codecs/soil", json=SOIL)

    assert call("PUT", "/api/codecs/soil", json={"code": THIRD}).status_code == 422
    answer = call("PUT", "/api/codecs/soil", json={"code": HALF + "//"})
    assert (answer.status_code, answer.json()["codec"]["applies_to"]) == (200, ["application:soil"])


def test_two_codecs_for_one_target_are_refused_by_name(call: Caller) -> None:
    call("PUT", "/api/codecs/soil", json=SOIL)
    answer = call("PUT", "/api/codecs/other", json=SOIL)

    assert answer.status_code == 409
    assert answer.json()["detail"] == "application:soil is read by the codec soil: take it from there first."


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"applies_to": ["soil"]}, 400, "'soil' is no target"),
        ({"language": "native"}, 400, "There is no built-in codec soil: there are"),
        ({"name": "other"}, 400, "The address says soil, the body other."),
        ({"examples": [{"output": {}}]}, 400, "Example 1 cannot be read: it has no 'input'."),
        ({"examples": [{"input": {"bytes": "xy"}}]}, 400, "Example 1 cannot be read"),
        ({"examples": [{"input": 5}]}, 400, "Example 1 cannot be read"),
        ({"examples": [WARM] * 201}, 400, "201 examples are too many: up to 200 are run."),
    ],
)
def test_what_cannot_be_is_refused(call: Caller, body: dict[str, Any], status: int, sentence: str) -> None:
    answer = call("PUT", "/api/codecs/soil", json=SOIL | body)

    assert answer.status_code == status
    assert sentence in answer.json()["detail"]
    assert held(call) is None


def test_a_misspelt_field_is_not_left_out_silently(call: Caller) -> None:
    assert call("PUT", "/api/codecs/soil", json=SOIL | {"aplies_to": ["application:x"]}).status_code == 422


def test_a_codec_may_be_tried_without_being_registered(call: Caller) -> None:
    answer = call("POST", "/api/codecs/test", json={"code": THIRD, "examples": [WARM]})

    assert (answer.status_code, answer.json()["passed"], answer.json()["fault"]) == (200, False, "")
    native = {"language": "native", "name": "lpp", "examples": [
        {"input": {"bytes": "0367010e"}, "output": {"data": {"temperature_3": 27}}}
    ]}  # fmt: skip
    assert call("POST", "/api/codecs/test", json=native).json()["passed"] is True
    assert call("GET", "/api/codecs").json() == []


def test_a_removed_codec_is_gone(call: Caller) -> None:
    call("PUT", "/api/codecs/soil", json=SOIL)

    assert call("DELETE", "/api/codecs/soil").status_code == 204
    assert call("GET", "/api/codecs/soil").status_code == 404
    assert call("DELETE", "/api/codecs/soil").json() == {"detail": "There is no codec soil."}


def test_readers_may_look_and_not_touch(call: Caller) -> None:
    assert call("GET", "/api/codecs", bearer="reader").status_code == 200
    assert call("PUT", "/api/codecs/soil", bearer="reader", json=SOIL).status_code == 403
    assert call("POST", "/api/codecs/test", bearer="reader", json=SOIL).status_code == 403


def test_a_first_codec_for_devices_that_have_sent_already_calls_for_a_replay(call: Caller) -> None:
    call.store.state.apply(heard(9, "ttn:a1", {"app_id": "soil", "dev_eui": "a1"}))
    call.store.state.apply(heard(10, "ttn:b2", {"app_id": "water", "dev_eui": "b2"}))
    told = call("PUT", "/api/codecs/soil", json=SOIL).json()["replay"]
    digest = held(call).hash[:12]  # type: ignore[union-attr]  # just registered

    assert told["command"] == f"isthmus replay run --source ttn --codec soil --why 'codec soil@{digest}'"
    assert (told["devices"], told["waiting"], told["since"]) == (1, None, None)


def test_a_new_version_calls_for_a_replay_and_new_examples_do_not(call: Caller) -> None:
    call("PUT", "/api/codecs/soil", json=SOIL)

    assert call("PUT", "/api/codecs/soil", json=SOIL | {"examples": [WARM, WARM]}).json()["replay"] is None
    told = call("PUT", "/api/codecs/soil", json=SOIL | {"code": HALF + "//"}).json()["replay"]
    assert told["why"] == "what it has read before it would read anew"
    moved = call("PUT", "/api/codecs/soil/targets", json={"applies_to": ["model:acme/x1"]}).json()
    assert moved["codec"]["applies_to"] == ["model:acme/x1"]
    assert (moved["replay"]["devices"], moved["examined"]) == (None, None)


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ("device:ttn:a1", "ttn:a1"),
        ("application:field", "chirpstack:c3"),
        ("application:7", "chirpstack:c3"),
        ("profile:probe v2", "chirpstack:c3"),
        ("application:nobody", None),
    ],
)
def test_the_registry_knows_whose_payloads_a_target_means(call: Caller, target: str, key: str | None) -> None:
    ids = {"application_id": "7", "application_name": "field", "device_profile_name": "probe v2"}
    for change in (heard(9, "ttn:a1", {"app_id": "soil"}), heard(10, "chirpstack:c3", ids, "chirpstack")):
        call.store.state.apply(change)
    codec = Codec(name="x", hash="", language="javascript", code="", applies_to=[target])
    call.store.state.apply(Change(CODECS, "x", codec))

    assert [device.device for device in suggestion.heard_of(call.store.state, codec)] == [key] * (key is not None)
