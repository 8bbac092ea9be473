"""How often to ask, from nothing but what the service's last answers said.

Runs share the buckets of a subscription and region without knowing of each other, so each must
slow down by itself. There are two kinds of buckets. One of a scale set is ours alone, more or
less: the refill is spent as it comes, and what is left above the next call over the coming minute.
One of the subscription is everybody's: while it is half full nobody slows down, below that the
pause grows as it empties, so that the demand of however many settles at the refill. Writes count
in buckets of their own, which no reading can empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmssplan.ports import Pacing

MINUTE = timedelta(minutes=1)
CALM_PAUSE = timedelta(seconds=10)
"""The pause a shared bucket asks for when it is half full; above that it asks for none."""
SHORTEST_BACKOFF = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=2)
"""Nothing but a `Retry-After` makes a pause longer, and the spread."""
SPREAD = 0.25
"""By how much of itself a pause on account of others is made longer, at most."""

REFILL_PER_MINUTE = {
    "GetVMScaleSet": (12, 800),
    "HighCostGetVMScaleSet": (10, 360),
    "GetOperation": (15, 5000),
}
"""Of one scale set, and of the subscription and region (Microsoft's compute-throttling-limits)."""
MINUTES_TO_FILL = 3
"""Every bucket of that page holds three minutes of refill."""


@dataclass(slots=True)
class Pacer:
    """When one Run may next look at its scale set, and when at its operations; None means now."""

    look_at: datetime | None = None
    poll_at: datetime | None = None
    _pauses: int = 0

    def looked(self, told: Pacing, run: str, now: datetime) -> None:
        """Take note of a look."""
        self.look_at = now + pause_after([told], self._share(run))

    def polled(self, told: Iterable[Pacing], run: str, now: datetime) -> None:
        """Take note of one round of asking how operations stand."""
        self.poll_at = now + pause_after(told, self._share(run))

    def refused(self, retry_after: timedelta | None, so_far: timedelta, run: str) -> timedelta:
        """Return the pause after a refusal."""
        return pause_after_refusal(retry_after, so_far, self._share(run))

    def _share(self, run: str) -> float:
        self._pauses += 1
        return share_of(run, self._pauses)


def share_of(run: str, count: int) -> float:
    """Draw from [0, 1): always the same for the same pause of a Run, another for another Run."""
    number = int.from_bytes(blake2b(f"{run}/{count}".encode(), digest_size=6).digest())
    return number / 2**48


def pause_after(answers: Iterable[Pacing], share: float = 0.0) -> timedelta:
    """Return how long to wait before asking the same again, after one round of asking."""
    wished = longest = timedelta(0)
    drawn: dict[str, int] = {}
    left: dict[str, int] = {}
    for told in answers:
        wished = max(wished, told.retry_after or wished)
        for one in told.allowances:
            drawn[one.policy] = drawn.get(one.policy, 0) + one.drawn
            left[one.policy] = one.left
    for policy, count in drawn.items():
        longest = max(longest, _pause(policy, left[policy], count, share))
    return _whole_seconds(max(wished, min(longest, LONGEST_PAUSE)))


def pause_after_refusal(
    retry_after: timedelta | None, so_far: timedelta, share: float = 0.0
) -> timedelta:
    """Return how long to wait after an answer that was none; `so_far` is since the first of these.

    The `Retry-After` of a 429 is until the bucket has one token, for which all who were refused
    come back at once. So: never earlier than that, but longer the longer it lasts, and each at a
    time of its own.
    """
    backoff = min(max(so_far, SHORTEST_BACKOFF), LONGEST_PAUSE)
    return _whole_seconds(max(retry_after or timedelta(0), backoff) * (1 + SPREAD * share))


def _pause(policy: str, left: int, drawn: int, share: float) -> timedelta:
    """Return the pause one bucket asks for; none for a count that is no bucket we know."""
    if (name := policy.removesuffix("Resource")) in REFILL_PER_MINUTE:
        refill, _ = REFILL_PER_MINUTE[name]
        return MINUTE * drawn / (refill + max(0, left - drawn))
    if (name := policy.removesuffix("SubscriptionMaximum")) in REFILL_PER_MINUTE:
        _, refill = REFILL_PER_MINUTE[name]
        half_full = refill * MINUTES_TO_FILL / 2
        if left < half_full:
            return CALM_PAUSE * (half_full / max(left, 1)) * (1 + SPREAD * share)
    return timedelta(0)


def _whole_seconds(pause: timedelta) -> timedelta:
    return timedelta(seconds=ceil(pause / timedelta(seconds=1)))
