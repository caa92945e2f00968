"""`schemas/topics.toml` against the rest of the system."""

import re
from pathlib import Path

import schemas
from streams import avro, topics
from streams.settings import KafkaSettings

ROOT = Path(__file__).parents[1]
PROCESSES = {"mqtt", "webhook", "decode", "window", "api", "replay", "sink", "poller", "import"}
SINKS = {"clickhouse", "clickhouse-log", "files", "archive", "device-logs", "ubidots", "log"}


def test_every_value_of_a_topic_has_a_schema() -> None:
    values = {part for declared in schemas.topics().values() for part in re.split(" or ", declared["value"])} - {"none"}

    assert values == set(schemas.names())


def test_every_schema_has_a_record() -> None:
    assert set(avro.TYPES) == set(schemas.names())


def test_versions_of_a_schema_have_no_gap() -> None:
    for name in schemas.names():
        files = sorted(path.name for path in (ROOT / "schemas" / name).glob("*.avsc"))
        assert files == [f"v{n + 1}.avsc" for n in range(len(files))]


def test_writers_and_readers_are_processes_that_exist() -> None:
    for name, declared in schemas.topics().items():
        for process in (*declared["written_by"], *declared["read_by"]):
            kind, _, sink = process.partition(" ")
            assert kind in PROCESSES, name
            assert not sink or sink in SINKS, name


def test_data_topics_get_the_partition_count_of_the_settings() -> None:
    made = {new.topic: new for new in topics.wanted(KafkaSettings(partitions=6, prefix="x."))}

    assert made["x.raw"].num_partitions == made["x.readings"].num_partitions == made["x.aggregates"].num_partitions == 6
    assert made["x.device-mapping"].num_partitions == 1


def test_segments_are_small_and_larger_than_any_record() -> None:
    def segment(**settings: int) -> str:
        return next(
            str((n.config or {})["segment.bytes"]) for n in topics.wanted(KafkaSettings(**settings)) if n.topic == "raw"
        )

    assert segment() == "134217728"
    assert segment(max_record_bytes=100_000_000) == "200000000"


def test_raw_is_kept_for_ever_unless_the_settings_say_otherwise() -> None:
    def retention(settings: KafkaSettings) -> str:
        return next(str((new.config or {})["retention.ms"]) for new in topics.wanted(settings) if new.topic == "raw")

    assert retention(KafkaSettings()) == "-1"
    assert retention(KafkaSettings(raw_retention_hours=2)) == "7200000"
