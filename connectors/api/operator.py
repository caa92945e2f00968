"""The operator's token: how `isthmus users` on this machine speaks to the API before any user exists.

The API makes a new token with every start and keeps it in a file that only its own account can read. Whoever can read
that file could as well write the registry's topics, so it grants nothing new; it is never accepted after the process
has ended, and no secret has to be set up.
"""

import os
import secrets
from pathlib import Path

from streams import log
from streams.settings import ApiSettings

logger = log.get("api.operator")


def path(settings: ApiSettings) -> Path:
    """The file of the API process at this port."""
    return settings.directory / f"operator-{settings.port}"


def new_token() -> str:
    """A token for this process."""
    return secrets.token_hex(32)


def write_token(settings: ApiSettings, token: str) -> None:
    """Keep this process's token in the file; without a directory to write to, it is in memory only.

    For who has the port: another's token would be lost, which is at work.
    """
    file = path(settings)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(token)
        fresh.replace(file)
    except OSError as fault:
        logger.error("no operator token: `isthmus users` needs one", file=str(file), fault=str(fault))


def read_token(settings: ApiSettings) -> str | None:
    """The token of the API process that these settings name; None when it never ran here."""
    try:
        return path(settings).read_text()
    except OSError:
        return None
