"""`isthmus decode`: what recorded payloads would become, offline; neither Kafka nor the store is touched."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from connectors.cli import decode_view
from connectors.cli.signed_topic_files import KEY_VARIABLE, BadFile, key_of_environment, records
from connectors.recorded import Asked, Unreadable, recorded
from streams import pipeline, settings
from streams.core.codec import Codec, Codecs
from streams.core.codec_record import Codec as Registered
from streams.core.decode import Context, decode_batch
from streams.core.message import Message
from streams.core.records import Lineage, RawRecord, Transport
from streams.core.signed_topic import SignedTopic
from streams.core.times import from_text
from streams.settings import DecodeSettings

TRANSPORTS: dict[str, Transport] = {"mqtt": "mqtt", "http": "http", "poll": "poll", "file": "file"}
LANGUAGES = {".js": "javascript", ".toml": "table", ".json": "table"}


def register(app: typer.Typer) -> None:
    """Add `decode` to the command line."""
    app.command()(decode)


def decode(
    files: Annotated[
        list[str], typer.Argument(help="payloads, archive files (.avro) or test vectors (.json); - is standard input")
    ],
    source: Annotated[str | None, typer.Option(help="whose format it is; archive files and vectors know it")] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(help="MQTT topic or URL path that it came by: one for all files, or one for each in their order"),
    ] = None,
    transport: Annotated[str, typer.Option(help="mqtt, http, poll or file")] = "mqtt",
    received_at: Annotated[str | None, typer.Option(help="time of receipt, RFC 3339; default: now")] = None,
    hexadecimal: Annotated[bool, typer.Option("--hex", help="payloads are written in hexadecimal")] = False,
    base64: Annotated[bool, typer.Option("--base64", help="payloads are written in base64")] = False,
    lines: Annotated[bool, typer.Option("--lines", help="each line is a payload of its own")] = False,
    codec: Annotated[
        str | None,
        typer.Option(
            help="NAME of a built-in codec, or NAME=FILE (.js, or a table: .toml, .json), that reads payloads"
        ),
    ] = None,
    topics: Annotated[
        Path | None,
        typer.Option(
            "--signed-topics",
            metavar="FILE",
            help=f"topics of signed messages, as `isthmus signed-topics add` takes them; {KEY_VARIABLE} adds a key",
        ),
    ] = None,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--settings",
            envvar=settings.CONFIG_VARIABLE,
            exists=True,
            dir_okay=False,
            help="whose settings count; default: isthmus.toml here, if there is one",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="a JSON object per record, one a line")] = False,
) -> None:
    """Decode recorded payloads as the settings say, and show readings, dead letters and what was ignored.

    Records count as one after the other in the order of the files. Exit status: 0, 1 when something was rejected, 2 for
    wrong usage.
    """
    if hexadecimal and base64:
        raise typer.BadParameter("give --hex or --base64")
    if settings_file:
        os.environ[settings.CONFIG_VARIABLE] = str(settings_file)
    registered = _topics(topics)
    loaded = settings.load().decode
    asked = Asked(
        source=_known(source, loaded),
        transport=_transport(transport),
        received_at=_time(received_at),
        written="hex" if hexadecimal else "base64" if base64 else "bytes",
        lines=lines,
    )
    try:
        raws = [
            raw
            for name, place in zip(files, _addresses(address or [""], files), strict=True)
            for raw in recorded(name, _content(name), replace(asked, address=place))
        ]
    except Unreadable as error:
        sources = f"; sources are {', '.join(pipeline.decoders(loaded))}" if "--source" in str(error) else ""
        raise typer.BadParameter(f"{error}{sources}") from None
    raise SystemExit(1 if _decoded(raws, _context(loaded, codec, registered), as_json=as_json) else 0)


def _decoded(raws: list[RawRecord], context: Context, *, as_json: bool) -> int:
    """How many dead letters there were."""
    items = [(raw, Lineage(0, number), 0) for number, raw in enumerate(raws)]
    outcomes = decode_batch(items, context)
    show = decode_view.as_json if as_json else decode_view.as_table
    show(zip(raws, outcomes, strict=True))
    return sum(len(outcome.dead_letters) for outcome in outcomes)


def _context(loaded: DecodeSettings, codec: str | None, topics: list[SignedTopic]) -> Context:
    context = pipeline.context(loaded, mapping=lambda _: None, topics=topics, patient=True)
    if codec is None:
        return context
    return replace(context, codecs=_Everything(_codec(codec, loaded)))


def _topics(file: Path | None) -> list[SignedTopic]:
    key = key_of_environment()
    try:
        return [] if file is None else records(file, key)
    except BadFile as error:
        raise typer.BadParameter(str(error)) from None


def _codec(told: str, loaded: DecodeSettings) -> Codec:
    name, _, path = told.partition("=")
    language = LANGUAGES.get(Path(path).suffix, "") if path else "native"
    if not language:
        raise typer.BadParameter(f"{path} is no codec: there are {', '.join(LANGUAGES)}")
    code = _content(path).decode("utf-8", "replace") if path else ""
    try:
        record = Registered(name=name, hash="tried", language=language, code=code)
        return pipeline.codec(record, loaded, patient=True)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


class _Everything(Codecs):
    """One codec for every payload."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self._codec = codec

    def choose(self, message: Message) -> Codec | None:
        """See Codecs."""
        return self._codec if message.payload is not None else None


def _content(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{name}: {error.strerror}") from None


def _addresses(told: list[str], files: list[str]) -> list[str]:
    if len(told) not in (1, len(files)):
        raise typer.BadParameter(f"{len(told)} addresses, {len(files)} file(s): give one for all or one for each")
    return told * len(files) if len(told) == 1 else told


def _known(source: str | None, loaded: DecodeSettings) -> str | None:
    sources = pipeline.decoders(loaded)
    if source is not None and source not in sources:
        raise typer.BadParameter(f"there is no source {source!r}; sources are {', '.join(sources)}")
    return source


def _transport(told: str) -> Transport:
    if told not in TRANSPORTS:
        raise typer.BadParameter(f"there is no transport {told!r}; there are {', '.join(TRANSPORTS)}")
    return TRANSPORTS[told]


def _time(told: str | None) -> int:
    found = time.time_ns() if told is None else from_text(told)
    if found is None:
        raise typer.BadParameter(f"{told!r} is no time; write 2024-05-10T23:00:02Z")
    return found
