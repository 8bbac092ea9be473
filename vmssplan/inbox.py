"""What others have told a Run, read from where its state is kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmssplan.ports import StateStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.engine.instructions import Instruction

REST_SECONDS = 0.2
"""By the wall clock, also where the Run lives in virtual time: people do not."""


@dataclass(frozen=True, slots=True)
class StoredInbox:
    """`ports.Inbox` of one Run in a state store."""

    store: StateStore
    run: str

    def instructions(self) -> Sequence[Instruction]:
        """Read them all; raises StateUnreadable."""
        return self.store.instructions(self.run)

    async def rest(self) -> None:
        """Give people a moment."""
        await asyncio.sleep(REST_SECONDS)


class EmptyInbox:
    """`ports.Inbox` of a Run that nobody talks to."""

    def instructions(self) -> Sequence[Instruction]:
        """Return nothing."""
        return ()

    async def rest(self) -> None:
        """Return at once."""
