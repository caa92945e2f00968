"""mosquitto in place of Artemis: faster to start, but what it had not saved is lost at kill -9."""

import os
import shutil
from pathlib import Path

import msgspec

from deploy.local.plan import Port, Process, StackError, Tcp

SETTINGS = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {data}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 100000
log_dest stderr
log_type error
log_type warning
log_type notice
"""
SYSTEM_DIRECTORIES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
"""Where packages put it without a person's PATH knowing."""


class MosquittoMissing(StackError):
    """The program is not installed; the message says what to do."""


class Mosquitto(msgspec.Struct, frozen=True):
    """One broker: where it keeps its data and where it listens."""

    directory: Path
    port: int


def prepare(mosquitto: Mosquitto) -> None:
    """Write the settings."""
    data = mosquitto.directory / "data"
    data.mkdir(parents=True, exist_ok=True)
    (mosquitto.directory / "mosquitto.conf").write_text(SETTINGS.format(port=mosquitto.port, data=data))


def process(mosquitto: Mosquitto) -> Process:
    """The broker's process.

    Raises:
        MosquittoMissing: mosquitto is not installed.
    """
    found = shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), *SYSTEM_DIRECTORIES)))
    if found is None:
        raise MosquittoMissing("stack.mqtt_broker is mosquitto, which is not installed (or set it to artemis)")
    return Process(
        name="mqtt-broker",
        command=(found, "-c", str(mosquitto.directory / "mosquitto.conf")),
        ready=Tcp(mosquitto.port),
        ports=(Port(mosquitto.port, "stack.mqtt_port"),),
        stop_s=10,
    )
