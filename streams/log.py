"""Logging: events with fields, to stderr, by structlog. INFO is for the operator, WARN recovered, ERROR needs a person."""

import logging
import sys
from contextlib import suppress

import structlog

from streams.settings import LogSettings

QUIET = ("faust", "mode", "streams.agents", "httpx", "httpcore", "uvicorn.access", "asyncio")


class _Stderr:
    """Standard error as it is then, not as it was at the start. A full disk loses what it does not take, and ends nobody."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


STDERR = _Stderr()
"""One for all events: structlog keeps a lock for each that it is given, for ever."""


def configure(settings: LogSettings, process: str) -> None:
    """Set up logging of this process; every event carries the process name."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(
        logging.CRITICAL
    )  # ten errors a second while Kafka is away; ours say it once
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    if settings.format == "json":
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(STDERR),  # type: ignore[arg-type]  # all of a file that it asks for
    )
    structlog.contextvars.bind_contextvars(process=process)


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of one module."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=name)
    return logger
