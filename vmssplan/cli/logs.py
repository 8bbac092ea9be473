"""Logs for operators: on standard error, quiet unless asked for, as text or as JSON.

They are the standard library's. What a Run does and asks for is logged by `vmssplan.*`; the Azure
SDK's own request log, which names headers of an allow-list only, comes with level debug. Every
line passes `redaction`, and no logger that could write bodies or tokens is ever let through.
Results never come here: those are standard output's.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from typing import Annotated, Any, TextIO

import typer

FORMAT_VARIABLE = "VMSSPLAN_LOG_FORMAT"
LEVEL_VARIABLE = "VMSSPLAN_LOG_LEVEL"
PANEL = "Logs and telemetry"
SDK_TRACE = "azure.core.pipeline.policies._universal"
"""The SDK's trace of whole requests, tokens and bodies included."""


class LogFormat(StrEnum):
    """How a log line looks."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """From which weight on lines are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


FormatOption = Annotated[
    LogFormat | None,
    typer.Option(
        "--log-format",
        envvar=FORMAT_VARIABLE,
        help="Logs on standard error as text, or as one JSON object a line.",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]
LevelOption = Annotated[
    LogLevel | None,
    typer.Option(
        "--log-level",
        envvar=LEVEL_VARIABLE,
        help="How much is logged. Default: warnings.",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]

SAID_ANYWAY = frozenset({"plan", "scaleSet", "event", "at", "method", "path", "seconds"})
"""Fields that a line of text leaves out: the run tells them, or the message does."""

_context: ContextVar[Mapping[str, Any]] = ContextVar("vmssplan_log_context")


def logged(verb: Callable[..., int]) -> Callable[..., int]:
    """Give a verb the options of logging, without a trace of them in the verb."""

    @wraps(verb)
    def with_logs(*, log_format: FormatOption, log_level: LevelOption, **given: Any) -> int:
        configure(log_format, log_level)
        return verb(**given)

    signature = inspect.signature(verb, eval_str=True)
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in (("log_format", FormatOption), ("log_level", LevelOption))
    ]
    parameters = [*signature.parameters.values(), *options]
    with_logs.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return with_logs


def configure_from_environment() -> None:
    """Set logging up before the command line is understood, so that its errors are told right."""
    asked = os.environ.get(FORMAT_VARIABLE, "").casefold()
    configure(LogFormat.JSON if asked == LogFormat.JSON else None, None)


def configure(log_format: LogFormat | None, level: LogLevel | None) -> None:
    """Set logging up; None means that nobody asked for it. May be called again."""
    handler = StandardError(log_format, level)
    root = logging.getLogger()
    for earlier in [one for one in root.handlers if isinstance(one, StandardError)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    weight = logging.getLevelNamesMapping()[(level or LogLevel.WARNING).upper()]
    logging.getLogger("vmssplan").setLevel(weight)
    quiet = max(weight, logging.WARNING)
    root.setLevel(quiet)
    # One step later than ours: below INFO the SDK tells who has logged in.
    logging.getLogger("azure").setLevel(logging.INFO if level is LogLevel.DEBUG else quiet)
    logging.getLogger(SDK_TRACE).setLevel(quiet)
    # Its warnings tell of every new try to reach a collector, its errors that there was no last.
    is_curious = level is LogLevel.DEBUG
    logging.getLogger("opentelemetry").setLevel(quiet if is_curious else logging.ERROR)


def are_wanted() -> bool:
    """Tell whether somebody asked for logs, and not only for what goes wrong."""
    handler = _handler()
    return handler is not None and handler.is_wanted


def are_json() -> bool:
    """Tell whether everything on standard error is to be JSON."""
    handler = _handler()
    return handler is not None and isinstance(handler.formatter, JsonLine)


def tell(level: str, message: str, **fields: Any) -> None:
    """Write one JSON line whatever the level: what the console says to people."""
    handler = _handler()
    if handler is not None:
        now = datetime.now(UTC).timestamp()
        handler.write(_json_line(now, level, "vmssplan.console", message, fields))


def set_context(fields: Mapping[str, Any]) -> None:
    """Put these fields into every line from here on, in this task."""
    _context.set(fields)


class StandardError(logging.Handler):
    """Writes to standard error; `is_wanted` when somebody asked for logs.

    On a terminal it goes through whatever draws there, so that lines do not tear the picture but
    come after it; a file is written directly, because what draws would show it on the terminal.
    """

    def __init__(self, log_format: LogFormat | None, level: LogLevel | None) -> None:
        super().__init__()
        self.is_wanted = log_format is not None or level is not None
        self._stream = sys.stderr
        self.setFormatter(JsonLine() if log_format is LogFormat.JSON else TextLine())

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; one that cannot be written never stops who logs it."""
        try:
            line = self.format(record)
        except (TypeError, ValueError, LookupError) as error:
            told = f"a record that cannot be told: {type(error).__name__}"
            line = self.format(logging.makeLogRecord({**record.__dict__, "msg": told, "args": ()}))
        self.write(line)

    def write(self, line: str) -> None:
        """Write one line."""
        stream: TextIO = sys.stderr if self._stream.isatty() else self._stream
        stream.write(line + "\n")
        stream.flush()


class JsonLine(logging.Formatter):
    """One object a line: when, how bad, who, what, and the fields of the Run and the record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = _fields(record)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        message = record.getMessage()
        return _json_line(record.created, _word(record), record.name, message, fields)


class TextLine(logging.Formatter):
    """One line for people: the same, in the same order."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        from vmssplan.redaction import redacted
        from vmssplan.report.wording import one_line

        shown = {k: v for k, v in _fields(record).items() if k not in SAID_ANYWAY}
        known = " ".join(f"{key}={_plain(value)}" for key, value in shown.items())
        tail = f" ({known})" if known else ""
        text = one_line(redacted(f"{record.getMessage()}{tail}"))
        if record.exc_info:
            text = f"{text}\n{redacted(self.formatException(record.exc_info))}"
        return f"{_timestamp(record.created)} {_word(record)} {record.name}: {text}"


def _handler() -> StandardError | None:
    handlers = logging.getLogger().handlers
    return next((one for one in handlers if isinstance(one, StandardError)), None)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of the Run and, over them, those of the record."""
    own: Mapping[str, Any] = getattr(record, "fields", {})
    return {**_context.get({}), **own}


def _json_line(
    created: float, level: str, logger: str, message: str, fields: Mapping[str, Any]
) -> str:
    from vmssplan.redaction import redacted

    document = {
        "timestamp": _timestamp(created),
        "level": level,
        "logger": logger,
        "message": redacted(message),
        **{key: _without_secrets(value) for key, value in fields.items()},
    }
    return json.dumps(document, ensure_ascii=False, default=str)


def _without_secrets(value: Any) -> Any:
    from vmssplan.redaction import redacted

    match value:
        case str():
            return redacted(value)
        case list() | tuple():
            return [_without_secrets(one) for one in value]
        case _:
            return value


def _word(record: logging.LogRecord) -> str:
    return record.levelname.casefold()


def _plain(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _timestamp(created: float) -> str:
    moment = datetime.fromtimestamp(created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
