"""Several commands as one change: each is decided on what those before it did, and all are written, or none."""

from collections.abc import Sequence

from streams.registry.state import Change, Command, Refused, State


def together(commands: Sequence[Command]) -> Command:
    """One command.

    Raises (when it is run):
        Refused: the first one that the registry's rules forbid; its place in ``commands``, from 0, stands in front.
    """

    def command(state: State) -> list[Change]:
        written: list[Change] = []
        with state.tried() as attempt:
            for place, one in enumerate(commands):
                for change in _decided(one, state, place):
                    attempt(change)
                    written.append(change)
        return written

    return command


def _decided(command: Command, state: State, place: int) -> Sequence[Change]:
    try:
        return command(state)
    except Refused as refusal:
        raise Refused(refusal.status, f"item {place}: {refusal.detail}") from refusal
