"""aiomqtt's client, but for its fault; that it still has it is looked at, too."""

import asyncio
import socket
from typing import Any

import aiomqtt
import pytest

from connectors.mqtt_writes import Client


@pytest.mark.parametrize(("kind", "faults"), [(Client, 0), (aiomqtt.Client, 1)])
def test_a_socket_that_was_closed_meanwhile_is_not_watched(kind: type[aiomqtt.Client], faults: int) -> None:
    async def closed_between() -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        client, (ours, theirs) = kind("127.0.0.1"), socket.socketpair()
        client._on_socket_register_write(client._client, None, ours)
        ours.close()
        theirs.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return told

    assert len(asyncio.run(closed_between())) == faults
