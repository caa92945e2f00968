"""The calls against the stub, which answers as Ubidots does."""

from collections.abc import Callable, Iterator
from functools import partial

import httpx
import pytest

from connectors.sinks.base import Transient
from connectors.sinks.ubidots.calls import Calls, Refused, retry_after
from connectors.sinks.ubidots.payload import Dot, body
from streams.settings import UbidotsSettings
from tests.connectors.sinks.making import NOON
from tests.stack.ubidots import TOKEN, Ubidots

ONE = body([Dot(0, 7, "t", 1.5, NOON, "cid")])


@pytest.fixture
def outside() -> Iterator[Ubidots]:
    made = Ubidots().start()
    yield made
    made.stop()


def calls(outside: Ubidots, token: str = TOKEN, requests_per_s: float = 1_000) -> Calls:
    return Calls(UbidotsSettings(url=outside.settings["url"], requests_per_s=requests_per_s), token)


def answered(response: httpx.Response) -> Calls:
    """Every call gets this answer, whoever gives it: what stands before Ubidots is not the stub's to play."""
    made = Calls(UbidotsSettings(requests_per_s=1_000), TOKEN)
    made._client = httpx.Client(base_url="http://ubidots", transport=httpx.MockTransport(lambda _: response))
    return made


def test_creates_changes_and_reads_a_device(outside: Ubidots) -> None:
    ubidots = calls(outside)
    ubidots.post("a b", ONE)
    ubidots.patch("a b", b'{"name": "North"}')
    assert ubidots.get("a b") == {"label": "a b", "name": "North", "properties": {}}
    assert outside.dots() == {("a b", "t", 1793620800000): 1.5}
    ubidots.close()


def test_waits_as_long_as_it_is_told_when_it_was_too_fast(outside: Ubidots) -> None:
    ubidots = calls(outside)
    for _ in range(4):
        ubidots.post("a", ONE)
    with pytest.raises(Transient) as caught:
        ubidots.post("a", ONE)
    assert caught.value.retry_after == 1.0
    ubidots.close()


def test_stays_below_the_limit_by_itself(outside: Ubidots) -> None:
    ubidots = calls(outside, requests_per_s=3.3)
    for _ in range(6):
        ubidots.post("a", ONE)
    assert outside.account.counts["posts"] == 6
    ubidots.close()


def test_blames_the_token_and_not_the_record(outside: Ubidots) -> None:
    ubidots = calls(outside, token="old")
    with pytest.raises(Transient, match="401"):
        ubidots.post("a", ONE)
    ubidots.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"[]", 400), (b'{"t": {"value": "x", "timestamp": 1}}', 400), (b'{"t":%s}' % (b" " * 10_000), 413)],
)
def test_says_what_is_refused_for_good(outside: Ubidots, data: bytes, status: int) -> None:
    ubidots = calls(outside)
    with pytest.raises(Refused) as caught:
        ubidots.post("a", data)
    assert caught.value.status == status
    ubidots.close()


def test_is_refused_an_unknown_device(outside: Ubidots) -> None:
    """Somebody may have deleted it there: the details of others must not wait for it."""
    ubidots = calls(outside)
    with pytest.raises(Refused, match="404"):
        ubidots.get("nobody")
    with pytest.raises(Refused, match="404"):
        ubidots.patch("nobody", b"{}")
    ubidots.close()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:50:00 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"}, 23.0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:00 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "300"}, 300.0),
        ({"Retry-After": "86400"}, 300.0),
        ({"Retry-After": "1e300"}, 300.0),
        ({"Retry-After": "Mon, 07 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"}, 300.0),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "-inf"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "1e999"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "Sun, 06 Nov 1994 08:50:00 +99999999999999999999"}, None),
        ({"Retry-After": "Sun, 06 Nov 1994 08:50:00 GMT", "Date": "today"}, None),
        ({}, None),
    ],
)
def test_it_waits_as_it_is_asked_five_minutes_at_most_and_by_the_clock_of_who_wrote_the_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(httpx.Response(429, headers=headers)) == seconds


@pytest.mark.parametrize(
    "page",
    [b"<html>maintenance</html>", b"", b"null", b"[]", b'"ok"', b"[" * 200_000, b'{"t": ' * 200_000, b"\xff\xfe", b"{"],
)
def test_what_is_no_answer_of_ubidots_delivers_nothing(page: bytes) -> None:
    """A gateway's page with status 200 took every dot for an hour."""
    ubidots = answered(httpx.Response(200, content=page))
    calls_of: tuple[Callable[[], object], ...] = (
        partial(ubidots.post, "a", ONE),
        partial(ubidots.patch, "a", b"{}"),
        partial(ubidots.get, "a"),
    )
    for call in calls_of:
        with pytest.raises(Transient, match="HTTP 200 without an object"):
            call()


@pytest.mark.parametrize("status", [204, 400, 413, 422, 423])
def test_these_blame_the_request_wherever_they_stand(status: int) -> None:
    """By Ubidots' own table; 204: a field is wrong and nothing is kept, 423: the device is switched off there."""
    for answer in (httpx.Response(status), inside(201, status)):
        with pytest.raises(Refused) as caught:
            answered(answer).post("a", ONE)
        assert caught.value.status == status


@pytest.mark.parametrize("status", [302, 401, 402, 403, 405, 408, 409, 415, 418, 420, 425, 429, 451, 500, 503, 599])
def test_all_others_pass_wherever_they_stand(status: int) -> None:
    """Not for a gateway's 405, nor for a dot's 503 within a 200, are records put away."""
    for answer in (httpx.Response(status), inside(201, status)):
        with pytest.raises(Transient, match=f"POST /api/v1.6/devices/a: HTTP {status}"):
            answered(answer).post("a", ONE)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, json={"detail": "Not found."}),
        httpx.Response(404, json={"code": 404001, "message": "Not found."}),
        httpx.Response(200, json={"t": [{"status_code": 404}]}),
    ],
)
def test_ubidots_own_404_blames_the_device_and_holds_up_nobody(answer: httpx.Response) -> None:
    with pytest.raises(Refused) as caught:
        answered(answer).post("a", ONE)
    assert caught.value.status == 404


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"404 page not found",
        b"<html>Not Found</html>",
        b'{"message": "no Route matched"}',
        b'["detail"]',
        b'{"code": "NO_ROUTE"}',
    ],
)
def test_a_gateway_s_404_passes_unless_the_label_is_none_of_ubidots(page: bytes) -> None:
    """A label with a blank or a slash is known to no route; all others would wait until a person changes it."""
    ubidots = answered(httpx.Response(404, content=page))
    for label in ("a", "isthmus-7", "0004a30b001c", "A_b.c:d"):
        with pytest.raises(Transient, match=r"POST /api/v1.6/devices/.*: HTTP 404"):
            ubidots.post(label, ONE)
    for label in ("a b", "a/b", "..", "Gefäß", "a?b"):
        with pytest.raises(Refused, match="HTTP 404"):
            ubidots.post(label, ONE)


def test_no_dot_is_blamed_while_another_of_its_request_waits() -> None:
    with pytest.raises(Transient, match="HTTP 503"):
        answered(inside(400, 503, 201)).post("a", ONE)


def test_a_lone_dots_status_need_not_stand_in_a_list() -> None:
    with pytest.raises(Refused):
        answered(httpx.Response(200, json={"t": {"status_code": 400}})).post("a", ONE)


def inside(*statuses: int) -> httpx.Response:
    return httpx.Response(200, json={f"v{n}": [{"status_code": status}] for n, status in enumerate(statuses)})


def test_a_page_in_an_odd_charset_is_told_as_far_as_it_can_be_read() -> None:
    page = httpx.Response(502, content=b"away\xff", headers={"Content-Type": "text/html; charset=hex"})
    with pytest.raises(Transient, match="HTTP 502 away"):
        answered(page).post("a", ONE)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_object_delivers(status: int) -> None:
    answered(httpx.Response(status, json={"t": [{"status_code": 201}]})).post("a", ONE)


def test_comes_again_when_nobody_answers(outside: Ubidots) -> None:
    outside.stop()
    ubidots = calls(outside)
    with pytest.raises(Transient, match="ConnectError"):
        ubidots.post("a", ONE)
    ubidots.close()


def test_stops_waiting_when_interrupted(outside: Ubidots) -> None:
    ubidots = calls(outside, requests_per_s=0.001)
    ubidots.post("a", ONE)
    ubidots.interrupted.set()
    with pytest.raises(Transient, match="interrupted"):
        ubidots.post("a", ONE)
    ubidots.close()
