"""How often somebody may try a password: pure, the time is an argument.

Failed tries are counted by name, by address, and by the two together. Beyond a few, each further one doubles the time for
which the next is refused, up to a longest time. What is refused costs no hash and prolongs nothing. Unknown names count like
known ones. A name that has logged in from an address before is held up there only by failures of its own from there, so that
strangers who try an administrator's name do not keep the administrator out. Tokens are never held up.
"""

import secrets
from collections import OrderedDict
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TypeVar

from msgspec import Struct

T = TypeVar("T")

HELD = 10_000
"""Names, addresses, and pairs of them that are remembered, each; the ones that were quiet longest go."""
FORGET_S = 900
"""Failures are forgotten when none has come for so long."""


class Limit(Struct, frozen=True):
    """``free`` failures cost nothing; then the wait is 1 s, 2 s, 4 s … ``longest_s``."""

    free: int
    longest_s: float

    def wait_s(self, failures: int) -> float:
        """How long the next try is refused after so many failures."""
        return 0 if failures < self.free else min(self.longest_s, 2.0 ** min(failures - self.free, 60))


BY_NAME = Limit(free=10, longest_s=30)
"""Short, since strangers can bring it about; a name is still tried no more than 3,000 times a day, from however many places."""
BY_ADDRESS = Limit(free=30, longest_s=300)
BY_BOTH = Limit(free=5, longest_s=60)


class _Tries(Struct):
    failures: int
    until: float
    last: float


class Guessing:
    """Remembers tries in bounded memory, by keyed hashes: a name may be long, or a password in the wrong field."""

    def __init__(self, held: int = HELD) -> None:
        self._held, self._key = held, secrets.token_bytes(16)
        self._tries: dict[Limit, OrderedDict[bytes, _Tries]] = {
            limit: OrderedDict() for limit in (BY_NAME, BY_ADDRESS, BY_BOTH)
        }
        self._trusted: OrderedDict[bytes, None] = OrderedDict()

    def admit(self, name: str, address: str, now: float) -> float:
        """Seconds for which this try is refused; 0: let it be tried.

        An admitted try counts as failed until ``succeeded`` takes it back, so that many at once gain nothing. ``now``:
        seconds of any clock that never goes back.
        """
        keys = self._keys(name, address)
        wait = max(self._until(limit, key, now) - now for limit, key in keys.items())
        if wait <= 0:
            for limit, key in keys.items():
                self._count(limit, key, now)
        return max(wait, 0)

    def succeeded(self, name: str, address: str) -> None:
        """The password was right: this try was no failure, and the name is trusted at this address."""
        keys = self._keys(name, address)
        both = keys.pop(BY_BOTH)
        for limit, key in keys.items():
            if (tries := self._tries[limit].get(key)) is not None:
                tries.failures = max(tries.failures - 1, 0)
        self._tries[BY_BOTH].pop(both, None)
        _keep(self._trusted, both, None, self._held)

    def __len__(self) -> int:
        return len(self._trusted) + sum(map(len, self._tries.values()))

    def _keys(self, name: str, address: str) -> dict[Limit, bytes]:
        """What counts for this try."""
        network = _network(address)
        both = self._hash(name, network)
        if both in self._trusted:
            return {BY_BOTH: both}
        return {BY_NAME: self._hash(name), BY_ADDRESS: self._hash(network), BY_BOTH: both}

    def _until(self, limit: Limit, key: bytes, now: float) -> float:
        tries = self._tries[limit].get(key)
        return tries.until if tries is not None and now - tries.last <= FORGET_S else now

    def _count(self, limit: Limit, key: bytes, now: float) -> None:
        held = self._tries[limit]
        before = held.get(key)
        failures = 1 if before is None or now - before.last > FORGET_S else before.failures + 1
        _keep(held, key, _Tries(failures, now + limit.wait_s(failures), now), self._held)

    def _hash(self, *parts: str) -> bytes:
        text = "\x00".join(parts).encode("utf-8", "surrogatepass")
        return blake2b(text, digest_size=16, key=self._key).digest()


def _network(address: str) -> str:
    """Whoever has an IPv6 address has all of its /64."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(known, IPv6Address):
        return address
    return str(known.ipv4_mapped or ip_network((known, 64), strict=False))


def _keep(held: OrderedDict[bytes, T], key: bytes, value: T, most: int) -> None:
    held[key] = value
    held.move_to_end(key)
    if len(held) > most:
        held.popitem(last=False)
