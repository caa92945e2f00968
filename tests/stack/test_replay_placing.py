"""Mapping changes wait for what a decode worker may hold, and are looked at again when an undo asks for it."""

from connectors.replays.placing import MappingChanges
from streams import avro, kafka
from streams.core.records import DeviceMapping, Interval
from tests.stack import raw_log
from tests.stack.harness import Installation, eventually

DEVICE = "json:probe"


def map_device(installation: Installation) -> None:
    producer = kafka.BatchProducer(installation.settings.kafka)
    mapping = DeviceMapping(device=DEVICE, physical_uid=1, intervals=[Interval(7, 0)])
    producer.send("device-mapping", DEVICE, avro.encode(mapping))
    producer.flush()


def due(changes: MappingChanges) -> list[str]:
    changes.read()
    return list(changes.due())


def test_a_change_waits_for_decode_and_is_looked_at_again_when_asked(installation: Installation) -> None:
    made = installation.with_settings(replay={"place_after_s": 0.0})
    log = made.settings.kafka
    producer = kafka.BatchProducer(log)
    producer.send("raw", "a", b"not decoded yet")
    producer.flush()
    map_device(made)
    changes = MappingChanges(made.settings)
    try:
        for _ in range(10):
            assert not due(changes)
        raw_log.commit(log, raw_log.ends(log))
        assert eventually(lambda: due(changes)) == [DEVICE]
        changes.done(changes.due())
        for _ in range(10):
            assert not due(changes)
        changes.again(0)
        assert eventually(lambda: due(changes)) == [DEVICE]
    finally:
        changes.close()
