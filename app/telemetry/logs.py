"""One way to log: structlog, with uvicorn's and other libraries' records through the same formatter."""

import logging
import sys
from collections.abc import Callable

import structlog
from structlog.typing import Processor

from app.config import Settings
from app.errors import StartError

OF_START = {"listening", "live", "a worker serves"}  # events


def configure(settings: Settings) -> None:
    """Log to standard error, for people or as one JSON object a line."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    for_json: list[Processor] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    for_people: list[Processor] = [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
    ]
    renderers = for_json if settings.log_format == "json" else for_people
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    logging.getLogger("uvicorn.error").addFilter(_without_known_tracebacks)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def hush_start() -> Callable[[], None]:
    """Leave out what is logged of an ordinary start, here and in processes forked from here; gives what ends that."""
    (handler,) = logging.getLogger().handlers
    handler.addFilter(_of_no_ordinary_start)
    return lambda: handler.removeFilter(_of_no_ordinary_start)


def _of_no_ordinary_start(record: logging.LogRecord) -> bool:
    event = record.msg["event"] if isinstance(record.msg, dict) else None
    return record.levelno > logging.INFO or (event not in OF_START and record.name != "uvicorn.error")


def _without_known_tracebacks(record: logging.LogRecord) -> bool:
    """uvicorn prints the traceback of what stops a start; a StartError has been logged as a sentence already."""
    return StartError.__name__ not in record.getMessage()
