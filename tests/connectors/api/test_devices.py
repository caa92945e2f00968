"""Devices, notes, bulk, history, lists and maps over HTTP, without Kafka: what is written is folded at once."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from streams.core.records import PhysicalDevice
from streams.core.times import HOUR
from streams.registry.state import PHYSICAL, Change
from tests.connectors.api.memory import Api
from tests.connectors.api.test_app import REGISTERED


@pytest.fixture
def call() -> Iterator[Api]:
    with asyncio.Runner() as runner:
        yield Api(runner, REGISTERED)


def place(call: Api, name: str = "b", **fields: Any) -> int:
    return int(call("POST", "/api/logical/devices", json={"name": name} | fields).json()["uid"])


def box(call: Api, name: str = "b", **fields: Any) -> int:
    answer = call("POST", "/api/physical/devices", json={"source_name": "wombat", "name": name} | fields)
    return int(answer.json()["uid"])


def status(call: Api, method: str, path: str, **arguments: Any) -> int:
    return call(method, path, **arguments).status_code


def test_a_body_is_json_without_saying_so_as_in_iota(call: Api) -> None:
    assert status(call, "POST", "/broker/api/logical/devices/", content=b'{"name": "a"}') == 201


def test_an_edit_without_a_known_uid_is_404_as_in_iota(call: Api) -> None:
    for kind in ("physical", "logical"):
        for uid in (None, -1, 99):
            assert status(call, "PATCH", f"/broker/api/{kind}/devices/", json={"uid": uid, "name": "x"}) == 404
        assert status(call, "PATCH", f"/broker/api/{kind}/devices/", json={"name": "x"}) == 404


def test_a_list_is_whole_or_comes_page_by_page(call: Api) -> None:
    for name in ("Pear", "apple", "fig"):
        place(call, name)
    assert [one["name"] for one in call("GET", "/api/logical/devices").json()] == ["paddock", "Pear", "apple", "fig"]
    first = call("GET", "/api/logical/devices?limit=3&sort=-name")
    assert [one["name"] for one in first.json()] == ["Pear", "paddock", "fig"]
    assert first.headers["x-total-count"] == "4"
    address, relation = first.headers["link"].split(";")
    assert relation.strip() == 'rel="next"'
    rest = call("GET", address.strip("<>").removeprefix("http://api"))
    assert ([one["name"] for one in rest.json()], "link" in rest.headers) == (["apple"], False)
    assert status(call, "GET", "/api/logical/devices?limit=0") == 422


def test_a_list_is_filtered_by_name_state_and_mapping(call: Api) -> None:
    now = time.time_ns()
    for uid, hours in ((10, 1), (11, 7), (12, 13)):
        seen = PhysicalDevice(uid=uid, device=f"w:{uid}", source="wombat", name=f"N{uid}", last_seen=now - hours * HOUR)
        call.store.state.apply(Change(PHYSICAL, str(uid), seen))
    uid = place(call)
    call("POST", "/api/mappings", json={"pd": 10, "ld": uid})

    def uids(query: str, kind: str = "physical") -> list[int]:
        return [one["uid"] for one in call("GET", f"/api/{kind}/devices?{query}").json()]

    assert uids("name=n1") == [10, 11, 12]
    assert (uids("state=live"), uids("state=late"), uids("state=missing")) == ([10], [11], [4, 12])
    assert (uids("mapped=true"), uids("mapped=false&name=n1")) == ([10], [11, 12])
    assert (uids("mapped=true", "logical"), uids("mapped=false", "logical")) == ([uid], [2])
    assert uids("sort=-last_seen&limit=2") == [10, 11]
    assert [one["uid"] for one in call("GET", "/broker/api/physical/devices/unmapped").json()] == [4, 11, 12]


def test_a_place_is_copied_from_a_box_and_mapped(call: Api) -> None:
    uid = box(call, "probe", location={"lat": 1, "long": 2})
    answer = call("POST", "/api/logical/devices/copy", json={"pd": uid, "map": True})
    made = answer.json()
    assert (answer.status_code, made["name"], made["location"]) == (201, "probe", {"lat": 1.0, "long": 2.0})
    assert answer.headers["location"] == f"http://api/api/logical/devices/{made['uid']}"
    assert call("GET", f"/api/mappings/physical/current/{uid}").json()["ld"]["uid"] == made["uid"]
    assert status(call, "POST", "/api/logical/devices/copy", json={"pd": uid, "map": True}) == 400
    assert status(call, "POST", "/api/logical/devices/copy", json={"pd": 99}) == 404


def test_bulk_is_all_or_nothing_and_names_the_item(call: Api) -> None:
    good, bad = {"source_name": "wombat", "name": "a"}, {"source_name": "nosuch", "name": "a"}
    refused = call("POST", "/api/physical/devices/bulk", json=[good, good, bad])
    assert (refused.status_code, refused.json()["detail"]) == (400, "item 2: There is no source nosuch.")
    assert len(call("GET", "/api/physical/devices").json()) == 1
    boxes = [one["uid"] for one in call("POST", "/api/physical/devices/bulk", json=[good, good]).json()]
    places = [
        one["uid"] for one in call("POST", "/api/logical/devices/bulk", json=[{"name": "a"}, {"name": "b"}]).json()
    ]
    pairs = [{"pd": pd, "ld": ld} for pd, ld in zip(boxes, places, strict=True)]
    twice = call("POST", "/api/mappings/bulk", json=[*pairs, pairs[0]])
    assert twice.json()["detail"].startswith("item 2: Physical device 5 is mapped")
    assert call("GET", "/api/mappings/current").json() == []
    assert status(call, "POST", "/api/mappings/bulk", json=pairs) == 201
    assert [(m["pd"], m["ld"]) for m in call("GET", "/api/mappings/current").json()] == [
        *zip(boxes, places, strict=True)
    ]
    page = call("GET", "/api/mappings/current?limit=1&offset=1")
    assert ([m["pd"] for m in page.json()], page.headers["x-total-count"]) == (boxes[1:], "2")
    assert status(call, "POST", "/api/logical/devices/bulk", json=[]) == 422


def test_variables_of_a_mapping_since_its_start_or_from_a_time_on(call: Api) -> None:
    uid, field = box(call), place(call)
    start = {"pd": uid, "ld": field, "start_time": "2026-01-01T00:00:00Z"}
    call("POST", "/api/mappings", json=start | {"variables": [{"from": "t", "to": "temperature"}]})
    shown = call("PUT", f"/api/mappings/logical/variables/{field}", json={"variables": [{"from": "t", "scale": 2}]})
    expected = {"from": "t", "to": None, "scale": 2.0, "offset": 0.0, "drop": False}
    assert (shown.status_code, shown.json()["variables"]) == (200, [expected])
    later = {"variables": [{"from": "junk", "drop": True}], "start_time": "2026-02-01T00:00:00Z"}
    assert status(call, "PUT", f"/api/mappings/physical/variables/{uid}", json=later) == 200
    history = call("GET", f"/api/mappings/physical/all/{uid}").json()
    assert [(m["start_time"][:7], m["end_time"], [v["from"] for v in m["variables"]]) for m in history] == [
        ("2026-02", None, ["junk"]), ("2026-01", "2026-02-01T00:00:00+00:00", ["t"]),
    ]  # fmt: skip
    assert "variables" not in call("GET", f"/broker/api/mappings/physical/current/{uid}").json()
    twice = {"variables": [{"from": "a", "to": "c"}, {"from": "b", "to": "c"}]}
    assert status(call, "PUT", f"/api/mappings/physical/variables/{uid}", json=twice) == 400
    assert status(call, "PUT", "/api/mappings/physical/variables/4", json={"variables": []}) == 404


def test_notes_are_written_edited_and_removed(call: Api) -> None:
    notes = "/broker/api/physical/devices/notes"
    for text in ("one", "two"):
        answer = call("POST", f"{notes}/4", json={"uid": None, "ts": None, "note": text})
        assert (answer.status_code, answer.content) == (201, b"null")
    first, second = call("GET", f"{notes}/4").json()
    assert (first["note"], second["note"], set(first)) == ("one", "two", {"uid", "ts", "note"})
    edit = {"uid": first["uid"], "ts": "2026-01-01T00:00:00Z", "note": "three"}
    assert call("PATCH", f"{notes}/", json=edit).content == b"null"
    assert call("GET", f"{notes}/4").json()[0] == edit | {"ts": "2026-01-01T00:00:00+00:00"}
    assert status(call, "DELETE", f"{notes}/{first['uid']}") == 204
    assert [note["uid"] for note in call("GET", f"{notes}/4").json()] == [second["uid"]]
    assert (status(call, "POST", f"{notes}/99", json={"note": "a"}), call("GET", f"{notes}/99").json()) == (404, [])
    for prefix, codes in (("/broker/api", (200, 204)), ("/api", (404, 404))):
        unknown = f"{prefix}/physical/devices/notes"
        edited = status(call, "PATCH", unknown, json={"uid": 99, "note": "a"})
        assert (edited, status(call, "DELETE", f"{unknown}/99")) == codes


def test_history_says_who_when_why_and_what_it_was(call: Api) -> None:
    uid = place(call, "a")
    call("PATCH", "/api/logical/devices?why=typo", json={"uid": uid, "name": "b"})
    newest, oldest = call("GET", f"/api/logical/devices/{uid}/history").json()
    assert newest.pop("at").startswith("20")
    assert newest == {
        "kind": "changed", "by": "operator", "why": "typo", "before": {"name": "a"}, "after": {"name": "b"},
    }  # fmt: skip
    assert oldest["kind"] == "created"
    call("DELETE", f"/api/logical/devices/{uid}")
    assert call("GET", f"/api/logical/devices/{uid}/history?limit=1").json()[0]["kind"] == "removed"
    (creation,) = call("GET", "/api/physical/devices/4/history").json()
    assert (creation["kind"], creation["after"]["name"]) == ("created", "Wombat-B8")
    assert status(call, "GET", "/api/physical/devices/99/history") == 404


def test_a_device_that_is_called_like_a_field_has_no_such_field(call: Api) -> None:
    uid = place(call, "a")
    call("PATCH", "/api/logical/devices", json={"uid": uid, "name": "intervals"})
    newest, _ = call("GET", f"/api/logical/devices/{uid}/history").json()
    assert (newest["before"], newest["after"]) == ({"name": "a"}, {"name": "intervals"})


def test_a_mapping_has_a_history_of_what_was_done_to_it(call: Api) -> None:
    uid, field = box(call), place(call)
    call("POST", "/api/mappings", json={"pd": uid, "ld": field})
    call("PATCH", f"/api/mappings/physical/end/{uid}?why=moved")
    newest, start, creation = call("GET", f"/api/mappings/physical/history/{uid}").json()
    assert (newest["why"], newest["before"]["intervals"][0]["end_time"]) == ("moved", None)
    assert newest["after"]["intervals"][0]["end_time"].startswith("20")
    assert (start["before"]["intervals"], start["after"]["intervals"][0]["ld"]) == ([], field)
    assert creation["kind"] == "created"


def test_a_repeated_request_is_carried_out_once(call: Api) -> None:
    key = {"Idempotency-Key": "k1"}
    answers = [call("POST", "/api/logical/devices", json={"name": "a"}, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert (answers[0].json(), answers[0].headers["location"]) == (answers[1].json(), answers[1].headers["location"])
    other = call("POST", "/api/logical/devices", json={"name": "b"}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["detail"]) == (422, "This idempotency key was used for another request.")
    assert [one["name"] for one in call("GET", "/api/logical/devices").json()] == ["paddock", "a"]
    assert status(call, "POST", "/api/logical/devices", json={"name": "b"}, headers={"Idempotency-Key": "a b"}) == 422


def test_a_map_is_geojson(call: Api) -> None:
    uid = place(call, "here", location={"lat": -31.5, "long": 148.25})
    answer = call("GET", "/api/logical/devices.geojson")
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.json() == {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": uid,
                "geometry": {"type": "Point", "coordinates": [148.25, -31.5]},
                "properties": {"uid": uid, "name": "here", "last_seen": None, "state": "missing"},
            }
        ],
    }
    assert call("GET", "/api/logical/devices.geojson?state=live").json()["features"] == []
    assert call("GET", "/api/physical/devices.geojson").json()["features"] == []


def test_cascade_is_explicit(call: Api) -> None:
    uid, field = box(call), place(call)
    call("POST", "/api/mappings", json={"pd": uid, "ld": field})
    refused = call("DELETE", f"/api/physical/devices/{uid}")
    assert (refused.status_code, "cascade=true" in refused.json()["detail"]) == (409, True)
    assert status(call, "DELETE", f"/api/physical/devices/{uid}?cascade=true") == 204
    assert status(call, "GET", f"/api/mappings/logical/current/{field}") == 404
    assert call("GET", f"/api/mappings/logical/latest/{field}").json()["pd"] == uid


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("p_uid=4&count=0", "count"),
        ("p_uid=4&count=65537", "count"),
        ("p_uid=4&count=1&end=2026-01-01T00:00:00Z", "count"),
        ("p_uid=4&start=2026-01-01T00:00:00Z&end=2026-01-01T11:00:00%2B11:00", "start"),
        ("p_uid=4&last=5x", "last"),
        ("p_uid=4&last=", "last"),
        ("p_uid=4&last=9999999h", "last"),
    ],
)
def test_a_wrong_period_is_422_and_names_the_parameter(call: Api, query: str, parameter: str) -> None:
    answer = call("GET", f"/broker/api/messages?{query}")
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query", parameter])


@pytest.mark.parametrize("time", [5, 1.5, "1746093600", "", True])
def test_a_time_is_written_out(call: Api, time: object) -> None:
    answer = call("POST", "/api/logical/devices", json={"name": "a", "last_seen": time})
    assert (answer.status_code, "ISO 8601" in answer.json()["detail"][0]["msg"]) == (422, True)
    assert status(call, "GET", f"/api/messages?p_uid=4&start={time}") == 422


def test_messages_of_nobody(call: Api) -> None:
    assert status(call, "GET", "/broker/api/messages/") == 404
    assert call("GET", "/broker/api/messages?p_uid=99").json() == []
    assert call("GET", "/broker/api/messages?l_uid=2").json() == []
    assert status(call, "GET", "/api/logical/devices/99/readings.csv") == 404
    assert call("GET", "/api/physical/devices/4/readings.csv?zone=Mars/Base").json()["detail"][0]["loc"] == [
        "query",
        "zone",
    ]
