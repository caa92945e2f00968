"""`isthmus users …`: who may use the API."""

import secrets
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from connectors.cli import passwords, tokens
from connectors.cli import registry_client as api
from connectors.cli.output import AsJson, Plain, Yes, confirm, print_json, print_table
from connectors.cli.passwords import InFile, Visible
from connectors.cli.target import ApiGroup
from connectors.cli.users_own import change_own

FIRST = "admin"
"""Name of the first administrator that `ensure-admin` makes."""
PASSWORD_BYTES = 15
HELP = """Users of the API: administrators change things, others read.

Where the API runs, its operator needs no login; from elsewhere, `isthmus login` as an administrator first. A password is asked
for, or read from standard input: `isthmus users add -u ann < secret`.
"""

group = typer.Typer(cls=ApiGroup, no_args_is_help=True, rich_markup_mode="markdown", help=HELP)
Argument = Annotated[str | None, typer.Argument(metavar="USERNAME", help="or -u USERNAME", show_default=False)]
Username = Annotated[str | None, typer.Option("--username", "-u", metavar="NAME", help="which user")]


def register(app: typer.Typer) -> None:
    """Add `users` to the command line."""
    app.add_typer(group, name="users")


@group.command()
def add(
    name: Argument = None,
    username: Username = None,
    password: Visible = None,
    password_file: InFile = None,
    generate: Annotated[bool, typer.Option("--generate", help="make a password and print it once")] = False,
    admin: Annotated[bool, typer.Option("--admin", "-a", help="may change things; others only read")] = False,
    disabled: Annotated[bool, typer.Option("--disabled", "-d", help="may not log in until enabled")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a user.

    `isthmus users add -a ann` asks for the password; `isthmus users add -u bob --generate` makes one.
    """
    who = _which(name, username)
    if generate and (password is not None or password_file is not None):
        raise typer.BadParameter("--generate makes the password: give none")
    secret = secrets.token_urlsafe(PASSWORD_BYTES) if generate else passwords.read(password, password_file, twice=True)
    body = {"username": who, "password": secret, "role": _role(admin=admin), "valid": not disabled}
    made = api.call("POST", "/users", json=body)
    if as_json:
        print_json(made | ({"password": secret} if generate else {}))
        return
    typer.echo(f"added {who} ({made['role']}{', disabled' if disabled else ''})")
    if generate:
        typer.echo(f"password of {who}: {secret}")


@group.command()
def rm(name: Argument = None, username: Username = None, yes: Yes = False) -> None:
    """Remove a user; their tokens end at once. Asks first."""
    who = _which(name, username)
    confirm(f"remove user {who}?", yes=yes)
    api.call("DELETE", f"/users/{quote(who, safe='')}")


@group.command()
def ls(plain: Plain = False, as_json: AsJson = False) -> None:
    """List users. --plain: names only."""
    users = api.call("GET", "/users")
    if as_json:
        print_json(users)
    elif plain:
        for user in users:
            typer.echo(user["username"])
    else:
        rows = [
            (u["uid"], u["username"], u["role"], "enabled" if u["valid"] else "disabled", u["tokens"]) for u in users
        ]
        print_table(("uid", "username", "role", "state", "tokens"), rows, "no users")


@group.command()
def token(
    name: Argument = None,
    username: Username = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="end every token of theirs, print a new one")] = False,
    disable: Annotated[bool, typer.Option("--disable", help="refuse their password and tokens until enabled")] = False,
    enable: Annotated[bool, typer.Option("--enable", help="accept them again")] = False,
    end: Annotated[bool, typer.Option("--end", help="end every token of theirs")] = False,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="how long the new one lasts")] = None,
    as_json: AsJson = False,
) -> None:
    """List a user's tokens, end them, give a new one, or disable and enable the user.

    `isthmus users token -u ann --refresh` prints a token and nothing else; whoever used an older one is out.
    """
    who = _which(name, username)
    if (disable and enable) or (refresh and end):
        raise typer.BadParameter("--disable or --enable, --refresh or --end: not both")
    path = f"/users/{quote(who, safe='')}"
    answer = api.call("PATCH", path, json={"valid": enable}) if disable or enable else None
    if end:
        api.call("DELETE", f"{path}/tokens")
    if refresh:
        answer = api.call("POST", f"{path}/token", json={"days": days})
        print_json(answer) if as_json else typer.echo(answer["token"])
    elif not (disable or enable or end):
        tokens.show(api.call("GET", f"{path}/tokens"), as_json=as_json)
    elif as_json:
        print_json(answer or api.call("GET", path))


@group.command()
def chng(
    name: Argument = None,
    username: Username = None,
    password: Visible = None,
    password_file: InFile = None,
    end_tokens: Annotated[bool, typer.Option("--end-tokens", help="whoever is logged in as them is out")] = False,
) -> None:
    """Change a password: a user's, or, without a name, your own.

    A user's tokens stay, unless --end-tokens. Your own all end, but the one that this login gets instead.
    """
    if name is None and username is None:
        change_own(password, password_file)
        return
    who = _which(name, username)
    secret = passwords.read(password, password_file, twice=True)
    api.call("POST", f"/users/{quote(who, safe='')}/password", json={"password": secret, "end_tokens": end_tokens})


@group.command()
def role(name: Annotated[str, typer.Argument(metavar="USERNAME")], to: Literal["admin", "read-only"]) -> None:
    """Make a user an administrator, or a reader."""
    api.call("PATCH", f"/users/{quote(name, safe='')}", json={"role": to})


@group.command("ensure-admin")
def ensure_admin() -> None:
    """Make this machine's first administrator when there is no user yet; the password is shown this once."""
    if api.local("GET", "/users"):
        typer.echo("users exist; add another administrator with: isthmus users add -a USERNAME")
        return
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    api.local("POST", "/users", json={"username": FIRST, "password": password, "role": "admin"})
    typer.echo(f"first administrator of the API: {FIRST}\npassword, shown only now:       {password}")


def _role(*, admin: bool) -> str:
    return "admin" if admin else "read-only"


def _which(name: str | None, username: str | None) -> str:
    given: list[Any] = [one for one in (name, username) if one is not None]
    if len(set(given)) > 1:
        raise typer.BadParameter(f"which one: {name} or {username}?")
    if not given:
        raise typer.BadParameter("name the user: USERNAME, or -u USERNAME")
    return str(given[0])
