"""An API process of a test, and a caller of it."""

import subprocess
from pathlib import Path
from typing import Any

import httpx

from connectors.api import operator
from streams.settings import ApiSettings
from tests.ports import free_port
from tests.stack import starter
from tests.stack.harness import PLAIN, Installation, Process, eventually


class Api:
    """The process, and a client that calls it as the operator of this machine."""

    def __init__(self, installation: Installation, directory: Path, **settings: Any) -> None:
        self.port = free_port()
        chosen = {"port": self.port, "directory": str(directory / f"api-{self.port}")} | settings
        self.installation, self._log = installation.with_settings(api=chosen), directory / f"api-{self.port}.log"
        self.process = self._start()

    @property
    def settings(self) -> ApiSettings:
        return self.installation.settings.api

    def restart(self) -> None:
        """After it ended: the same process again."""
        self.process = self._start()

    def wait_ready(self) -> None:
        eventually(self.process.ready, 180)

    def client(self, token: str | None = None, prefix: str = "/api") -> httpx.Client:
        authorization = f"Bearer {token or operator.read_token(self.settings)}"
        url = f"http://127.0.0.1:{self.port}{prefix}"
        return httpx.Client(base_url=url, timeout=20, headers={"Authorization": authorization}, verify=PLAIN)

    def command(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """`isthmus ARGUMENTS` with the settings of this API."""
        return starter.run("connectors.cli", arguments, self.installation.environment(), stdin, timeout=180)

    def _start(self) -> Process:
        process = self.installation.start("run", "api", log=self._log, wait=False)
        process.health_port = self.port
        return process
