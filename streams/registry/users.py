"""User commands: people and programs that may use the API. Passwords come hashed; of a token only its hash is kept."""

from streams.core.records import Token, User
from streams.registry.state import USERS, Author, Change, Refused, State, changed

ADMIN, READ_ONLY = "admin", "read-only"
LOGIN = "login"
"""Name of the tokens that a login makes."""
LOGINS_KEPT = 20
"""A user's login tokens beyond these end with the next login, oldest first."""


def create(state: State, username: str, password_hash: str, role: str, author: Author) -> list[Change]:
    """Add a user.

    Raises:
        Refused: 409 the name is taken.
    """
    if state.user(username) is not None:
        raise Refused(409, f"There is a user {username} already.")
    uid = state.next_uid(USERS)
    user = User(uid=uid, username=username, password=password_hash, role=role, **author.stamp())
    return [Change(USERS, str(uid), user)]


def remove(state: State, username: str, author: Author) -> list[Change]:
    """Remove a user; every token of theirs ends.

    Raises:
        Refused: 404 unknown user.
    """
    user = state.user(username)
    if user is None:
        raise Refused(404, f"There is no user {username}.")
    return [_change(user, author, password="", valid=False, tokens=[], deleted_at=author.at)]


def give_token(state: State, username: str, token_hash: str, expires_at: int, author: Author) -> list[Change]:
    """Give a user a login token (ns since the epoch); expired ones and the oldest logins go.

    Raises:
        Refused: 401 the user was removed or disabled meanwhile.
    """
    user = state.user(username)
    if user is None or not user.valid:
        raise Refused(401, "Invalid username or password.")
    alive = [token for token in user.tokens if token.expires_at > author.at]
    logins = [token for token in alive if token.name == LOGIN][-(LOGINS_KEPT - 1) :]
    kept = [token for token in alive if token.name != LOGIN or token in logins]
    new = Token(name=LOGIN, hash=token_hash, created_at=author.at, expires_at=expires_at)
    return [_change(user, author, tokens=[*kept, new])]


def _change(user: User, author: Author, **fields: object) -> Change:
    return Change(USERS, str(user.uid), changed(user, author, **fields))
