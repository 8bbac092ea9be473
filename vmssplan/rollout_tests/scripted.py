"""The application and the people of a scenario test: they say what the test says they do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vmssplan.engine.instructions import Approve, Instruction, Reject
from vmssplan.errors import ExitCode
from vmssplan.gates import Measurement, Verdict
from vmssplan.rollout import Approval, digest
from vmssplan.rollout_tests.values import People

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.engine import RunState
    from vmssplan.model import CommandProbe, HttpProbe
    from vmssplan.ports import Subject
    from vmssplan.rollout import Rollout

# Nothing is judged by when somebody said something.
WHENEVER = datetime.min.replace(tzinfo=UTC)


class ScriptedAnswers:
    """`ports.Probes`: gates and hooks answer in turn, then always as the last did."""

    def __init__(self, answers: Sequence[Verdict]) -> None:
        self._answers = tuple(answers)
        self._asked = 0

    async def measure(self, probe: HttpProbe | CommandProbe, subject: Subject) -> Measurement:
        """Answer."""
        del probe, subject
        verdict = self._answers[min(self._asked, len(self._answers) - 1)]
        self._asked += 1
        return Measurement(verdict, "as the test says")

    def health(self) -> ScriptedAnswers:
        """Return what says that every instance that runs is well."""
        return ScriptedAnswers((Verdict.SUCCESSFUL,))


class ScriptedPeople:
    """`ports.Inbox` of people who answer when they are asked: when the Run ends at an approval."""

    def __init__(self, rollout: Rollout, people: People) -> None:
        self._digest = digest(rollout)
        self._people = people
        self._told: list[Instruction] = []

    def instructions(self) -> Sequence[Instruction]:
        """Return what was said so far."""
        return tuple(self._told)

    async def rest(self) -> None:
        """Return at once."""

    def answer(self, state: RunState) -> bool:
        """Say yes or no to the approval at which the Run has ended; False where nobody answers."""
        if self._people is People.MISSING or not _awaits_approval(state):
            return False
        step = state.step
        if self._people is People.GIVEN:
            self._told.append(Approve(f"yes-{step}", "the test", WHENEVER, step, self._digest))
        else:
            why = "the test says no"
            self._told.append(Reject(f"no-{step}", "the test", WHENEVER, step, why))
        return True


def _awaits_approval(state: RunState) -> bool:
    has_paused = state.outcome is not None and state.outcome.exit_code is ExitCode.PAUSED
    is_open = state.step_started_at is not None
    return has_paused and is_open and isinstance(state.rollout.steps[state.step - 1], Approval)
