"""What callers send and get about topics of signed messages. A key goes in, and never comes out: only its fingerprint."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.api.bodies import Time
from connectors.api.shapes import Answer
from connectors.api.times import from_ns, to_ns
from streams.core.names import NAME_LIMIT, is_name
from streams.core.signed_topic import SignedField, SignedKey, SignedTopic
from streams.registry.signed_topics import GivenKey

YEARS_100 = 100 * 366 * 86_400
TIMES = ("ts", "ts_ns")


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError("no control characters, no blanks at the ends")
    return text


def _topic(text: str) -> str:
    if not is_name(f"signed:{text}") or set(text) & {"+", "#"}:
        raise ValueError("an exact topic: no + and no #, no control characters")
    return text


Named = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT), AfterValidator(_name)]
Topic = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT), AfterValidator(_topic)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Strict(BaseModel):
    """A misspelt member is refused: what it meant would silently not hold."""

    model_config = ConfigDict(extra="forbid")


class FieldBody(Strict):
    """A field of the payload; bounds are inclusive."""

    type: Literal["float", "int", "str", "bool"]
    unit: str = Field("", max_length=100)
    min: Number | None = None
    max: Number | None = None
    required: bool = True

    @model_validator(mode="after")
    def _bounds(self) -> "FieldBody":
        if self.type in {"str", "bool"} and (self.min is not None or self.max is not None):
            raise ValueError("only float and int have min and max")
        if self.min is not None and self.max is not None and self.max < self.min:
            raise ValueError("max is below min")
        return self


class KeyBody(Strict):
    """A new key, or the fingerprint of one that the topic has; it counts for what is received in these times."""

    key: SecretStr | None = Field(None, min_length=8, max_length=1000, description="shared secret; never shown again")
    fingerprint: str | None = Field(None, pattern="^[0-9a-f]{8}$")
    not_before: Time | None = None
    not_after: Time | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "KeyBody":
        if (self.key is None) == (self.fingerprint is None):
            raise ValueError("give either key or fingerprint")
        return self

    def given(self) -> GivenKey:
        """For the registry."""
        return GivenKey(
            key=None if self.key is None else self.key.get_secret_value(),
            fingerprint=self.fingerprint,
            not_before=None if self.not_before is None else to_ns(self.not_before),
            not_after=None if self.not_after is None else to_ns(self.not_after),
        )


class SignedTopicBody(Strict):
    """What holds for a topic. ``raw_retention_s`` must be said: data without an end fill every disk.

    Views hide what is older than its retention; nothing is deleted by it.
    """

    dataset: Named
    tags: dict[Named, Named] = {}
    fields: dict[Named, FieldBody]
    extra_fields: bool = Field(default=False, description="take fields that are not named")
    keys: list[KeyBody] | None = Field(None, max_length=16, description="none: they stay as they are")
    freshness_s: int = Field(0, ge=0, le=YEARS_100, description="how far ts may be from receipt; 0: any")
    raw_retention_s: int = Field(ge=1, le=YEARS_100)
    aggregate_retention_s: int | None = Field(None, ge=1, le=YEARS_100)

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "dataset": "greenhouse",
                    "tags": {"house": "3", "bench": "north"},
                    "fields": {
                        "temperature": {"type": "float", "unit": "°C", "min": -40, "max": 85},
                        "humidity": {"type": "float", "unit": "%", "min": 0, "max": 100},
                    },
                    "keys": [{"fingerprint": "5f0c2a91", "not_after": "2026-12-01T00:00:00+00:00"}],
                    "raw_retention_s": 86400,
                    "aggregate_retention_s": 2592000,
                }
            ]
        },
    )

    @model_validator(mode="after")
    def _no_times(self) -> "SignedTopicBody":
        taken = sorted(set(self.fields) & set(TIMES))
        if taken:
            raise ValueError(f"{', '.join(taken)}: the message's time is no field")
        return self

    def record(self, topic: str) -> SignedTopic:
        """For the registry, without keys."""
        return SignedTopic(
            topic=topic,
            dataset=self.dataset,
            tags=self.tags,
            fields=[SignedField(name=name, **told.model_dump()) for name, told in self.fields.items()],
            extra_fields=self.extra_fields,
            freshness=self.freshness_s,
            raw_retention=self.raw_retention_s,
            aggregate_retention=self.aggregate_retention_s,
        )

    def given_keys(self) -> list[GivenKey] | None:
        """For the registry; None: not told."""
        return None if self.keys is None else [key.given() for key in self.keys]


class NewSignedTopic(SignedTopicBody):
    """A topic to be."""

    topic: Topic


class ShownKey(Answer):
    """A key, by the first digits of a hash of it."""

    fingerprint: str
    not_before: datetime | None
    not_after: datetime | None


class ShownSignedTopic(Answer):
    """A topic of signed messages. Views hide what is older than its retention; nothing is deleted by it."""

    topic: str
    device: str
    dataset: str
    tags: dict[str, str]
    fields: dict[str, FieldBody]
    extra_fields: bool
    keys: list[ShownKey]
    freshness_s: int
    raw_retention_s: int
    aggregate_retention_s: int | None
    changed_at: datetime
    changed_by: str
    why: str


def shown(topic: SignedTopic) -> dict[str, Any]:
    """As ``ShownSignedTopic``."""
    return {
        "topic": topic.topic,
        "device": f"signed:{topic.topic}",
        "dataset": topic.dataset,
        "tags": topic.tags,
        "fields": {known.name: _field(known) for known in topic.fields},
        "extra_fields": topic.extra_fields,
        "keys": [_key(key) for key in topic.keys],
        "freshness_s": topic.freshness,
        "raw_retention_s": topic.raw_retention,
        "aggregate_retention_s": topic.aggregate_retention,
        "changed_at": from_ns(topic.changed_at),
        "changed_by": topic.changed_by,
        "why": topic.why,
    }


def _field(known: SignedField) -> dict[str, Any]:
    return {
        "type": known.type,
        "unit": known.unit,
        "min": known.min,
        "max": known.max,
        "required": known.required,
    }


def _key(key: SignedKey) -> dict[str, Any]:
    times = {"not_before": key.not_before, "not_after": key.not_after}
    return {"fingerprint": key.fingerprint} | {
        name: None if time is None else from_ns(time) for name, time in times.items()
    }
