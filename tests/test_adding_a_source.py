"""The worked example of CONTRIBUTING.md is true: its module is found, its vector holds, its subscription is accepted."""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.sources.door import check_sources
from streams import decoders, pipeline
from streams.core.decode import decode
from streams.core.records import Lineage
from streams.settings import DecodeSettings, Settings, SettingsError
from tests.contracts.test_decoder import record
from tests.test_vectors import described, raw_record

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text("utf-8")
SECTION = TEXT.partition("\n## A source in one file\n")[2].partition("\n## ")[0]
BLOCKS = dict(re.findall(r"```(python|json|toml)\n(.*?)```", SECTION, re.DOTALL))
SUBSCRIBED = Settings(**tomllib.loads(BLOCKS["toml"]))


def named_in_settings() -> list[tuple[str, str]]:
    return [(one.filter, one.source) for broker in SUBSCRIBED.mqtt.brokers for one in broker.subscriptions]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "gauge.py").write_text(BLOCKS["python"], "utf-8")
    monkeypatch.setattr(decoders, "__path__", [*decoders.__path__, str(tmp_path)])
    yield
    sys.modules.pop("streams.decoders.gauge", None)


def test_its_subscription_is_refused_as_long_as_the_file_is_not_there() -> None:
    with pytest.raises(SettingsError, match="no decoder understands source 'gauge'"):
        check_sources(SUBSCRIBED, named_in_settings())


def test_the_file_is_found_and_its_subscription_accepted(installed: None) -> None:
    check_sources(SUBSCRIBED, named_in_settings())


def test_its_vector_holds(installed: None) -> None:
    case = json.loads(BLOCKS["json"])
    context = pipeline.context(DecodeSettings(), mapping=lambda _: None)
    outcome = decode(raw_record("gauge", case["record"]), Lineage(2, 40), 3, context)

    assert described(outcome) == {"readings": [], "dead_letters": [], "ignored": [], "seen": []} | case["expect"]


@pytest.mark.parametrize("payload", [b"", b";;", b"\xff;2024-05-10;1", b"a;soon;1", b"a;b"])
def test_it_keeps_the_laws_of_decoders(installed: None, payload: bytes) -> None:
    gauge = pipeline.decoders(DecodeSettings())["gauge"]
    raw = record("gauge", payload)

    assert gauge.open(raw) == gauge.open(raw)
    assert gauge.key(raw) is None or str(gauge.key(raw)).startswith("gauge:")
