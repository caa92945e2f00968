"""What `isthmus replay run` is told to try: decoders and codecs from files, in place of those that are deployed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer
from msgspec.structs import replace

from connectors.api.client import Denied
from connectors.cli.registry_client import fail
from connectors.cli.replay_options import Candidate, ChosenCodec
from connectors.codecs import files, trial
from connectors.codecs.trial import Trial
from connectors.replays.office import Office
from streams import settings
from streams.core.codec import Unable
from streams.core.codec_record import Codec
from streams.javascript.examples import example
from streams.registry.codecs import NAME, target_fault
from streams.replay import candidate, task

NOT_FOUND = 404


class Tried(task.Tried, frozen=True, kw_only=True):
    """What the command line brings; ``files``: of the codecs."""

    files: tuple[ChosenCodec, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.decoders or self.codecs)

    @property
    def labels(self) -> list[str]:
        """What a replay's record calls them."""
        try:
            named = [candidate.label(*one) for one in self.decoders]
        except ValueError as error:
            fail(str(error))
        return [*named, *(f"{codec.name}@{codec.hash[: candidate.HASH_DIGITS]}" for codec in self.codecs)]

    @property
    def options(self) -> str:
        """The options that bring them, to type again."""
        targets = {f"--applies-to {target}" for codec in self.codecs for target in codec.applies_to}
        brought = [f"--decoder {name}={file}" for name, file in self.decoders]
        brought += [f"--codec {name}={file}" for name, file in self.files]
        return " ".join([*brought, *sorted(targets)] if len(self.codecs) == 1 else brought)


def tried(
    office: Office, decoders: Sequence[Candidate], chosen: Iterable[ChosenCodec], applies_to: Sequence[str]
) -> Tried:
    """What is to be tried, once it is known to load; what does not ends the command with exit status 1."""
    for one in decoders:
        try:
            candidate.load(one.name, one.file)
        except ValueError as error:
            fail(str(error))
    found = tuple(one for one in chosen if one.file is not None)
    if applies_to and len(found) != 1:
        raise typer.BadParameter("--applies-to says what the codec of --codec NAME=FILE reads: give one of these")
    return Tried(
        decoders=tuple(decoders),
        codecs=tuple(_codec(office, one.name, one.file, applies_to) for one in found if one.file),
        files=found,
    )


def _codec(office: Office, name: str, file: Path, applies_to: Sequence[str]) -> Codec:
    """As it would be registered: with the targets and examples of the one of that name."""
    held = _registered(office, name)
    targets = sorted(set(applies_to)) or held.get("applies_to", [])
    if not targets:
        raise typer.BadParameter(f"no codec {name} is registered: say what it reads with --applies-to")
    if fault := next(filter(None, map(target_fault, targets)), None):
        raise typer.BadParameter(fault)
    try:
        new = Trial(
            language=files.language_of(file), name=name, code=files.read_code(file),
            examples=[example(entry) for entry in held.get("examples", [])], lenient=held.get("lenient", False),
        )  # fmt: skip
        examined = trial.examine(new, settings.load().decode)
    except (ValueError, Unable) as error:
        fail(str(error))
    if examined.fault:
        fail(f"{file} cannot be used: {examined.fault}")
    return replace(new.record, applies_to=targets, mode=examined.mode)


def _registered(office: Office, name: str) -> dict[str, Any]:
    """The codec of that name as the API shows it; empty: there is none."""
    if not NAME.fullmatch(name):
        raise typer.BadParameter(f"{name!r} is no name of a codec")
    try:
        found: dict[str, Any] = office.call("GET", f"/codecs/{quote(name, safe='')}")
    except Denied as refusal:
        if refusal.status == NOT_FOUND:
            return {}
        raise
    return found
