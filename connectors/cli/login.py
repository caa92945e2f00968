"""`isthmus login`, `logout` and `profiles`: which API the commands speak to, and as whom."""

import os
import sys
from typing import Annotated, Any

import httpx
import typer

from connectors.api import client
from connectors.cli import passwords, profiles, target
from connectors.cli.output import AsJson, print_json, print_table
from connectors.cli.profiles import DEFAULT, LOCAL, Profile, Profiles
from connectors.cli.registry_client import call_as, fail, remote
from connectors.cli.target import CaFile, Host, Target
from streams import settings

group = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help=f"Logins of this account. {target.WHICH}")
Username = Annotated[
    str | None, typer.Option("--username", "-u", metavar="NAME", help="asked for when it is not given")
]
Name = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="what to call this login; default: default")
]


def register(app: typer.Typer) -> None:
    """Add `login`, `logout` and `profiles` to the command line."""
    app.command()(login)
    app.command()(logout)
    app.add_typer(group, name="profiles")


def login(
    host: Host = None,
    username: Username = None,
    profile: Name = None,
    password_file: passwords.InFile = None,
    ca_file: CaFile = None,
    as_json: AsJson = False,
) -> None:
    """Log in at an API. Commands speak to it from then on; `isthmus profiles use local` goes back to this machine.

    `isthmus login --host https://iot.example.org --username ann`

    `isthmus login --profile field --host https://field.example.org -u ann --password-file - < secret`

    The password is asked for, or read from standard input. What is kept is a token, in `~/.config/isthmus/profiles.toml`
    (`XDG_CONFIG_HOME`), which only you may read. Without --host: where the profile was logged in before, else this machine.
    """
    name = profile or target.given().profile or DEFAULT
    if name == LOCAL:
        raise typer.BadParameter(f"{LOCAL} stands for this machine without a login; choose another --profile")
    held = _held()
    before = held.profiles.get(name)
    trusted = (
        ca_file or target.given().ca_file or os.environ.get(target.CA_FILE, "") or (before.ca_file if before else "")
    )
    url = _url(host, before)
    if target.in_clear(url):
        typer.echo(f"isthmus: {url} is not encrypted: the password can be read on its way", err=True)
    user = username or _asked_name()
    token = _token(url, trusted, user, passwords.read(None, password_file, twice=False))
    who = call_as(Target(url, token, trusted), "GET", "/whoami")
    made = Profile(url=url, username=user, token=token, expires_at=str(who["expires_at"] or ""), ca_file=trusted)
    _save(held.with_login(name, made))
    if before is not None and before.url == url:
        _end(before)
    _tell_login(name, made, who, as_json=as_json)


def logout(profile: Name = None, as_json: AsJson = False) -> None:
    """Log out: the token ends, and the profile goes. Default: the current profile.

    `isthmus logout --profile field`
    """
    held = _held()
    name = profile or target.given().profile or held.current
    if name not in held.profiles:
        fail("nobody is logged in" if name == LOCAL else f"there is no profile {name}")
    ended = _end(held.profiles[name])
    _save(held.without(name))
    if not ended:
        typer.echo(
            f"isthmus: {held.profiles[name].url} could not be told: the token there lasts until it expires", err=True
        )
    if as_json:
        print_json({"profile": name, "url": held.profiles[name].url, "token_ended": ended})
    else:
        typer.echo(f"logged out of {held.profiles[name].url} (profile {name})")


@group.command()
def ls(as_json: AsJson = False) -> None:
    """List the logins; * is the current one."""
    held = _held()
    shown = [_shown(name, held) for name in [LOCAL, *sorted(held.profiles)]]
    if as_json:
        print_json(shown)
        return
    rows = [
        (("*" if one["current"] else "", *(one[key] for key in ("profile", "url", "username")), one["expires_at"][:10]))
        for one in shown
    ]
    print_table(("", "profile", "url", "user", "until"), rows, "no logins")


@group.command()
def use(
    name: Annotated[str, typer.Argument(metavar="NAME", help="a profile; local: this machine, as its operator")],
) -> None:
    """Choose the profile that commands use when they name none."""
    held = _held()
    if name not in {LOCAL, *held.profiles}:
        fail(f"there is no profile {name}; log in with: isthmus login --profile {name} --host URL")
    _save(Profiles(current=name, profiles=held.profiles))
    typer.echo(f"commands speak to {_shown(name, held)['url']} from now on")


def _shown(name: str, held: Profiles) -> dict[str, Any]:
    """A login without its token."""
    known = held.profiles.get(name) or Profile(url="the API of this machine", username="operator", token="")
    told = {"profile": name, "url": known.url, "username": known.username, "expires_at": known.expires_at}
    return told | {"ca_file": known.ca_file, "current": name == held.current}


def _url(host: str | None, before: Profile | None) -> str:
    said = host or target.given().host or ("" if before else os.environ.get(target.HOST, ""))
    try:
        if said:
            return target.address(said)
    except target.Unclear as fault:
        fail(str(fault))
    return before.url if before else client.url_of(settings.load().api)


def _asked_name() -> str:
    if not sys.stdin.isatty():
        fail("who logs in? give --username NAME")
    return str(typer.prompt("username", err=True))


def _token(url: str, ca_file: str, username: str, password: str) -> str:
    """A new token; ends the command with 1 when there is none."""
    try:
        with client.connection(url, ca_file) as http:
            answer = http.get("/token", auth=httpx.BasicAuth(username, password))
    except httpx.TransportError as error:
        fail(f"{url} does not answer ({error}); is that its address?")
    except OSError as error:
        fail(f"{ca_file} is no file of certificates: {error}")
    if not answer.is_success:
        fail(client.said(answer))
    try:
        token = answer.json()
    except ValueError:
        token = None
    return token if isinstance(token, str) else fail(f"{url} does not answer as this API does")


def _end(profile: Profile) -> bool:
    """End its token; whether the API has been told, or knows it no more."""
    api = remote(Target(profile.url, profile.token, profile.ca_file))
    try:
        api.call("DELETE", "/token")
    except client.NoAnswer:
        return False
    except client.Denied as refusal:
        return refusal.status == 401
    finally:
        api.close()
    return True


def _tell_login(name: str, made: Profile, who: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({"profile": name, "url": made.url} | who)
        return
    until = f", until {made.expires_at[:10]}" if made.expires_at else ""
    typer.echo(f"logged in at {made.url} as {made.username} ({who['role']}){until}; profile {name} is current")


def _held() -> Profiles:
    try:
        return profiles.load()
    except profiles.BadFile as fault:
        fail(str(fault))


def _save(held: Profiles) -> None:
    try:
        profiles.save(held)
    except profiles.BadFile as fault:
        fail(str(fault))
