"""How numbers, spans, names and long texts read: one way in every report."""

from __future__ import annotations

import textwrap
from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.rollout import UpgradeWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.rollout import Rollout

_NARROWEST = 20
_GRAINS = ((7_200, 600), (600, 60), (120, 30))
"""An estimate of at least so many seconds is told in steps of so many."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return `1 batch`, `2 batches`: the number with its noun."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {plural or noun + ('es' if noun.endswith(('s', 'ch')) else 's')}"


def span_text(span: timedelta) -> str:
    """Return `46m`, `1h11m`, `2m30s`, `1d2h`: the two largest units that say something."""
    seconds = max(0, round(span.total_seconds()))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        amount, seconds = divmod(seconds, size)
        parts.append((amount, unit))
    first = next((n for n, (amount, _) in enumerate(parts) if amount), len(parts) - 1)
    major, *minor = parts[first : first + 2]
    rest = "".join(f"{amount}{unit}" for amount, unit in minor if amount)
    return f"{major[0]}{major[1]}{rest}"


def roughly(span: timedelta) -> str:
    """Return the span as an estimate may claim to know it: no seconds in minutes, and so on."""
    seconds = span.total_seconds()
    grain = next((grain for limit, grain in _GRAINS if seconds >= limit), 5)
    return span_text(timedelta(seconds=round(seconds / grain) * grain))


def one_line(text: str) -> str:
    """Return the text without line breaks and control characters, as logs and terminals need."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def ending(text: str, width: int) -> str:
    """Return the text if it fits, else its end, which is what tells long ids and URIs apart."""
    return text if len(text) <= width else "..." + text[len(text) - max(1, width - 3) :]


def beginning(text: str, width: int) -> str:
    """Return the text if it fits, else its beginning."""
    return text if len(text) <= width else text[: max(1, width - 3)] + "..."


def wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    """Break a text at spaces, or anywhere when it has none; `first` and `rest` are indents."""
    lines = textwrap.wrap(
        one_line(text),
        max(width, len(rest) + _NARROWEST),
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )
    return lines or [first.rstrip()]


def columns(items: Sequence[str], width: int, indent: str) -> list[str]:
    """Lay the items out in columns, row by row, as many as fit."""
    cell = max((len(item) for item in items), default=0) + 2
    a_row = max(1, (width - len(indent) + 2) // cell)
    return [
        indent + "".join(item.ljust(cell) for item in items[start : start + a_row]).rstrip()
        for start in range(0, len(items), a_row)
    ]


def portions_text(rollout: Rollout) -> str:
    """Return `4 batches`, or `a window of 3`."""
    window = next((s.window for s in rollout.steps if isinstance(s, UpgradeWindow)), None)
    return counted(rollout.batch_count, "batch") if window is None else f"a window of {window}"
