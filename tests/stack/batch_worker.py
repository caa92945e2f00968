"""A worker of the tests: copies `raw` to `readings` by batch delivery, at a pace of its own.

`python -m tests.stack.batch_worker PAUSE_S` with the settings of an installation in the environment.
"""

import asyncio
import sys

from streams import kafka, log, settings
from streams.agents import app
from streams.agents.batch import Batch


def main() -> None:
    loaded = settings.load()
    log.configure(loaded.log, "batch-worker")
    app.run(loaded, ("raw", "readings"), lambda: make(loaded, float(sys.argv[1])), loaded.decode.health_port)


def make(loaded: settings.Settings, pause_s: float) -> app.App:
    producer = kafka.BatchProducer(loaded.kafka)
    made = app.create_app(loaded.kafka, "decode", instance=loaded.decode.instance, batch_max=loaded.decode.batch_max)

    async def handle(batch: Batch) -> None:
        for record in batch.records:
            producer.send("readings", record.key, record.value)
        await asyncio.to_thread(producer.flush)
        if pause_s:
            await asyncio.sleep(pause_s)
        batch.done()

    made.handle(kafka.topic(loaded.kafka, "raw"), handle)
    return made


if __name__ == "__main__":
    main()
