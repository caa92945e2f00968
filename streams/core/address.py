"""What a record's address says besides its source: the MQTT topic's levels, or what follows the source in a URL."""

from streams.core.records import RawRecord


def tail(record: RawRecord) -> str:
    """What follows the first level of an MQTT topic, or ``/webhooks/<source>/``; empty where nothing does."""
    address = record.address.removeprefix(f"/webhooks/{record.source}") if record.transport == "http" else ""
    return address.strip("/") if record.transport == "http" else record.address.partition("/")[2]


def topic(record: RawRecord) -> str:
    """The whole MQTT topic; over HTTP what follows ``/webhooks/<source>/`` stands for it."""
    return tail(record) if record.transport == "http" else record.address
