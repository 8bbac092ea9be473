"""A fake of `ports.Probes` that answers what it is told, and remembers what it was asked."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from vmssplan.gates import Measurement, Verdict
from vmssplan.model import CommandProbe, HttpProbe
from vmssplan.ports import Subject

PASSED = Measurement(Verdict.SUCCESSFUL, "as told")


@dataclass
class FakeProbes:
    """`answers` are given in order, by the ids of the instances concerned; then `otherwise`."""

    otherwise: Measurement = PASSED
    answers: dict[tuple[str, ...], list[Measurement]] = field(
        default_factory=lambda: defaultdict(list)
    )
    asked: list[tuple[HttpProbe | CommandProbe, Subject]] = field(default_factory=list)

    async def measure(self, probe: HttpProbe | CommandProbe, subject: Subject) -> Measurement:
        """Answer."""
        self.asked.append((probe, subject))
        told = self.answers[tuple(one.instance_id for one in subject.instances)]
        return told.pop(0) if told else self.otherwise
