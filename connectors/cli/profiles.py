"""The profile file: whom `isthmus login` has logged in, and where. It holds tokens, so that only its owner may read it."""

import os
import tempfile
import tomllib
from pathlib import Path

import msgspec
import tomli_w
from msgspec import Struct, field

LOCAL = "local"
"""Stands for the API of this machine and its operator; no login has this name."""
DEFAULT = "default"
"""What a login without a name is called."""


class BadFile(Exception):
    """The profile file cannot be read or written; the message says why."""


class Profile(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One login. ``expires_at``: ISO 8601, or empty when the API did not say."""

    url: str
    username: str
    token: str
    expires_at: str = ""
    ca_file: str = ""

    def __repr__(self) -> str:
        """Without the token."""
        return f"Profile(url={self.url!r}, username={self.username!r})"


class Profiles(Struct, frozen=True, kw_only=True):
    """What the file holds; ``current`` is used when a command names none."""

    current: str = LOCAL
    profiles: dict[str, Profile] = field(default_factory=dict)

    def with_login(self, name: str, profile: Profile) -> "Profiles":
        """The same with this login, which is current from now on."""
        return Profiles(current=name, profiles=self.profiles | {name: profile})

    def without(self, name: str) -> "Profiles":
        """The same without this login; when it was the current one, this machine is."""
        left = {known: profile for known, profile in self.profiles.items() if known != name}
        return Profiles(current=LOCAL if name == self.current else self.current, profiles=left)


def path() -> Path:
    """``$XDG_CONFIG_HOME/isthmus/profiles.toml``, else under ``~/.config``."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "isthmus" / "profiles.toml"


def load() -> Profiles:
    """The file's content; nothing when there is none.

    Raises:
        BadFile: it is no such file, or others may read it.
    """
    file = path()
    try:
        if os.name == "posix" and file.stat().st_mode & 0o077:
            raise BadFile(f"{file} holds tokens and others may read it: chmod 600 {file}")
        return msgspec.convert(tomllib.loads(file.read_text("utf-8")), Profiles)
    except FileNotFoundError:
        return Profiles()
    except (OSError, ValueError) as error:
        raise BadFile(f"{file}: {error}") from error


def save(profiles: Profiles) -> None:
    """Write the file whole, readable by its owner only.

    Raises:
        BadFile: it cannot be written.
    """
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, fresh = tempfile.mkstemp(dir=file.parent)  # mode 0600
        with os.fdopen(number, "w", encoding="utf-8") as out:
            out.write(tomli_w.dumps(msgspec.to_builtins(profiles)))
        Path(fresh).replace(file)
    except OSError as error:
        raise BadFile(f"{file}: {error}") from error
