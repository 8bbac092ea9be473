"""Runs what is asynchronous to its end, for a command that is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

T = TypeVar("T")


def result_of(work: Coroutine[Any, Any, T]) -> T:
    """Return what it comes to.

    The task itself ends with no result: where asyncio gives the signal handler back, Python writes
    out the whole result in an error that nobody sees, which for a thousand instances takes longer
    than to look at them (`signal._int_to_enum`).
    """
    found: list[T] = []

    async def keep() -> None:
        found.append(await work)

    asyncio.run(keep())
    return found[0]
