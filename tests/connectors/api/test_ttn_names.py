"""Answers of The Things Stack's device registry."""

import pytest

from connectors.api.ttn_names import NoAnswer, _object


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"\xff", b'{"a":' * 100_000])
def test_what_is_no_object_is_no_answer_and_not_asked_for_again(body: bytes) -> None:
    with pytest.raises(NoAnswer) as told:
        _object(body)
    assert not told.value.passing
