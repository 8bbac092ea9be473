"""Colour, as an argument: what tone a piece of text has, and what a terminal makes of it.

Meaning is never carried by colour alone; whoever reads the plain text misses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Tone(StrEnum):
    """What a piece of text is, not what it looks like."""

    HEADING = "heading"
    QUIET = "quiet"
    CHANGE = "change"
    ADD = "add"
    REMOVE = "remove"
    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    ACTIVE = "active"
    WAITING = "waiting"


_RESET = "\x1b[0m"
_CODES: Mapping[Tone, str] = {
    Tone.HEADING: "\x1b[1m",
    Tone.QUIET: "\x1b[2m",
    Tone.CHANGE: "\x1b[33m",
    Tone.ADD: "\x1b[32m",
    Tone.REMOVE: "\x1b[31m",
    Tone.GOOD: "\x1b[32m",
    Tone.BAD: "\x1b[1;31m",
    Tone.WARNING: "\x1b[33m",
    Tone.ACTIVE: "\x1b[36m",
    Tone.WAITING: "\x1b[34m",
}


@dataclass(frozen=True, slots=True)
class Paint:
    """Wraps text in the codes of its tone; without codes it leaves text as it is."""

    codes: Mapping[Tone, str] = field(default_factory=dict)

    @classmethod
    def plain(cls) -> Paint:
        """Return the paint for logs, files and pull requests."""
        return cls()

    @classmethod
    def ansi(cls) -> Paint:
        """Return the paint for terminals, in the colours Terraform uses."""
        return cls(_CODES)

    def __call__(self, text: str, tone: Tone) -> str:
        """Return the text in its tone."""
        code = self.codes.get(tone)
        return f"{code}{text}{_RESET}" if code and text else text


PLAIN = Paint.plain()
