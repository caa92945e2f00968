import msgspec

from streams.core.codec_record import Codec
from streams.core.records import Rule
from streams.core.signed_topic import SignedField, SignedKey, SignedTopic
from streams.ict_settings import IctMqttSource
from streams.registry.hashes import NOT_TOLD, _decoding_files, code_hash, codecs_hash, rules_hash, topics_hash
from streams.settings import CsvSource, DecodeSettings, JsonSource

LPP = Codec(name="lpp", hash="aa", language="native", code="", applies_to=["b", "a"])
VENDOR = Codec(name="vendor", hash="bb", language="js", code="x", applies_to=[])
FIRST = Rule(id="1", measurement="Temp", target="temperature", unit="Cel")
SECOND = Rule(id="2", measurement="Hum", drop=True)


def test_code_hash_is_short_hex_and_stable() -> None:
    assert len(code_hash()) == 16
    assert int(code_hash(), 16) >= 0
    assert code_hash() == code_hash()


def test_code_hash_covers_how_a_raw_record_is_opened_and_what_decoders_are_told() -> None:
    covered = {path for path, _ in _decoding_files()}
    assert {"streams/raw.py", "streams/pipeline.py", "streams.core/receipt.py", "streams.decoders/ydoc.py"} <= covered


def test_hashes_are_what_they_were_since_generations_in_kafka_have_them() -> None:
    topic = SignedTopic(
        topic="site/1", dataset="d", tags={"b": "2", "a": "1"}, fields=[SignedField(name="t", type="float")],
        keys=[SignedKey(key="ab" * 32, not_before=5)], raw_retention=9,
    )  # fmt: skip

    assert (codecs_hash([]), rules_hash([]), topics_hash([])) == ("e3b0c44298fc1c14",) * 3
    assert codecs_hash([LPP, VENDOR]) == "b620631647b7edb9"
    assert rules_hash([FIRST, SECOND]) == "19b67908b4666a4f"
    assert topics_hash([topic]) == "e11c305b8cee91a5"


def test_hashes_do_not_depend_on_order() -> None:
    assert codecs_hash([LPP, VENDOR]) == codecs_hash([VENDOR, LPP])
    assert rules_hash([FIRST, SECOND]) == rules_hash([SECOND, FIRST])


def test_hashes_do_not_depend_on_who_changed_a_record() -> None:
    assert rules_hash([FIRST]) == rules_hash(
        [msgspec.structs.replace(FIRST, changed_by="bob", changed_at=5, why="typo")]
    )
    assert codecs_hash([LPP]) == codecs_hash([msgspec.structs.replace(LPP, changed_by="bob")])


def test_hashes_differ_when_a_rule_or_codec_does_something_else() -> None:
    assert rules_hash([FIRST]) != rules_hash([msgspec.structs.replace(FIRST, scale=0.1)])
    assert rules_hash([FIRST]) != rules_hash([FIRST, SECOND])
    assert codecs_hash([LPP]) != codecs_hash([msgspec.structs.replace(LPP, hash="cc")])
    assert codecs_hash([]) != codecs_hash([LPP])
    for what in ({"mode": "fresh"}, {"lenient": True}, {"applies_to": ["a"]}, {"language": "table"}):
        assert codecs_hash([LPP]) != codecs_hash([msgspec.structs.replace(LPP, **what)])


def test_a_codec_s_examples_change_no_reading() -> None:
    assert codecs_hash([LPP]) == codecs_hash([msgspec.structs.replace(LPP, examples='[{"input":{}}]', failing=1)])


def test_every_decode_setting_is_told_to_decoders_or_named_as_one_that_changes_no_reading() -> None:
    changed = {
        "future_limit_s": 1,
        "ydoc_utc_offset_minutes": 0,
        "json_source": JsonSource(values="data"),
        "csv_source": CsvSource(layouts=()),
        "ttn_normalized": "ignore",
        "ict_mqtt": IctMqttSource(layouts=()),
        "lpp_applications": ("*",),
        "network_server_decode": "compare",
        "network_server_rescues": True,
        "javascript_ms": 50,
        "javascript_mb": 16,
        "memories_mb": 8,
    }

    assert set(DecodeSettings.model_fields) == set(changed) | set(NOT_TOLD)
    hashes = {code_hash(DecodeSettings(**{name: value})) for name, value in changed.items()}
    assert len(hashes | {code_hash()}) == len(changed) + 1


def test_settings_that_change_no_reading_leave_the_code_as_it_is() -> None:
    assert code_hash(DecodeSettings(instance=3, batch_max=1, seen_interval_s=1, health_port=1)) == code_hash()
