"""Which values count where a codec was asked about a payload: its own, or those that the network server decoded. Pure."""

from collections.abc import Sequence
from math import isclose, isfinite
from typing import Any

from msgspec import Struct

from streams.core.codec import Answer, Codecs, Decoded
from streams.core.message import CODEC_DIFFERS, Message, Rejected, Value
from streams.core.normalise import leaves

TOLERANCE = 1e-6
"""Relative; some network servers calculate with 32 bits, which is 6e-8 off."""
NEAR_ZERO = 1e-9

DIFFERS, FAILED, RESCUED = "differs-from-network-server", "failed-beside-network-server", "failed-network-server-used"
"""Reasons that are counted."""


class Choice(Struct, frozen=True, gc=False):
    """What becomes of a message: its values (None: nobody has any), and the label of the codec that read them.

    ``quality``: bits for every measurement; ``ignored``: reasons to count; ``rejected``: why the codec has no values.
    """

    values: Sequence[Value] | None
    codec: str | None = None
    quality: int = 0
    ignored: Sequence[str] = ()
    rejected: Rejected | None = None


def choose(message: Message, answered: tuple[Answer, str] | None, codecs: Codecs) -> Choice:
    """The values that count; ``answered``: what the codec that was asked said, and its label."""
    if answered is None:
        return Choice(message.values)
    answer, label = answered
    told = answer if isinstance(answer, (Decoded, Rejected)) else Decoded(answer)
    if message.values is not None and codecs.preference == "compare":
        return _compared(message.values, told)
    if isinstance(told, Decoded):
        return Choice(told.values, label, 0, told.ignored)
    if message.values is not None and codecs.rescue:
        return Choice(message.values, None, 0, [RESCUED])
    return Choice(None, label, rejected=told)


def same(one: Sequence[Value], other: Sequence[Value]) -> bool:
    """Whether both tell the same names and times, numbers within a tolerance; what is null or not finite counts as not told."""
    a, b = _told(one), _told(other)
    return a.keys() == b.keys() and all(_near(value, b[key]) for key, value in a.items())


def _compared(decoded: Sequence[Value], told: Decoded | Rejected) -> Choice:
    if isinstance(told, Rejected):
        return Choice(decoded, None, 0, [FAILED])
    return Choice(decoded) if same(decoded, told.values) else Choice(decoded, None, CODEC_DIFFERS, [DIFFERS])


def _told(values: Sequence[Value]) -> dict[tuple[str, int], Any]:
    """As they would become measurements: objects taken apart, of one name at one time the last."""
    return {(leaf.name, leaf.time): leaf.value for leaf in leaves(values) if _is_told(leaf.value)}


def _is_told(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not isfinite(value))


def _near(one: Any, other: Any) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return isclose(one, other, rel_tol=TOLERANCE, abs_tol=NEAR_ZERO)
    return bool(one == other)
