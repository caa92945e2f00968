import msgspec

from streams.core.records import Codec, Rule
from streams.registry.hashes import code_hash, codecs_hash, rules_hash

LPP = Codec(name="lpp", hash="aa", language="native", code="", applies_to=["b", "a"])
VENDOR = Codec(name="vendor", hash="bb", language="js", code="x", applies_to=[])
FIRST = Rule(id="1", measurement="Temp", target="temperature", unit="Cel")
SECOND = Rule(id="2", measurement="Hum", drop=True)


def test_code_hash_is_short_hex_and_stable() -> None:
    assert len(code_hash()) == 16
    assert int(code_hash(), 16) >= 0
    assert code_hash() == code_hash()


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
