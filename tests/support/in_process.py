"""The program in this process: faster than another one, and logging is put back afterwards."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vmssplan.cli.logs import SDK_TRACE, StandardError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGERS = ("", "vmssplan", "azure", SDK_TRACE, "opentelemetry")


@contextmanager
def logging_put_back() -> Iterator[None]:
    """Undo what the program does to logging while the context lasts."""
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    try:
        yield
    finally:
        root = logging.getLogger()
        for handler in [each for each in root.handlers if isinstance(each, StandardError)]:
            root.removeHandler(handler)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
