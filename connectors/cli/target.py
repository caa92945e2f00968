"""Which API a command speaks to, and as whom: options, else variables, else the profile file, else this machine.

The options stand before the command, or after it in the groups that speak to the API.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from msgspec import Struct
from typer.core import TyperCommand, TyperGroup

from connectors.cli.profiles import LOCAL, Profile, Profiles

HOST, PROFILE, TOKEN, CA_FILE = "ISTHMUS_HOST", "ISTHMUS_PROFILE", "ISTHMUS_TOKEN", "ISTHMUS_CA_FILE"
WHICH = """A command speaks to the API of `--host` or `--profile`, else of `ISTHMUS_HOST` or `ISTHMUS_PROFILE`, else of the
current profile (the last `isthmus login`), else of this machine, as its operator, without a login. The token is
`ISTHMUS_TOKEN`, else that of the profile. `--profile local` is this machine."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Unclear(Exception):
    """What was given does not say which API, or as whom; the message says what to do."""


class Chosen(Struct, frozen=True):
    """What options or variables say; empty where they say nothing."""

    host: str = ""
    profile: str = ""
    ca_file: str = ""


class Target(Struct, frozen=True):
    """An API, and as whom; an empty ``url`` is the API of this machine."""

    url: str
    token: str
    ca_file: str = ""
    profile: str = ""

    def __repr__(self) -> str:
        """Without the token."""
        return f"Target(url={self.url!r}, profile={self.profile!r})"


_given: ContextVar[Chosen] = ContextVar("given")

Host = Annotated[
    str | None, typer.Option("--host", metavar="URL", help="the API at this address", rich_help_panel="API")
]
Name = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="a login of `isthmus login`", rich_help_panel="API")
]
CaFile = Annotated[
    str | None,
    typer.Option("--ca-file", metavar="FILE", help="PEM of the authority to trust for https", rich_help_panel="API"),
]


class ApiGroup(TyperGroup):
    """A group of commands that speak to the API: each takes ``--host``, ``--profile`` and ``--ca-file``."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in self.commands.values():
            command.params.extend(_options())


class ApiCommand(TyperCommand):
    """The same for a command that stands alone."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.params.extend(_options())


def choose(host: Host = None, profile: Name = None, ca_file: CaFile = None) -> None:
    """Options before the command."""
    _given.set(Chosen(host or "", profile or "", ca_file or ""))


def given() -> Chosen:
    """What the options of this command line say."""
    return _given.get(Chosen())


def resolve(options: Chosen, variables: Mapping[str, str], held: Profiles) -> Target | None:
    """The API to speak to; None: the one of this machine, as its operator.

    Raises:
        Unclear: an unknown profile, no login at this host, or an address that is none.
    """
    said = Chosen(variables.get(HOST, ""), variables.get(PROFILE, ""), variables.get(CA_FILE, ""))
    host, name = (options.host, options.profile) if options.host or options.profile else (said.host, said.profile)
    ca_file, token = options.ca_file or said.ca_file, variables.get(TOKEN, "")
    if host:
        return _at_host(address(host), name, token, ca_file, held)
    if name == LOCAL or (held.current == LOCAL and not name and not token):
        return None
    name = name or held.current
    if name == LOCAL:
        return Target("", token, ca_file)
    profile = _known(name, held)
    return Target(profile.url, token or profile.token, ca_file or profile.ca_file, name)


def address(host: str) -> str:
    """The URL of an API as people write it: a name alone means https, on this machine http; a path `/api` goes.

    Raises:
        Unclear: it is none.
    """
    import httpx  # a third of what a process that speaks to no API would load

    try:
        url = httpx.URL(host if "://" in host else f"https://{host}")
    except httpx.InvalidURL:
        url = httpx.URL()
    refused = url.userinfo or url.query or url.fragment or any(map(str.isspace, host))
    if url.scheme not in {"http", "https"} or not url.host or refused:
        raise Unclear(f"{host!r} is no address of an API: write https://api.example.org, or http://127.0.0.1:5687")
    if "://" not in host and url.host in LOOPBACK:
        url = url.copy_with(scheme="http")
    path = url.path.rstrip("/").removesuffix("/api").removesuffix("/broker")
    return str(url.copy_with(path=path or "/")).rstrip("/")


def in_clear(url: str) -> bool:
    """Whether what is sent there crosses a network unencrypted."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK


def _at_host(url: str, name: str, token: str, ca_file: str, held: Profiles) -> Target:
    """A token goes only where its login was made."""
    if token:
        return Target(url, token, ca_file)
    wanted = {name: _known(name, held)} if name else dict(sorted(held.profiles.items(), key=_current_first(held)))
    for known, profile in wanted.items():
        if profile.url == url:
            return Target(url, profile.token, ca_file or profile.ca_file, known)
    raise Unclear(f"nobody is logged in at {url}; log in with: isthmus login --host {url}")


def _current_first(held: Profiles) -> Any:
    return lambda item: (item[0] != held.current, item[0])


def _known(name: str, held: Profiles) -> Profile:
    if name not in held.profiles:
        raise Unclear(f"there is no profile {name}; log in with: isthmus login --profile {name} --host URL")
    return held.profiles[name]


def _options() -> list[Any]:
    """The options as parameters that set ``given`` instead of going to the command."""
    template = typer.Typer(add_completion=False)
    template.command()(choose)
    made: list[Any] = [p for p in typer.main.get_command(template).params if p.name in Chosen.__struct_fields__]
    for parameter in made:
        parameter.expose_value, parameter.callback = False, _override
    return made


def _override(_: Any, parameter: Any, value: str | None) -> None:
    if value is not None:
        now = given()
        fields = {name: getattr(now, name) for name in Chosen.__struct_fields__} | {parameter.name: value}
        _given.set(Chosen(**fields))
