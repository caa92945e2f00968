"""Generations that the API opens when it starts, on real Kafka."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event

from confluent_kafka import TopicPartition

from streams import avro, kafka
from streams.core.records import Generation, Reading
from streams.registry import generations
from streams.registry.hashes import code_hash
from streams.scan import scan
from streams.settings import KafkaSettings
from tests.stack import doors, raw_log
from tests.stack.api import Api
from tests.stack.harness import Installation, eventually


@contextmanager
def flowing(settings: KafkaSettings) -> Iterator[list[int]]:
    """Raw records without a break; at the end the list holds how many there were."""
    stop, sent = Event(), list[int]()

    def send() -> int:
        for number in count():
            raw_log.write_raw(settings, (raw_log.json_record(50 * number + more) for more in range(50)))
            if stop.wait(0.005):
                return 50 * (number + 1)
        return 0

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(send)
        try:
            yield sent
        finally:
            stop.set()
        sent.append(running.result(30))


def test_other_code_in_the_newest_generation_opens_the_next_at_the_ends_of_raw_though_agents_stopped_before(
    installation: Installation, tmp_path: Path
) -> None:
    settings = installation.settings.kafka
    old = Generation(
        number=4, fences={"0": 0}, code="older", codecs="", rules="", opened_at=1, opened_by="past", why="then"
    )
    producer = kafka.BatchProducer(settings)
    producer.send("generations", "4", avro.encode(old))
    for _ in range(3):
        producer.send("raw", "x", b"anything", 2)
    producer.flush()
    reader = kafka.consumer(settings, "decode")
    reader.commit(offsets=[TopicPartition(kafka.topic(settings, "raw"), 2, 1)], asynchronous=False)
    reader.close()
    api = Api(installation, tmp_path)
    api.wait_ready()
    with api.client() as client:
        eventually(lambda: len(client.get("/generations").json()) == 2)
        newest, oldest = client.get("/generations").json()
    assert (oldest["number"], newest["number"], newest["code"]) == (4, 5, code_hash())
    assert newest["why"] == "code and codecs and rules changed"
    assert newest["fences"] == {"0": 0, "1": 0, "2": 3, "3": 0}


def test_no_record_beyond_a_fence_is_decoded_as_before_it_however_soon_it_comes(
    installation: Installation, tmp_path: Path
) -> None:
    settings = installation.settings.kafka
    api = Api(installation, tmp_path)
    api.wait_ready()
    installation.start("run", "decode", section="decode", log=tmp_path / "decode.log")
    with flowing(settings) as sent, api.client() as client:
        for number in range(2, 10):
            told = {"measurement": f"m{number}", "target": "temperature"}
            client.put(f"/rules/r{number}", json=told).raise_for_status()
            eventually(lambda wanted=number: len(client.get("/generations").json()) == wanted)  # type: ignore[misc]
        opened = list(client.get("/generations").json())
    eventually(lambda: len(doors.contents(installation, "readings", Reading)) >= sent[0])

    readings = doors.contents(installation, "readings", Reading)
    fences = {generation["number"]: generation["fences"] for generation in opened}
    wrong = [reading for reading in readings if reading.generation != _in_force(fences, reading)]

    assert wrong == []
    assert len({reading.generation for reading in readings}) > 2


def _in_force(fences: dict[int, dict[str, int]], reading: Reading) -> int:
    return max(number for number, its in fences.items() if its[str(reading.raw_partition)] <= reading.raw_offset)


def test_the_newest_raw_record_was_appended_when_kafka_says(installation: Installation) -> None:
    settings = installation.settings.kafka
    assert generations.appended_at(settings) == {}
    producer = kafka.BatchProducer(settings)
    for partition in (2, 0, 1):
        producer.send("raw", "x", b"anything", partition)
        producer.flush()

    times = {message.partition(): message.timestamp()[1] * 1_000_000 for message in scan(settings, "raw")}

    assert times.keys() == {0, 1, 2}
    assert generations.appended_at(settings) == times
