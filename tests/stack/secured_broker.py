"""A broker of its own that speaks TLS only and knows its users: what the shared one does not."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
from msgspec import Struct

from deploy.local import artemis, jars, java
from tests.certificates import certificate
from tests.ports import free_port
from tests.stack.harness import eventually

USERS = {"ann": "a secret of ann", "device": "a secret of the device"}
LOGIN = """\
users {
  org.apache.activemq.artemis.spi.core.security.jaas.PropertiesLoginModule required
    org.apache.activemq.jaas.properties.user="users.properties"
    org.apache.activemq.jaas.properties.role="roles.properties";
};
"""
MAY = (
    "send",
    "consume",
    "createAddress",
    "createNonDurableQueue",
    "createDurableQueue",
    "deleteDurableQueue",
    "browse",
)
ROLES = "".join(f'<permission type="{may}" roles="people"/>' for may in MAY)


class SecuredBroker(Struct, frozen=True):
    """Where it listens, and the file that vouches for it."""

    port: int
    ca_file: Path

    def entry(self, user: str, **more: Any) -> dict[str, Any]:
        """An entry of `mqtt.brokers`."""
        known = {"port": self.port, "tls": True, "ca_file": str(self.ca_file), "session_expiry_s": 600}
        return known | {"username": user, "password": USERS[user]} | more

    def client(self, user: str) -> aiomqtt.Client:
        """For a publisher."""
        return aiomqtt.Client(
            "127.0.0.1",
            self.port,
            username=user,
            password=USERS[user],
            protocol=aiomqtt.ProtocolVersion.V5,
            tls_params=aiomqtt.TLSParameters(ca_certs=str(self.ca_file)),
            timeout=30,
        )


@contextmanager
def secured_broker(directory: Path) -> Iterator[SecuredBroker]:
    """Artemis with TLS, users and permissions, stopped at the end."""
    cert, key = certificate(directory)
    made = artemis.Artemis(directory, java.find(), jars.fetch(jars.ARTEMIS, jars.default_cache()), free_port())
    artemis.prepare(made)
    etc = directory / "etc"
    (etc / "server.pem").write_bytes(key.read_bytes() + cert.read_bytes())
    _secure(etc / "broker.xml", etc / "server.pem")
    (etc / "users.properties").write_text("".join(f"{name}={secret}\n" for name, secret in USERS.items()))
    (etc / "roles.properties").write_text(f"people={','.join(USERS)}\n")
    (etc / "login.config").write_text(LOGIN)
    program, *arguments = artemis.process(made).command
    command = [program, f"-Djava.security.auth.login.config={etc / 'login.config'}", *arguments]
    with (directory / "broker.log").open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as running:
        try:
            eventually(lambda: _listens(made.port))
            yield SecuredBroker(made.port, cert)
        finally:
            running.kill()


def _secure(file: Path, keys: Path) -> None:
    settings = file.read_text()
    settings = settings.replace("<security-enabled>false", "<security-enabled>true")
    settings = settings.replace(
        "protocols=MQTT;", f"protocols=MQTT;sslEnabled=true;keyStoreType=PEM;keyStorePath={keys};securityDomain=users;"
    )
    rules = f'<security-settings><security-setting match="#">{ROLES}</security-setting></security-settings>'
    file.write_text(settings.replace("<acceptors>", f"{rules}<acceptors>"))


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
