"""Faults in the doors' settings are said at once, in words that help."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.sources import mqtt, webhook
from streams.settings import Settings, SettingsError, load


def broker(**changes: Any) -> dict[str, Any]:
    return {"mqtt": {"brokers": [changes]}}


def filters(*names: str) -> dict[str, Any]:
    return broker(subscriptions=[{"filter": name, "source": "json"} for name in names])


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (filters("a/#", "b", "a/b"), "mqtt.brokers.0: Value error, filters 'a/#' and 'a/b' overlap"),
        (
            filters("a/#/b"),
            "mqtt.brokers.0.subscriptions.0: Value error, filter 'a/#/b' '#' must stand alone, at the end",
        ),
        (
            broker(subscriptions=[{"filter": "a", "source": "json", "qos": 2}]),
            "subscriptions.0.qos: Input should be 0 or 1",
        ),
        (
            broker(
                subscriptions=[
                    {"filter": "+", "source": "vibration", "pattern": "x"},
                    {"filter": "b", "source": "json"},
                ]
            ),
            (
                "filters '+' and 'b' overlap: a message that matches both would come twice or with an unclear source; "
                "narrow one, or give it a broker entry of its own with its own client_id (a pattern does not help"
            ),
        ),
        (
            broker(subscriptions=[{"filter": "+", "source": "vibration", "pattern": "("}]),
            "pattern '(' is no regular expression: missing ), unterminated subpattern at position 0",
        ),
        (broker(ca_file="ca.pem"), "ca_file, cert_file and key_file need tls = true"),
        (broker(password="secret"), "password needs username"),
        ({"mqtt": {"brokers": [{"name": "a"}, {"name": "a", "port": 1}]}}, "brokers need names of their own: a, a"),
        ({"mqtt": {"brokers": [{"name": "a"}, {"name": "b"}]}}, "two entries with one host, port and client_id"),
        ({"webhook": {"auth": {"other": {"bearer": "x"}}}}, "auth of a source that is not in sources: other"),
        ({"webhook": {"auth": {"json": {}}}}, "give exactly one of bearer, basic, hmac"),
        (
            {"webhook": {"auth": {"json": {"bearer": ""}}}},
            "webhook.auth.json: Value error, an empty secret proves nothing",
        ),
        (
            {"webhook": {"auth": {"json": {"hmac": ""}}}},
            "webhook.auth.json: Value error, an empty secret proves nothing",
        ),
        (
            {"webhook": {"auth": {"json": {"basic": ""}}}},
            "webhook.auth.json: Value error, an empty secret proves nothing",
        ),
        (
            {"webhook": {"auth": {"json": {"basic": ":"}}}},
            "webhook.auth.json: Value error, basic must be user:password",
        ),
        (
            {"webhook": {"auth": {"json": {"basic": "ann"}}}},
            "webhook.auth.json: Value error, basic must be user:password",
        ),
        ({"webhook": {"tls_key_file": "key.pem"}}, "tls_key_file needs tls_cert_file"),
        (
            {"diversion": {"url": "ftp://isthmus:hush@files.example/bodies"}},
            "diversion.url: Value error, a password in it would be told in logs and dead letters; fsspec takes it from",
        ),
        (
            {"diversion": {"url": "simplecache::ftp://isthmus:hush@files.example/bodies"}},
            "diversion.url: Value error, a password in it would be told in logs and dead letters; fsspec takes it from",
        ),
        (
            {"files": {"archive_copy": "ftp://isthmus:hush@files.example/archive"}},
            "files.archive_copy: Value error, a password in it would be told in logs",
        ),
    ],
)
def test_names_the_fault(overrides: dict[str, Any], expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(**overrides)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "overrides", [broker(password="s3cret"), {"diversion": {"url": "ftp://isthmus:s3cret@files.example/bodies"}}]
)
def test_keeps_secrets_out_of_the_message(overrides: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(**overrides)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("run", "overrides", "expected"),
    [
        (
            mqtt.run,
            broker(subscriptions=[{"filter": "a", "source": "nobody"}, {"filter": "b", "source": "noone"}]),
            (
                "  mqtt.brokers.local: a: no decoder understands source 'nobody'\n"
                "  mqtt.brokers.local: b: no decoder understands source 'noone'"
            ),
        ),
        (mqtt.run, broker(tls=True, ca_file="missing.pem"), "mqtt.brokers.local: TLS files: "),
        (
            webhook.run,
            {"webhook": {"sources": ["nobody"]}},
            "  webhook.sources: no decoder understands source 'nobody'",
        ),
        (webhook.run, {"webhook": {"tls_cert_file": "missing.pem"}}, "webhook.tls_cert_file: "),
    ],
)
def test_does_not_start_a_door_with(run: Callable[[Settings], None], overrides: dict[str, Any], expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        run(load(**overrides))
    assert expected in str(caught.value)


def test_takes_distinct_brokers_and_filters(tmp_path: Path) -> None:
    loaded = load(mqtt={"brokers": [{"name": "a"}, {"name": "b", "client_id": "other"}]})
    assert [one.name for one in loaded.mqtt.brokers] == ["a", "b"]


def test_a_pattern_says_which_of_a_filters_topics_are_the_sources() -> None:
    wanted = {"filter": "+", "source": "vibration", "pattern": r"sensor\.[^.]+\.(measurements|logs)"}
    (one,) = load(**broker(subscriptions=[wanted, {"filter": "a/+", "source": "json"}])).mqtt.brokers
    found = mqtt.sources(one)

    assert found("sensor.AAD-1123.measurements") == "vibration"
    assert [found(topic) for topic in ("wombat", "sensor.AAD-1123.measurements.x", "xsensor.A.logs")] == [None] * 3
    assert (found("a/b"), found("b/c")) == ("json", mqtt.UNKNOWN)


def test_a_long_topic_is_not_remembered() -> None:
    (one,) = load(**broker(subscriptions=[{"filter": "json/#", "source": "json"}])).mqtt.brokers
    found, topic = mqtt.sources(one), f"json/{'x' * 60_000}"
    held = sys.getrefcount(topic)

    assert (found(topic), found("json/x")) == ("json", "json")
    assert sys.getrefcount(topic) == held
