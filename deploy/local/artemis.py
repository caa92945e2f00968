"""Apache ActiveMQ Artemis 2.53.0, an MQTT 5 broker whose offline sessions survive kill -9: its settings, its process."""

from pathlib import Path
from xml.sax.saxutils import escape

import msgspec

from deploy.local import classes, java
from deploy.local.plan import Port, Process, Tcp

BROKER = """\
<?xml version="1.0"?>
<configuration xmlns="urn:activemq">
  <core xmlns="urn:activemq:core">
    <name>isthmus</name>
    <persistence-enabled>true</persistence-enabled>
    <journal-type>NIO</journal-type>
    <paging-directory>{data}/paging</paging-directory>
    <bindings-directory>{data}/bindings</bindings-directory>
    <journal-directory>{data}/journal</journal-directory>
    <large-messages-directory>{data}/large</large-messages-directory>
    <node-manager-lock-directory>{data}/lock</node-manager-lock-directory>
    <journal-file-size>10M</journal-file-size>
    <journal-min-files>2</journal-min-files>
    <journal-pool-files>10</journal-pool-files>
    <security-enabled>false</security-enabled>
    <acceptors>
      <acceptor name="mqtt">tcp://127.0.0.1:{port}?protocols=MQTT;useEpoll=false;useKQueue=false</acceptor>
    </acceptors>
    <address-settings>
      <address-setting match="#">
        <auto-create-queues>true</auto-create-queues>
        <auto-create-addresses>true</auto-create-addresses>
        <max-size-bytes>100M</max-size-bytes>
        <address-full-policy>PAGE</address-full-policy>
      </address-setting>
    </address-settings>
  </core>
</configuration>
"""


class Artemis(msgspec.Struct, frozen=True):
    """One broker: where it keeps its data, where it listens, its classes as they are laid out."""

    directory: Path
    java: str
    jars: Path
    port: int
    classes: Path | None = None


def prepare(artemis: Artemis) -> None:
    """Write the settings. Directories are absolute: Artemis takes others from the current directory."""
    etc = artemis.directory / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    data = escape(str(artemis.directory / "data"))
    (etc / "broker.xml").write_text(BROKER.format(data=data, port=artemis.port))


def process(artemis: Artemis) -> Process:
    """The broker's process."""
    options = java.options(artemis.directory / "etc", least_mb=64, most_mb=256)
    main = "org.apache.activemq.artemis.core.server.embedded.Main"
    return Process(
        name="mqtt-broker",
        command=(
            artemis.java,
            *classes.options(artemis.classes),
            *options,
            "-cp",
            f"{artemis.jars}/*",
            main,
            str(artemis.directory),
        ),
        ready=Tcp(artemis.port),
        ports=(Port(artemis.port, "stack.mqtt_port"),),
        stop_s=20,
    )
