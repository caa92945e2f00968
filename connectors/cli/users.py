"""`isthmus users …`: who may use the API."""

import json
import secrets
import sys
from typing import Annotated

import typer

from connectors.cli import registry_client as api

FIRST = "admin"
"""Name of the first administrator that `ensure-admin` makes."""
PASSWORD_BYTES = 15

group = typer.Typer(no_args_is_help=True, help="Users of the API. Runs where the API runs; needs no login.")
Username = Annotated[str, typer.Argument(metavar="USERNAME")]


def register(app: typer.Typer) -> None:
    """Add `users` to the command line."""
    app.add_typer(group, name="users")


@group.command()
def add(
    username: Username,
    admin: Annotated[bool, typer.Option("--admin", "-a", help="may change things; others only read")] = False,
    generate: Annotated[bool, typer.Option("--generate", help="make a password and print it once")] = False,
) -> None:
    """Add a user; the password is asked for, or read from standard input when that is no terminal."""
    password = secrets.token_urlsafe(PASSWORD_BYTES) if generate else _password()
    _create(username, password, admin=admin)
    if generate:
        typer.echo(f"password of {username}: {password}")


@group.command()
def rm(username: Username) -> None:
    """Remove a user; their tokens end at once."""
    api.call("DELETE", f"/users/{username}")


@group.command()
def ls(as_json: Annotated[bool, typer.Option("--json", help="JSON, and nothing else")] = False) -> None:
    """List users."""
    users = api.call("GET", "/users")
    if as_json:
        typer.echo(json.dumps(users, indent=2))
    else:
        typer.echo("\n".join(f"{user['username']:<32} {user['role']}" for user in users) or "no users")


@group.command("ensure-admin")
def ensure_admin() -> None:
    """Make the first administrator when there is no user yet; the password is shown this once."""
    if api.call("GET", "/users"):
        typer.echo("users exist; add another administrator with: isthmus users add -a USERNAME")
        return
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    _create(FIRST, password, admin=True)
    typer.echo(f"first administrator of the API: {FIRST}\npassword, shown only now:       {password}")


def _create(username: str, password: str, *, admin: bool) -> None:
    role = "admin" if admin else "read-only"
    api.call("POST", "/users", json={"username": username, "password": password, "role": role})


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    asked: str = typer.prompt("password", hide_input=True, confirmation_prompt=True)
    return asked
