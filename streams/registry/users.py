"""User commands: people and programs that may use the API. Passwords come hashed. Their tokens: ``streams.registry.tokens``."""

from streams.core.user_record import User
from streams.registry.state import USERS, Author, Change, Refused, State, changed

ADMIN, READ_ONLY = "admin", "read-only"
OPERATOR = "operator"
"""Stands as author of what the operator of the API's machine changes; no user has this name."""
RESERVED = frozenset({OPERATOR, "isthmus"})


def create(
    state: State, username: str, password_hash: str, role: str, author: Author, *, valid: bool = True
) -> list[Change]:
    """Add a user.

    Raises:
        Refused: 409 the name is taken.
    """
    if username in RESERVED or state.user(username) is not None:
        raise Refused(409, f"There is a user {username} already.")
    uid = state.next_uid(USERS)
    user = User(uid=uid, username=username, password=password_hash, role=role, valid=valid, **author.stamp())
    return [Change(USERS, str(uid), user)]


def edit(
    state: State, username: str, author: Author, *, role: str | None = None, valid: bool | None = None
) -> list[Change]:
    """Give a user another role, disable or enable them. A disabled user's tokens wait until they are enabled.

    Raises:
        Refused: 404 unknown user; 409 nobody would be left to administer.
    """
    user = known(state, username)
    role, valid = user.role if role is None else role, user.valid if valid is None else valid
    if role != ADMIN or not valid:
        _spare_the_last_admin(state, user, author)
    return [] if (role, valid) == (user.role, user.valid) else [change(user, author, role=role, valid=valid)]


def set_password(
    state: State, username: str, password_hash: str, author: Author, *, end_tokens: bool = True
) -> list[Change]:
    """Give a user another password; their tokens end, unless they are to stay.

    Raises:
        Refused: 404 unknown user.
    """
    user = known(state, username)
    return [change(user, author, password=password_hash, tokens=[] if end_tokens else user.tokens)]


def remove(state: State, username: str, author: Author) -> list[Change]:
    """Remove a user; every token of theirs ends.

    Raises:
        Refused: 404 unknown user; 409 nobody would be left to administer.
    """
    user = known(state, username)
    _spare_the_last_admin(state, user, author)
    return [change(user, author, password="", valid=False, tokens=[], deleted_at=author.at)]


def known(state: State, username: str) -> User:
    """The user, or ``Refused`` 404."""
    user = state.user(username)
    if user is None:
        raise Refused(404, f"There is no user {username}.")
    return user


def change(user: User, author: Author, **fields: object) -> Change:
    """The record to write."""
    return Change(USERS, str(user.uid), changed(user, author, **fields))


def _spare_the_last_admin(state: State, user: User, author: Author) -> None:
    """Only the operator of the machine, who needs no user, may take the last one away."""
    others = any(other.role == ADMIN and other.valid and other.uid != user.uid for other in state.users.values())
    if user.role == ADMIN and user.valid and not others and author.name != OPERATOR:
        raise Refused(409, f"{user.username} is the last administrator; make another one first.")
