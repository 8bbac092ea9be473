"""Several Runs on one clock: time moves when all sleep, never over what anybody waits for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.service import FakeClock
from tests.support.values import START, seconds
from vmssplan.clocks import SharedClock

if TYPE_CHECKING:
    from collections.abc import Sequence


def lived(*lives: Sequence[int]) -> list[tuple[int, int]]:
    """Let each sleep until its moments, one after the other; who woke when, in order."""
    clock, woken = SharedClock(FakeClock()), []

    async def live(number: int, moments: Sequence[int]) -> None:
        for moment in moments:
            await clock.sleep_until(START + seconds(moment))
            woken.append((number, int((clock.now() - START).total_seconds())))

    asyncio.run(clock.together(live(n, moments) for n, moments in enumerate(lives)))
    return woken


def test_whoever_is_due_first_wakes_first() -> None:
    """However long each sleeps, everybody wakes at the moment asked for."""
    assert lived([30, 40], [10, 35], [20]) == [(1, 10), (2, 20), (0, 30), (1, 35), (0, 40)]


def test_those_due_together_wake_in_the_order_they_fell_asleep() -> None:
    """Equal moments keep their order, so that a world lived in twice is the same twice."""
    assert lived([10, 20], [10, 20]) == [(0, 10), (1, 10), (0, 20), (1, 20)]


def test_a_moment_that_has_passed_is_not_waited_for() -> None:
    """Time does not run backwards for whoever asks late."""
    assert lived([50, 10, 60], [55]) == [(0, 50), (0, 50), (1, 55), (0, 60)]


def test_one_that_ends_leaves_the_others_going() -> None:
    """Who has nothing to do keeps nobody from waking."""
    assert lived([], [10], []) == [(1, 10)]


def test_results_come_in_order_and_a_failure_is_raised() -> None:
    """What each returned is returned; what one raises ends the waiting for all."""

    async def late(clock: SharedClock, number: int) -> int:
        await clock.sleep_until(START + seconds(10 - number))
        if number == 3:
            raise LookupError("lost")
        return number

    calm, broken = SharedClock(FakeClock()), SharedClock(FakeClock())
    assert asyncio.run(calm.together(late(calm, n) for n in range(3))) == [0, 1, 2]
    with pytest.raises(LookupError, match="lost"):
        asyncio.run(broken.together(late(broken, n) for n in range(3, 5)))
