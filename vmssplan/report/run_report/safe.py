"""Texts of others on their way into a report: on one line, without secrets, not without end."""

from __future__ import annotations

from functools import lru_cache

from vmssplan.redaction import redacted
from vmssplan.report.wording import one_line

LONGEST = 2_000
"""So many characters of a text are told; the journal has the whole."""


@lru_cache(maxsize=4096)
def safe(text: str) -> str:
    """Return the text as a report may tell it; what was left out at its end is counted."""
    # Twice: a line break may have hidden a secret, or have been what shows it.
    line = redacted(one_line(redacted(text)))
    if len(line) <= LONGEST:
        return line
    return f"{line[:LONGEST]}... ({len(line) - LONGEST} more characters, see the journal)"
