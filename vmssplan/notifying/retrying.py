"""Whether to try again, and when. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmssplan.notifying.values import Answer

MOST_ATTEMPTS = 8
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=1)
LONGEST_WISH = timedelta(minutes=5)
"""A longer Retry-After is not waited for."""
_AGAIN = frozenset({408, 425, 429, *range(500, 600)})


def pause_after(attempt: int, answer: Answer) -> timedelta | None:
    """Return how long to wait after that attempt (1-based); None: not again.

    No answer, 408, 425, 429 and 5xx may be better later; anything else will not.
    """
    if attempt >= MOST_ATTEMPTS:
        return None
    if answer.status is not None and answer.status not in _AGAIN:
        return None
    usual = min(FIRST_PAUSE * (1 << (attempt - 1)), LONGEST_PAUSE)
    if answer.retry_after is None:
        return usual
    return max(usual, min(answer.retry_after, LONGEST_WISH))
