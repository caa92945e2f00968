"""The record of a user and its tokens."""

from msgspec import Struct, field

from streams.core.records import Changed


class Token(Struct, frozen=True, kw_only=True):
    """An access token; only its sha-256 is kept."""

    name: str
    hash: str
    created_at: int
    expires_at: int

    def __repr__(self) -> str:
        """Without the hash."""
        return f"Token({self.name!r})"


class User(Changed, frozen=True, kw_only=True):
    """A person or program that may use the API; ``role`` is admin or read-only, ``password`` an argon2 hash."""

    uid: int
    username: str
    password: str
    role: str
    valid: bool = True
    tokens: list[Token] = field(default_factory=list)
    deleted_at: int | None = None

    def __repr__(self) -> str:
        """Without the hashes."""
        return f"User({self.uid}, {self.username!r}, {self.role!r}, valid={self.valid})"
