"""The shape of a finding, shared by all rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a finding does: an error refuses the Plan, a warning is printed."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a rule found: at which key of the Plan, what is wrong, what to change."""

    rule: str
    severity: Severity
    path: str
    message: str
    fix: str


def error(rule: str, path: str, message: str, fix: str) -> Finding:
    """Return a finding that refuses the Plan."""
    return Finding(rule, Severity.ERROR, path, message, fix)


def warning(rule: str, path: str, message: str, fix: str) -> Finding:
    """Return a finding that is only printed."""
    return Finding(rule, Severity.WARNING, path, message, fix)
