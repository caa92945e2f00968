"""Taken ports, found before anything is started."""

import socket
from collections.abc import Iterable
from contextlib import ExitStack

import psutil

from deploy.local.plan import Port, StackError


class PortTaken(StackError):
    """Somebody else listens on ports of ours; one line for each."""


def check(ports: Iterable[Port]) -> None:
    """Refuse to start into ports that others hold.

    Raises:
        PortTaken: naming the port, the setting that chooses it and, where the system tells, the process that has it.
    """
    taken = [port for port in ports if not is_free(port.number)]
    if taken:
        holders = _holders({port.number for port in taken})
        raise PortTaken("\n".join(_message(port, holders.get(port.number)) for port in taken))


def free(count: int) -> list[int]:
    """So many loopback ports that nobody has at the moment."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port, and somebody may."""
    with socket.socket() as caller:
        if caller.connect_ex(("127.0.0.1", port)) == 0:  # macOS binds beside a listener on all addresses
            return False
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closed connection is no taker
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _message(port: Port, holder: str | None) -> str:
    by = f" by {holder}" if holder else ""
    return f"port {port.number} is taken{by}: stop that, or choose another port in setting {port.setting}"


def _holders(wanted: set[int]) -> dict[int, str]:
    """Who listens, as far as the system tells: other people's processes keep it to themselves."""
    found: dict[int, str] = {}
    for process in psutil.process_iter(["name"]):
        for port in _listening(process) & wanted:
            found[port] = f"{process.info['name']} (pid {process.pid})"
        if found.keys() == wanted:
            break
    return found


def _listening(process: psutil.Process) -> set[int]:
    try:
        connections = process.net_connections("tcp")
    except (psutil.Error, OSError):
        return set()
    return {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN and c.laddr}
