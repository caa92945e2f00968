"""A logical device made after a physical one: the same name and place. Source: IoTa's ``ld cpd``."""

from functools import partial

from streams.registry import devices, mappings
from streams.registry.devices import Given
from streams.registry.state import LOGICAL, Author, Change, State
from streams.registry.together import together


def copy(
    state: State, physical_uid: int, author: Author, *, map_from: int | None = None, force: bool = False
) -> list[Change]:
    """Make it and, with ``map_from`` (ns), map the physical device to it from then on. The new device comes first.

    Raises:
        Refused: 404 unknown device; 400 it is mapped and ``force`` is not given.
    """
    box = state.physical_device(physical_uid)
    like = Given(fields=frozenset(), name=box.name, location=box.location, last_seen=box.last_seen)
    create = partial(devices.create_logical, given=like, author=author)
    if map_from is None:
        return create(state)
    uid = state.next_uid(LOGICAL)
    begin = partial(mappings.start, physical_uid=physical_uid, logical_uid=uid, at=map_from, author=author, force=force)
    return list(together([create, begin])(state))
