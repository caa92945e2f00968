"""Payload codecs over HTTP: what callers send and get."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from connectors.api.bodies import Object, Text
from connectors.api.shapes import Answer
from connectors.api.times import from_ns
from connectors.codecs.suggestion import Suggestion
from connectors.codecs.trial import Trial
from streams.core.codec_record import Codec
from streams.core.records import Changed
from streams.javascript.examine import Examined
from streams.javascript.examples import Example, example
from streams.registry.codecs import SIZE_LIMIT, Given
from streams.registry.state import Refused

JAVASCRIPT = "function decodeUplink(input) { return { data: { temperature: input.bytes[0] / 2 } }; }"
EXAMPLES: list[JsonValue] = [
    {"description": "warm", "input": {"bytes": "2d", "fPort": 1}, "output": {"data": {"temperature": 22.5}}}
]


class TriedCodec(BaseModel):
    """A codec and what its examples expect; ``name`` is needed for a native one. A field that is not known is refused."""

    language: Literal["javascript", "table", "native"] = "javascript"
    name: Text = ""
    code: str = Field("", max_length=SIZE_LIMIT)
    examples: list[Object] | None = Field(
        None, description="as in The Things Network's device repository; none: those that are registered"
    )
    lenient: bool = Field(default=False, description="a bare object that it returns counts as its data")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"code": JAVASCRIPT, "examples": EXAMPLES}]}
    )

    def trial(self, name: str, held: Codec | None) -> Trial:
        """The codec with its examples, or with those that the registered one has.

        Raises:
            Refused: 400 an example cannot be read.
        """
        entries = json_examples(held) if self.examples is None and held is not None else self.examples or []
        found = [_example(place, entry) for place, entry in enumerate(entries, 1)]
        return Trial(language=self.language, name=name, code=self.code, examples=found, lenient=self.lenient)


class NewCodec(TriedCodec):
    """A codec to register; ``force``: although examples come out otherwise."""

    applies_to: list[Text] | None = Field(
        None,
        max_length=10_000,
        description="device:<key>, application:<name or id>, profile:<name or id>, model:<brand>/<model>; "
        "none: those that it has",
    )
    force: bool = False

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"code": JAVASCRIPT, "applies_to": ["application:my-sensors"], "examples": EXAMPLES}]
        },
    )

    def given(self, name: str, examined: Examined | None = None) -> Given:
        """The same in the registry's words."""
        return Given(
            name=name,
            language=self.language,
            code=self.code,
            applies_to=None if self.applies_to is None else tuple(self.applies_to),
            mode="wrapped" if examined is None else examined.mode,
            lenient=self.lenient,
            examples=None if self.examples is None else msgspec.json.encode(self.examples).decode(),
            failing=0 if examined is None else failing(examined),
        )


class Targets(BaseModel):
    """What a codec reads from now on."""

    applies_to: list[Text] = Field(max_length=10_000)

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"applies_to": ["device:ttn:70b3d57ed0051a2b"]}]}
    )


class ShownCodec(Answer):
    """A registered codec without its code; ``failing`` of its ``examples`` come out otherwise."""

    name: str
    hash: str
    language: str
    applies_to: list[str]
    mode: str
    lenient: bool
    examples: int
    failing: int
    bytes: int
    changed_at: datetime
    changed_by: str
    why: str


class WholeCodec(ShownCodec):
    """A registered codec with code and examples."""

    code: str
    examples: list[dict[str, JsonValue]]  # type: ignore[assignment]  # the examples themselves instead of their number


class ShownExample(Answer):
    """What became of an example."""

    description: str
    passed: bool
    got: dict[str, JsonValue]
    expected: dict[str, JsonValue]
    differences: list[str]


class ShownTrial(Answer):
    """``fault``: why the codec cannot be used; ``mode``: how it has to be run, and ``why``."""

    passed: bool
    fault: str
    mode: str
    why: str
    checked: list[ShownExample]


class ShownSuggestion(Answer):
    """The replay that a change calls for; what is not known is null."""

    command: str
    why: str
    devices: int | None
    waiting: int | None
    since: datetime | None


class Registered(Answer):
    """What was registered, what became of its examples, and the replay that it calls for, if it does."""

    codec: ShownCodec
    examined: ShownTrial | None
    replay: ShownSuggestion | None


class Failed(Answer):
    """Why a codec was not registered."""

    detail: str
    examined: ShownTrial


def codec(record: Codec) -> dict[str, Any]:
    """As ``ShownCodec``."""
    shown: dict[str, Any] = msgspec.to_builtins(record)
    last = {name: shown.pop(name) for name in Changed.__struct_fields__}
    size = len(shown.pop("code").encode())
    return {**shown, "examples": len(json_examples(record)), "bytes": size, **last} | {
        "changed_at": from_ns(record.changed_at)
    }


def whole(record: Codec) -> dict[str, Any]:
    """As ``WholeCodec``."""
    return codec(record) | {"code": record.code, "examples": json_examples(record)}


def trial(examined: Examined) -> dict[str, Any]:
    """As ``ShownTrial``."""
    shown: dict[str, Any] = msgspec.to_builtins(examined)
    return {"passed": examined.passed, **shown}


def suggestion(found: Suggestion | None) -> dict[str, Any] | None:
    """As ``ShownSuggestion``."""
    if found is None:
        return None
    shown: dict[str, Any] = msgspec.to_builtins(found)
    return shown | {"since": None if found.since is None else from_ns(found.since)}


def failing(examined: Examined) -> int:
    """How many examples came out otherwise."""
    return sum(not one.passed for one in examined.checked)


def json_examples(record: Codec) -> list[dict[str, Any]]:
    """The examples of a registered codec."""
    return msgspec.json.decode(record.examples, type=list[dict[str, Any]])


def _example(place: int, entry: dict[str, Any]) -> Example:
    try:
        return example(entry)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        fault = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise Refused(400, f"Example {place} cannot be read: {fault}.") from error
