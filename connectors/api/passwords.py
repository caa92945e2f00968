"""Passwords (argon2) and tokens (random, kept as sha-256 only)."""

import asyncio
import secrets
from functools import cached_property
from hashlib import sha256

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

TOKEN_BYTES = 64
AT_ONCE = 2
"""argon2 takes 64 MB and a core for a moment: more of them at once would let guessing exhaust the process."""


class Passwords:
    """Hashes and verifies off the loop, a few at once."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._slots = asyncio.Semaphore(AT_ONCE)

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_hex())

    async def hash(self, password: str) -> str:
        """The argon2 hash, with its salt and parameters."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether the password is the one; takes as long when there is no hash, so that names cannot be guessed."""
        async with self._slots:
            return await asyncio.to_thread(self._verify, hashed, password)

    def _verify(self, hashed: str | None, password: str) -> bool:
        nobodys = self._nobodys
        try:
            return self._hasher.verify(nobodys if hashed is None else hashed, password) and hashed is not None
        except (VerificationError, InvalidHashError):
            return False


def new_token() -> str:
    """128 hex digits, as IoTa's tokens."""
    return secrets.token_hex(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """What is kept of a token; a token is random, so a fast hash is enough."""
    return sha256(token.encode()).hexdigest()
