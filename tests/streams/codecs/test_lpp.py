"""Cayenne LPP; what each type becomes stands in `tests/vectors/lpp` and `tests/vectors/lpp-chirpstack`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.codecs.lpp import CODECS, Lpp
from streams.core.codec import Call
from streams.core.message import Rejected, Sender, Value

SENDER = Sender(device="ttn:1", source_ids={})


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@given(payloads=st.lists(st.binary(max_size=60), max_size=5))
def test_answers_each_call_whatever_its_bytes(codec: Lpp, payloads: list[bytes]) -> None:
    answers = codec.run([Call(payload, 1, 5, SENDER) for payload in payloads])

    assert len(answers) == len(payloads)
    for answer in answers:
        assert isinstance(answer, Rejected) or all(isinstance(v, Value) and v.time == 5 for v in answer)
