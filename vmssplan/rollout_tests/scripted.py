"""The application and the people of a scenario test: they say what the test says they do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vmssplan.engine.instructions import Approve, Instruction, Reject
from vmssplan.gates import Measurement, Verdict
from vmssplan.rollout import Approval, digest
from vmssplan.rollout_tests.values import People

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """`ports.Inbox` with what is said at every approval."""

    def __init__(self, rollout: Rollout, people: People) -> None:
        steps = [
            number
            for number, step in enumerate(rollout.steps, start=1)
            if isinstance(step, Approval)
        ]
        told: list[Instruction] = []
        if steps and people is People.GIVEN:
            wanted = digest(rollout)
            told = [Approve(f"yes-{n}", "the test", WHENEVER, n, wanted) for n in steps]
        elif people is People.REFUSED:
            told = [Reject(f"no-{n}", "the test", WHENEVER, n, "the test says no") for n in steps]
        self._told = tuple(told)

    def instructions(self) -> Sequence[Instruction]:
        """Return all of it."""
        return self._told

    async def rest(self) -> None:
        """Return at once."""
