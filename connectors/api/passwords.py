"""Passwords (argon2) and tokens (random, kept as sha-256 only)."""

import asyncio
import secrets
from collections.abc import Callable
from functools import cached_property
from hashlib import sha256
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

P = ParamSpec("P")
T = TypeVar("T")

TOKEN_BYTES = 64
AT_ONCE = 2
"""argon2 takes 64 MB and a core for a moment: more of them at once would let guessing exhaust the process."""
WAITING = 50
"""More may not wait for their turn: they would wait for many seconds."""


class Busy(Exception):
    """Too many passwords wait to be hashed; try again."""


class Passwords:
    """Hashes and verifies off the loop, a few at once."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._slots, self._inside = asyncio.Semaphore(AT_ONCE), 0

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_hex())

    @property
    def busy(self) -> bool:
        """Whether the next one would be refused."""
        return self._inside >= AT_ONCE + WAITING

    async def hash(self, password: str) -> str:
        """The argon2 hash, with its salt and parameters.

        Raises:
            Busy: too many wait.
        """
        return await self._in_turn(self._hasher.hash, password)

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether the password is the one; takes as long when there is no hash, so that names cannot be guessed.

        Raises:
            Busy: too many wait.
        """
        return await self._in_turn(self._verify, hashed, password)

    async def renewed(self, hashed: str, password: str) -> str:
        """The hash as it would be made today: the same, unless argon2's parameters have changed since.

        Raises:
            Busy: too many wait.
        """
        return await self.hash(password) if self._hasher.check_needs_rehash(hashed) else hashed

    async def _in_turn(self, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        if self.busy:
            raise Busy
        self._inside += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work, *args, **more)
        finally:
            self._inside -= 1

    def _verify(self, hashed: str | None, password: str) -> bool:
        known = hashed if hashed is not None and hashed.startswith("$argon2") else None
        nobodys = self._nobodys
        try:
            return self._hasher.verify(known or nobodys, password) and known is not None
        except (VerificationError, InvalidHashError):
            return False


def new_token() -> str:
    """128 hex digits, as IoTa's tokens."""
    return secrets.token_hex(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """What is kept of a token; a token is random, so a fast hash is enough."""
    return sha256(token.encode()).hexdigest()
