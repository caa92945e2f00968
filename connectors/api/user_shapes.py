"""What callers send and get about users and their tokens. Passwords are never shown, nor repeated in a fault."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StrictBool

from connectors.api.times import from_ns
from streams.core.user_record import Token, User
from streams.registry.users import ADMIN, READ_ONLY

USERNAME = r"^[^:/?#%\s\x00-\x1f\x7f]+$"
"""A colon ends the name in HTTP Basic; the others would not stand in a path."""
SHORTEST, LONGEST = 8, 1000
"""characters of a password"""


def _a_number(value: Any) -> Any:
    """No text that looks like one; 3.0 is 3 in JSON."""
    if isinstance(value, str | bool):
        raise ValueError("give a number")
    return value


def _long_enough(password: SecretStr) -> SecretStr:
    """A sentence that tells nothing of the password."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"a password has {SHORTEST} to {LONGEST} characters")
    return password


Username = Annotated[str, Field(pattern=USERNAME, max_length=1000)]
TokenName = Annotated[str, Field(pattern=USERNAME, max_length=100)]
Password = Annotated[
    SecretStr, AfterValidator(_long_enough), Field(json_schema_extra={"minLength": SHORTEST, "maxLength": LONGEST})
]
Secret = Annotated[str, Field(examples=["3f0c…"], description="128 hexadecimal digits")]
Role = Literal["admin", "read-only"]
Days = Annotated[
    int,
    Field(ge=1, le=3650, description="default: as a login's, setting `api.token_days`"),
    BeforeValidator(_a_number),
]


def _example(text: str) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [json.loads(text)]})


class NewUser(BaseModel):
    """A person or program. ``valid`` false: disabled until enabled."""

    username: Username
    password: Password
    role: Role = "read-only"
    valid: StrictBool = True

    model_config = _example('{"username": "ann", "password": "correct horse", "role": "admin"}')


class UserEdit(BaseModel):
    """What is not given stays. ``valid`` false disables: neither password nor tokens are accepted until it is true again."""

    role: Role | None = None
    valid: StrictBool | None = None

    model_config = _example('{"valid": false}')


class NewPassword(BaseModel):
    """Another password for a user. Whoever holds a token of theirs must log in again, unless ``end_tokens`` is false."""

    password: Password
    end_tokens: StrictBool = True

    model_config = _example('{"password": "correct horse battery"}')


class OwnPassword(BaseModel):
    """The caller's next password."""

    password: Password

    model_config = _example('{"password": "correct horse battery"}')


class NewToken(BaseModel):
    """A token for a program; its name says which."""

    name: TokenName
    days: Days | None = None

    model_config = _example('{"name": "grafana", "days": 365}')


class Refresh(BaseModel):
    """The token that replaces all others."""

    name: TokenName = "login"
    days: Days | None = None

    model_config = _example('{"name": "collector", "days": 365}')


class ShownToken(BaseModel):
    """A token, without its secret. ``current``: it is the one of this request."""

    name: str
    created_at: datetime
    expires_at: datetime
    current: bool

    model_config = _example(
        '{"name": "login", "created_at": "2026-11-01T08:00:00+00:00",'
        ' "expires_at": "2027-01-30T08:00:00+00:00", "current": true}'
    )


class GivenToken(BaseModel):
    """A new token. ``token`` is shown this once; only a hash of it is kept."""

    name: str
    token: str
    created_at: datetime
    expires_at: datetime

    model_config = _example(
        '{"name": "grafana", "token": "3f0c…", '
        '"created_at": "2026-11-01T08:00:00+00:00", "expires_at": "2027-11-01T08:00:00+00:00"}'
    )


class ShownUser(BaseModel):
    """A user."""

    uid: int
    username: str
    role: str
    read_only: bool
    valid: bool
    tokens: int

    model_config = _example(
        '{"uid": 1, "username": "ann", "role": "admin", "read_only": false, "valid": true, "tokens": 2}'
    )


class Whoami(BaseModel):
    """Who calls, and until when their token lasts; null for the operator of the API's machine."""

    username: str
    role: str
    read_only: bool
    token_name: str | None
    expires_at: datetime | None

    model_config = _example(
        '{"username": "ann", "role": "admin", "read_only": false, '
        '"token_name": "login", "expires_at": "2027-01-30T08:00:00+00:00"}'
    )


def user(known: User, now: int) -> dict[str, Any]:
    """As ``ShownUser``; ``now`` in ns."""
    return {
        "uid": known.uid,
        "username": known.username,
        "role": known.role,
        "read_only": known.role == READ_ONLY,
        "valid": known.valid,
        "tokens": len(_alive(known, now)),
    }


def tokens(known: User, now: int, current: str) -> list[dict[str, Any]]:
    """As ``ShownToken``, oldest first; expired ones are left out. ``current``: the hash of the request's own."""
    return [
        {
            "name": token.name,
            "created_at": from_ns(token.created_at),
            "expires_at": from_ns(token.expires_at),
            "current": token.hash == current,
        }
        for token in _alive(known, now)
    ]


def whoami(name: str, known: User | None, current: str) -> dict[str, Any]:
    """As ``Whoami``; the operator is no user."""
    token = next((held for held in known.tokens if held.hash == current), None) if known else None
    role = known.role if known else ADMIN
    return {
        "username": name,
        "role": role,
        "read_only": role == READ_ONLY,
        "token_name": token.name if token else None,
        "expires_at": from_ns(token.expires_at) if token else None,
    }


def given(kept: Token, token: str) -> dict[str, Any]:
    """As ``GivenToken``."""
    times = {"created_at": from_ns(kept.created_at), "expires_at": from_ns(kept.expires_at)}
    return {"name": kept.name, "token": token} | times


def _alive(known: User, now: int) -> list[Token]:
    return [token for token in known.tokens if token.expires_at > now]
