"""Log records in, one JSON object a line on stderr out; never media, prompts, answers or secrets."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Final

import orjson
from opentelemetry import trace
from opentelemetry.trace import format_span_id, format_trace_id

# What every LogRecord has; whatever else is on one was given as `extra` and belongs into the line.
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

REPEAT_SECONDS: Final = 10


class JsonFormatter(logging.Formatter):
    """One object a line: at, level, event, message, trace and whatever was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD and value is not None},
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line |= {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class RepeatFilter(logging.Filter):
    """Lets one line a place in a library's code through every `seconds`, with how many were held back before it.

    aiokafka says at every try that a broker does not answer: 14,000 lines in the 75 s that a cluster was gone.
    """

    def __init__(self, *, library: str, seconds: float) -> None:
        super().__init__(library)
        self._seconds = seconds
        self._places: dict[tuple[str, int, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; every other library's is, and ours."""
        if not super().filter(record):
            return True
        place = (record.pathname, record.lineno, record.levelno)
        at, held_back = self._places.get(place, (-self._seconds, 0))
        if 0 <= record.created - at < self._seconds:
            self._places[place] = (at, held_back + 1)
            return False
        self._places[place] = (record.created, 0)
        record.held_back = held_back or None
        return True


def configure_logs(level: str) -> None:
    """Send everything to stderr as JSON; libraries only from WARNING on."""
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(JsonFormatter())
    output.addFilter(RepeatFilter(library="aiokafka", seconds=REPEAT_SECONDS))
    logging.root.handlers = [output]
    logging.root.setLevel(logging.WARNING)
    logging.getLogger("analysis_worker").setLevel(level)
