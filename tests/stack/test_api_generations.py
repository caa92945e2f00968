"""Generations that the API opens when it starts, on real Kafka."""

from pathlib import Path

from streams import avro, kafka
from streams.core.records import Generation
from streams.registry.hashes import code_hash
from tests.stack.api import Api
from tests.stack.harness import Installation, eventually


def test_other_code_in_the_newest_generation_opens_the_next_at_the_ends_of_raw(
    installation: Installation, tmp_path: Path
) -> None:
    settings = installation.settings.kafka
    old = Generation(
        number=4, fences={"0": 0}, code="older", codecs="", rules="", opened_at=1, opened_by="past", why="then"
    )
    producer = kafka.BatchProducer(settings)
    producer.send("generations", "4", avro.encode(old))
    producer.flush()
    reader = kafka.consumer(settings, "decode")
    reader.subscribe([kafka.topic(settings, "raw")])
    eventually(lambda: [reader.poll(0.1)] and reader.assignment())
    for _ in range(3):
        producer.send("raw", "x", b"anything", 2)
    producer.flush()
    api = Api(installation, tmp_path)
    api.wait_ready()
    with api.client() as client:
        eventually(lambda: len(client.get("/generations").json()) == 2)
        newest, oldest = client.get("/generations").json()
    reader.close()
    assert (oldest["number"], newest["number"], newest["code"]) == (4, 5, code_hash())
    assert newest["why"] == "code and codecs and rules changed"
    assert newest["fences"] == {"0": 0, "1": 0, "2": 3, "3": 0}
