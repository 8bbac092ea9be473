"""Guesses which word was meant."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the known words nearest to this one, none when none is near.

    One edit (insert, delete, replace, swap neighbours) is always near; longer words may be
    further off. Upper and lower case count as the same. Two words equally near are both
    returned: of `include` and `exclude` none should be guessed.
    """
    by_edits: defaultdict[int, list[str]] = defaultdict(list)
    for candidate in sorted(set(known)):
        by_edits[_edits(word.casefold(), candidate.casefold())].append(candidate)
    fewest = min(by_edits, default=0)
    return tuple(by_edits[fewest]) if fewest <= max(1, len(word) // 3) else ()


def did_you_mean(words: tuple[str, ...]) -> str | None:
    """Return the question to ask, None when there is nothing to suggest."""
    return f"did you mean {' or '.join(f'`{word}`' for word in words)}?" if words else None


def _edits(one: str, other: str) -> int:
    """Count the edits between two words, by rows of the usual table."""
    if abs(len(one) - len(other)) > max(1, len(one) // 3):
        return max(len(one), len(other))
    above: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        two_above, above, row = above, row, [i]
        for j, wanted in enumerate(other, start=1):
            edits = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                edits = min(edits, two_above[j - 2] + 1)
            row.append(edits)
    return row[-1]
