"""The Ubidots stub in a thread of the test: started, stopped and asked at will."""

from threading import Thread
from typing import Any

import uvicorn

from connectors.simulator.ubidots_stub import Account, application
from tests.ports import free_port
from tests.stack.harness import eventually

TOKEN = "stub"


class Ubidots:
    """One account; what it holds survives ``stop``."""

    def __init__(self) -> None:
        self.port = free_port()
        self._app = application(TOKEN)
        self._server: uvicorn.Server | None = None

    @property
    def account(self) -> Account:
        account: Account = self._app.state.account
        return account

    @property
    def settings(self) -> dict[str, Any]:
        """For section `ubidots`."""
        return {"url": f"http://127.0.0.1:{self.port}", "token": TOKEN}

    def start(self) -> "Ubidots":
        config = uvicorn.Config(self._app, host="127.0.0.1", port=self.port, log_level="critical", ws="none")
        server = uvicorn.Server(config)
        self._server, self._thread = server, Thread(target=server.run, daemon=True)
        self._thread.start()
        eventually(lambda: server.started, every=0.01)
        return self

    def stop(self) -> None:
        if self._server:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(10)
            self._server = None

    def dots(self) -> dict[tuple[str, str, int], float]:
        """(label, variable, ms) -> value."""
        return {
            (label, name, time): dot["value"]
            for (label, name), dots in dict(self.account.values).items()
            for time, dot in dict(dots).items()
        }
