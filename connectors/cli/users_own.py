"""Changing one's own password: the login of this account goes on with the token that it gets instead."""

import typer
from msgspec import structs

from connectors.cli import passwords, profiles
from connectors.cli.registry_client import call, call_as, elsewhere, fail
from connectors.cli.target import Target


def change_own(given: str | None, file: str | None) -> None:
    """Ask for the password and change it; the profile keeps the new token, else it is printed."""
    chosen = elsewhere()
    if chosen is None:
        fail("the operator of this machine has no password; whose? give -u USERNAME, or log in first: isthmus login")
    secret = passwords.read(given, file, twice=True)
    token = str(call("POST", "/change-password", json={"password": secret}))
    try:
        kept = _keep(chosen, token)
    except profiles.BadFile as fault:
        fail(f"the password is changed, but {fault}; log in again")
    typer.echo("the password is changed; other logins have ended" if kept else token)


def _keep(chosen: Target, token: str) -> bool:
    """Put the token into the profile that was used; False: it was none of a profile."""
    held = profiles.load()
    known = held.profiles.get(chosen.profile)
    if known is None or known.token != chosen.token:
        return False
    expires = call_as(Target(chosen.url, token, chosen.ca_file), "GET", "/whoami")["expires_at"]
    renewed = structs.replace(known, token=token, expires_at=str(expires or ""))
    profiles.save(profiles.Profiles(current=held.current, profiles=held.profiles | {chosen.profile: renewed}))
    return True
