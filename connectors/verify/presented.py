"""What may have left the system for a reading: its messages under each mapping that the sink may have known.

A sink shows a reading by a mapping that is never older than the one that placed it, and may be newer. Earlier states of a
mapping that Kafka has compacted away are not known any more.
"""

from collections import defaultdict
from collections.abc import Iterator

from connectors.sinks.outgoing import Message, messages
from streams import avro
from streams.core.records import DeviceMapping, Reading
from streams.scan import scan
from streams.settings import KafkaSettings


class Mappings:
    """Every state of each device's mapping that the log still has."""

    def __init__(self, states: dict[str, list[tuple[int, DeviceMapping | None]]]) -> None:
        self._states = states

    @classmethod
    def read(cls, settings: KafkaSettings) -> "Mappings":
        """From topic `device-mapping`.

        Raises:
            TimeoutError, KafkaException: the log does not answer.
        """
        found: dict[str, list[tuple[int, DeviceMapping | None]]] = defaultdict(list)
        for message in scan(settings, "device-mapping"):
            key, value = message.key() or b"", message.value()
            device = key if isinstance(key, str) else key.decode()
            found[device].append((message.offset() or 0, avro.decode(value, DeviceMapping) if value else None))
        return cls(dict(found))

    def presented(self, reading: Reading) -> Iterator[list[Message]]:
        """The messages under each mapping that the sink may have known, the oldest first."""
        states = self._states.get(reading.device, [])
        placed_by = [state for offset, state in states if offset <= reading.mapping_position]
        later = [state for offset, state in states if offset > reading.mapping_position]
        for mapping in ((placed_by or [None])[-1], *later):
            yield messages(reading, mapping)

    def forgotten(self, reading: Reading) -> bool:
        """Whether there may have been mappings that Kafka has compacted away."""
        states = self._states.get(reading.device, [])
        return bool(states) and states[0][0] > reading.mapping_position
