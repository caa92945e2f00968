"""`python -m deploy.local.clickhouse DIRECTORY PORT`: serve a data directory on a loopback port until SIGTERM."""

import sys
from pathlib import Path

import uvicorn

from deploy.local.clickhouse.app import Application

KEEP_ALIVE_S = 300
GRACE_S = 5


def main(directory: Path, port: int) -> None:
    """Open the directory and serve it; what runs at SIGTERM has a few seconds to end."""
    directory.mkdir(parents=True, exist_ok=True)
    uvicorn.run(
        Application(directory),
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
