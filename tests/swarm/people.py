"""What people say to the Run of a Case, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.support.runs import MemoryJournal
from tests.swarm.cases import Saying
from vmss_simulator.world import World
from vmssplan.engine import replay
from vmssplan.engine.events import StepCompleted
from vmssplan.engine.instructions import (
    Abort,
    Approve,
    GoOn,
    Hold,
    Instruction,
    Reject,
    RollBack,
)
from vmssplan.rollout import Approval, Rollout, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 40
"""After so many rests at one step somebody lets the Run go on, whatever it waits for."""
MOST_RESTS = 400


@dataclass
class People:
    """`ports.Inbox`: says what the Case says, and in the end whatever lets the Run go on."""

    script: tuple[Saying, ...]
    world: World
    journal: MemoryJournal
    rollout: Rollout
    told: list[Instruction] = field(default_factory=list)
    said: int = 0
    rests: int = 0
    steps_done: int = 0

    def instructions(self) -> Sequence[Instruction]:
        """Return what has been said by now."""
        while self.said < len(self.script) and self._is_time(self.script[self.said]):
            self._say(self.script[self.said].says)
            self.said += 1
        return tuple(self.told)

    async def rest(self) -> None:
        """Let people think; those who have said nothing for long say yes, and at last no."""
        done = len(self.journal.of(StepCompleted))
        self.rests = self.rests + 1 if done == self.steps_done else 1
        self.steps_done = done
        assert self.rests < MOST_RESTS, "nobody can make it go on"
        if self.rests % PATIENCE == 0:
            self._say("goOn")
            self._say("approve")
        if self.rests >= MOST_RESTS // 2 and self.rests % PATIENCE == 1:
            self._say("abort")

    def _is_time(self, saying: Saying) -> bool:
        return self.world.now >= self.world.start + timedelta(seconds=saying.at)

    def _say(self, word: str) -> None:
        key, by, at = f"said-{len(self.told)}", "ann", self.world.now
        match word:
            case "approve":
                step = self._approval_step()
                self.told.append(Approve(key, by, at, step, digest(self.rollout)))
            case "reject":
                self.told.append(Reject(key, by, at, self._approval_step(), "no"))
            case "hold":
                self.told.append(Hold(key, by, at))
            case "goOn":
                self.told.append(GoOn(key, by, at))
            case "abort":
                self.told.append(Abort(key, by, at))
            case "rollBack":
                self.told.append(RollBack(key, by, at))
            case _:
                raise AssertionError(word)

    def _approval_step(self) -> int:
        """Return the step that waits for an approval, or the next one that will."""
        state = replay(self.rollout, self.journal.events)
        steps = enumerate(self.rollout.steps, start=1)
        asked = [number for number, step in steps if isinstance(step, Approval)]
        left = [number for number in asked if number not in state.people.approved]
        return left[0] if left else 1
