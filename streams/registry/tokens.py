"""Token commands: what a user is let in with. Of a token only its hash is kept; times are ns since the epoch."""

from streams.core.user_record import Token, User
from streams.registry.state import Author, Change, Refused, State
from streams.registry.users import change, known

LOGIN = "login"
"""Name of the tokens that a login makes; there may be several."""
LOGINS_KEPT = 20
"""A user's login tokens beyond these end with the next login, oldest first."""
MOST = 100
"""Tokens of one user."""


def log_in(state: State, username: str, verified: str, renewed: str, token: Token, author: Author) -> list[Change]:
    """Give a login ``token`` for a password whose hash was ``verified``, and keep that hash as ``renewed``.

    Raises:
        Refused: 401 the user was removed or disabled, or the password changed, meanwhile.
    """
    user = state.user(username)
    if user is None or not user.valid or user.password != verified:
        raise Refused(401, "Invalid username or password.")
    kept = _alive(user, author.at)
    logins = [held for held in kept if held.name == LOGIN][-(LOGINS_KEPT - 1) :]
    kept = [held for held in kept if held.name != LOGIN or held in logins]
    return [change(user, author, password=renewed, tokens=[*kept, token])]


def add(state: State, username: str, token: Token, author: Author) -> list[Change]:
    """Give a user one more token.

    Raises:
        Refused: 404 unknown user; 409 they have a token of this name, or too many.
    """
    user = known(state, username)
    kept = _alive(user, author.at)
    if token.name == LOGIN or any(held.name == token.name for held in kept):
        raise Refused(409, f"{username} has a token {token.name} already.")
    if len(kept) >= MOST:
        raise Refused(409, f"{username} has {MOST} tokens; end one first.")
    return [change(user, author, tokens=[*kept, token])]


def end(state: State, username: str, name: str, author: Author) -> list[Change]:
    """End a user's tokens of this name.

    Raises:
        Refused: 404 there is none.
    """
    user = known(state, username)
    kept = [token for token in user.tokens if token.name != name]
    if len(kept) == len(user.tokens):
        raise Refused(404, f"{username} has no token {name}.")
    return [change(user, author, tokens=kept)]


def end_one(state: State, username: str, token_hash: str, author: Author) -> list[Change]:
    """End the token with this hash; nothing is done when it has ended already."""
    user = known(state, username)
    kept = [token for token in user.tokens if token.hash != token_hash]
    return [] if len(kept) == len(user.tokens) else [change(user, author, tokens=kept)]


def replace_all(
    state: State, username: str, token: Token | None, author: Author, *, password_hash: str | None = None
) -> list[Change]:
    """End every token of a user, and give this one instead; with another password when one is given.

    Raises:
        Refused: 404 unknown user.
    """
    user = known(state, username)
    password = user.password if password_hash is None else password_hash
    return [change(user, author, password=password, tokens=[] if token is None else [token])]


def _alive(user: User, at: int) -> list[Token]:
    return [token for token in user.tokens if token.expires_at > at]
