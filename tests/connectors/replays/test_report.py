"""The page as an operator gets it: everything is on it, nothing is fetched, and nothing that devices say can harm."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.json import encode

from connectors.replays import report
from streams.core.replay_record import Replay
from streams.core.times import SECOND
from streams.replay.job import Counts, Figures
from streams.replay.selection import Selection
from streams.replay.store import Difference, Sample
from tests.connectors.replays.making import NOON, replay

EVIL = '<script>alert("x")</script>$x^$ {{ 7 * 7 }} 温室'


class Page(HTMLParser):
    """What a browser would see: tags, and the addresses that it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [
            v or "" for k, v in attrs if k in {"src", "href", "xlink:href"} and not (v or "").startswith("#")
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


def differing(group: str, changed: int = 3) -> Difference:
    return Difference(
        group=group, counts=Counts(added=1, removed=2, changed=changed, same=4), mean_change=-1.25, largest_change=9.5
    )


def sample(number: int = 0, device: str = "json:a", kind: str = "changed", before: str = "215.0") -> Sample:
    return Sample(
        kind=kind, device=device, name="t", time=NOON + number * SECOND, before=before, after="21.5", before_uid=7,
        after_uid=9, partition=0, offset=1000 + number,
    )  # fmt: skip


def asked(**more: object) -> Replay:
    figures = Figures(
        records=12345,
        counts=Counts(added=1, removed=2, changed=3, same=4),
        shielded=5,
        holes=["partition 1, 7 to 9: gone"],
    )
    return replay(figures=encode(figures).decode(), created_by="hanna", **more)


def test_everything_that_was_found_is_on_the_page() -> None:
    selection = encode(Selection(sources=("ttn",), time_from=NOON, offsets={"0": (10, 20)})).decode()
    groups = {
        "day": [differing("2026-11-01"), differing("2026-11-02")],
        "device": [differing("json:a")],
        "measurement": [differing("soil_moisture")],
        "codec": [differing("")],
    }

    text = report.html(asked(selection=selection), groups, [sample(n) for n in range(3)])

    page = Page(text)
    for told in (
        "tenths for whole degrees", "hanna", "generation 5", "ttn", "from 2026-11-02 12:00:00", "0: 10 to 19",
        "partition 1, 7 to 9: gone", "12\u202f345", "soil_moisture", "2026-11-02", "-1.25", "0:1002", "7 → 9", "215.0",
        "5 points stay as they are",
    ):  # fmt: skip
        assert told in page.text, told
    assert page.tags.count("svg") == 4, "days, devices, measurements, one series before and after"
    assert re.search(r"fill: ?var\(--changed\)", text), "plots take the page's colours"


def test_it_fetches_nothing_and_runs_nothing_whatever_a_device_is_called() -> None:
    groups = {name: [differing(EVIL)] for name in ("device", "measurement", "codec", "day")}

    page = Page(report.html(asked(why=EVIL), groups, [sample(n, EVIL, before=f"{n}") for n in range(2)]))

    assert page.fetched == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert page.text.count(EVIL) >= 5


def test_a_replay_that_found_nothing_says_so() -> None:
    page = Page(report.html(replay(), {"device": []}, []))

    assert "Nothing: every point that this replay makes stands in the store already" in page.text
    assert "svg" not in page.tags


def test_it_is_written_whole_and_says_the_same_each_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    groups = {"device": [differing("json:a")]}

    report.write(path, asked(), groups, [])
    first = path.read_bytes()
    report.write(path, asked(), groups, [])

    assert path.read_bytes() == first
    assert [found.name for found in path.parent.iterdir()] == ["report.html"]


@settings(max_examples=5, deadline=None)
@given(st.text(max_size=60), st.text(max_size=30), st.integers(-(2**62), 2**62))
def test_any_name_value_and_time_make_a_page(name: str, value: str, time: int) -> None:
    odd = Sample(
        kind="changed", device=name, name=name, time=time, before=value, after="1e309", before_uid=0, after_uid=0,
        partition=0, offset=0,
    )  # fmt: skip

    text = report.html(asked(why=name), {"device": [differing(name)], "day": [differing(value)]}, [odd, odd])

    assert "</html>" in text


@pytest.mark.parametrize(
    ("ns", "shown"),
    [(NOON, "2026-11-02 12:00:00"), (NOON + 1_500_000, "2026-11-02 12:00:00.0015"), (None, "–"), (2**62, "2116-02-20 23:53:38.427387904")],
)  # fmt: skip
def test_times_are_as_fine_as_they_are(ns: int | None, shown: str) -> None:
    assert report.moment(ns) == shown
