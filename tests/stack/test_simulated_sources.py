"""`isthmus simulate --profile …` through the real doors: factory sensors, vibration sensors, sensors that sign."""

import time
from pathlib import Path
from typing import Any

from connectors.simulator import factory
from tests.ports import free_port
from tests.stack.harness import Installation, eventually
from tests.stack.replay_run import Running
from tests.stack.replay_world import World

SOON_S = 10
"""so soon a heartbeat is a device that people find (row PoC-01), on a quiet machine"""


def test_every_profile_is_found_and_stored(installation: Installation, tmp_path: Path) -> None:
    port = free_port()
    broker = {"port": installation.stack.mqtt_port, "client_id": installation.unique}
    run = Running(installation, tmp_path, World(1), mqtt={"brokers": [broker]}, webhook={"port": port})
    run.start("decode", "window", "clickhouse", "clickhouse-log")
    for name in ("mqtt", "webhook"):
        run.installation.start("run", name, section=name, log=tmp_path / f"{name}.log")
    run.installation.start("run", "sink", "device-logs", section="sink", log=tmp_path / "device-logs.log")

    simulated(run, "factory40", "--rate", "100", "--duration", "0.8")
    began = time.monotonic()
    known = eventually(lambda: devices(run, 40), SOON_S)
    print(f"40 devices after {time.monotonic() - began:.1f} s")
    for sensor in factory.sensors(1):
        device = known[f"factory:{sensor.identity}"]
        told = device["properties"]
        assert (device["name"], told["location"], told["state"]) == (sensor.alias, sensor.location, "online")
        assert (told["ip_addr"], told["mac_addr"], told["poll_interval_ms"]) == (
            f"10.0.0.{sensor.number + 1}", f"02:00:00:00:00:{sensor.number:02x}", str(sensor.interval * 1000),
        )  # fmt: skip
        assert device["last_seen"]

    simulated(run, "signed", "--register", "--devices", "3", "--rate", "30", "--duration", "1")
    simulated(run, "vibration", "--devices", "2", "--hz", "500", "--rate", "20", "--duration", "0.5")
    stored = {"factory": 40 * 2 + 40, "signed": 30 * 2, "vibration": 3 * 2 * 500 + 2}
    eventually(lambda: counts(run) == stored)
    lines = eventually(lambda: logged(run, 2))
    assert all(line.endswith(' level="INFO" message="Booting completed"\n') for line in lines)
    # Points are there; aggregates and latest follow within seconds.
    assert eventually(lambda: run.api.command("verify", "--ledger", str(tmp_path / "ledger")).returncode == 0)
    run.close()


def simulated(run: Running, profile: str, *options: str) -> None:
    ledger = str(run.directory / "ledger")
    done = run.api.command("simulate", "--profile", profile, "--ledger", ledger, *options)
    assert done.returncode == 0, done.stdout + done.stderr


def devices(run: Running, count: int) -> dict[str, dict[str, Any]]:
    """By key, when the API lists so many that have announced themselves."""
    with run.api.client() as client:
        found = client.get("/physical/devices/", params={"source_name": "factory", "size": 100}).json()
    listed = {device["device"]: device for device in found if "alias" in device["properties"]}
    return listed if len(listed) == count else {}


def logged(run: Running, count: int) -> list[str]:
    """The contents of the files of device logs, as soon as there are so many."""
    found = [path.read_text("utf-8") for path in run.installation.settings.files.device_logs.rglob("*.log")]
    return found if len(found) == count and all(found) else []


def counts(run: Running) -> dict[str, int]:
    """Points by source."""
    rows = run.store.rows("SELECT source, count() FROM readings GROUP BY source")
    return {str(source): int(number) for source, number in rows}
