"""One line of the fidelity ledger, and short ways to write one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How well something is known, best first."""

    SPEC = "spec"
    RECORDED = "recorded"
    DOCUMENTED = "documented"
    ASSUMED = "assumed"


class Area(StrEnum):
    """What an entry is about."""

    OPERATION = "operation"
    BEHAVIOUR = "behaviour"
    OPTION = "option"
    LATENCY = "latency"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Entry:
    """What one thing rests on; `source` is where that can be read."""

    area: Area
    subject: str
    level: Level
    source: str
    note: str = ""


def operation(subject: str, level: Level, source: str, note: str = "") -> Entry:
    """Return the entry of a route: its method and template, as in `arm/routes.py`."""
    return Entry(Area.OPERATION, subject, level, source, note)


def behaviour(subject: str, level: Level, source: str, note: str = "") -> Entry:
    """Return the entry of something that happens in the world or in every answer."""
    return Entry(Area.BEHAVIOUR, subject, level, source, note)


def option(subject: str, level: Level, source: str, note: str = "") -> Entry:
    """Return the entry of an option's default; `subject` is its name in a scenario."""
    return Entry(Area.OPTION, subject, level, source, note)


def latency(subject: str, level: Level, source: str, note: str = "") -> Entry:
    """Return the entry of a default latency; `subject` is its name in a scenario."""
    return Entry(Area.LATENCY, subject, level, source, note)


def fault(subject: str, level: Level, source: str, note: str = "") -> Entry:
    """Return the entry of an effect of fault rules; `subject` is its name in a scenario."""
    return Entry(Area.FAULT, subject, level, source, note)
