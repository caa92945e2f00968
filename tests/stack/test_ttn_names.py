"""The registry asks The Things Stack (a stub of ours) for the names of new devices, and waits for nobody."""

import time
from pathlib import Path

from connectors.simulator.poller_stubs import TOKEN, World, application
from streams import avro, kafka
from streams.core.records import DeviceEvent
from tests.serving import serving
from tests.stack.api import Api
from tests.stack.harness import Installation, eventually


def see(installation: Installation, device: str) -> None:
    """An uplink of the device was decoded."""
    event = DeviceEvent(
        kind="seen",
        device=f"ttn:{device}",
        source="ttn",
        at=time.time_ns(),
        source_ids={"app_id": "tanks", "dev_id": device, "dev_eui": device},
        name=device,
    )
    producer = kafka.BatchProducer(installation.settings.kafka)
    producer.send("device-events", event.device, avro.encode(event))
    producer.flush()


def test_a_new_device_gets_its_name_and_place(installation: Installation, tmp_path: Path) -> None:
    world = World()
    world.broken = 503
    world.devices["tanks/tank-07"] = {
        "name": "House tank",
        "locations": {"user": {"latitude": -31.5, "longitude": 148.25}},
    }
    with serving(application(world)) as url:
        at = installation.with_settings(ttn_api={"url": f"{url}/ttn", "token": TOKEN, "attempts": 20})
        api = Api(at, tmp_path, seen_every_s=0.2)
        api.wait_ready()
        with api.client() as client:

            def names() -> list[str]:
                return [device["name"] for device in client.get("/physical/devices/").json()]

            see(at, "tank-07")
            eventually(lambda: names() == ["tank-07"])
            see(at, "nobody")
            eventually(lambda: sorted(names()) == ["nobody", "tank-07"])
            eventually(lambda: world.counts["ttn 503"] > 0)
            world.broken = None
            eventually(lambda: sorted(names()) == ["House tank", "nobody"], 60)
            eventually(lambda: world.counts["ttn 404"] == 1)
            see(at, "tank-07")
            see(at, "last")
            eventually(lambda: sorted(names()) == ["House tank", "last", "nobody"])
            tank = client.get("/physical/devices/1").json()
    assert tank["location"] == {"lat": -31.5, "long": 148.25}
    assert tank["properties"]["ttn"] == world.devices["tanks/tank-07"]
