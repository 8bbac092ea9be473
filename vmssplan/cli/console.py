"""Where text goes: results to standard output, everything said about them to standard error.

Colour only on a terminal that wants it: NO_COLOR, TERM=dumb and --no-color are honoured. Where
logs are JSON, what goes to standard error is too.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from vmssplan.cli import logs

if TYPE_CHECKING:
    from vmssplan.report.paint import Paint

PLAIN_WIDTH = 100
RED, YELLOW, BOLD, RESET = "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Console:
    """Standard output and standard error, with or without colour."""

    no_color: bool = False

    def wants_color(self, stream: TextIO) -> bool:
        """Tell whether the stream is a terminal on which colour is welcome."""
        return (
            not self.no_color
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
            and stream.isatty()
        )

    @property
    def is_terminal(self) -> bool:
        """True when a person can answer."""
        return sys.stdin.isatty() and sys.stdout.isatty()

    @property
    def width(self) -> int:
        """How many columns there are; 100 where nobody says."""
        return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns

    def paint(self) -> Paint:
        """Return the colours of standard output."""
        from vmssplan.report.paint import Paint

        return Paint.ansi() if self.wants_color(sys.stdout) else Paint.plain()

    def out(self, text: str) -> None:
        """Print a result."""
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Say something about it."""
        if logs.are_json():
            logs.tell("info", text)
        else:
            self._write(text)

    def error(self, message: str, *, hint: str | None = None) -> None:
        """Say what is wrong, and what to do next."""
        if logs.are_json():
            logs.tell("error", message, **({"hint": hint} if hint else {}))
            return
        self._write(f"{self._tinted('Error', RED)}: {message}")
        if hint:
            self.hint(hint)

    def warning(self, message: str) -> None:
        """Say what deserves a look."""
        if logs.are_json():
            logs.tell("warning", message)
        else:
            self._write(f"{self._tinted('Warning', YELLOW)}: {message}")

    def hint(self, text: str) -> None:
        """Say what to do next."""
        if logs.are_json():
            logs.tell("info", text)
        else:
            self._write(f"  -> {text}")

    def ask(self, question: str) -> str:
        """Ask a person; the end of the input is an empty answer."""
        sys.stdout.write(f"{question} ")
        sys.stdout.flush()
        return sys.stdin.readline().strip()

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def _tinted(self, text: str, color: str) -> str:
        return f"{BOLD}{color}{text}{RESET}" if self.wants_color(sys.stderr) else text
