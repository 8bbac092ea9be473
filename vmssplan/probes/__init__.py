"""Asks the application: HTTP requests and the user's own programs, each answer a Measurement.

Nothing that goes wrong here is an exception. What cannot be asked is an Error, which never
passes a gate and never counts as health. A `detail` says a status, an exit code or the class of
an error, and nothing that an application or a program wrote: that may hold secrets.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from vmssplan.gates import Measurement, Verdict
from vmssplan.model import HttpProbe, ProbeScope, filled, missing_values
from vmssplan.probes.http import ask
from vmssplan.probes.programs import run_program
from vmssplan.probes.telling import document_of, label_of, variables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vmssplan.model import CommandProbe, Instance
    from vmssplan.ports import Subject

MAX_AT_A_TIME = 32
"""How many requests and programs there are at a time, whoever asks for them."""

WORST_FIRST = (
    Verdict.ERROR,
    Verdict.FAILED,
    Verdict.INCONCLUSIVE,
    Verdict.RUNNING,
    Verdict.SUCCESSFUL,
)
_NAMED = 3


class RealProbes:
    """`ports.Probes`: over the network, and by programs on this machine.

    Programs get `environment` and what they are about (see `telling`); `say` gets each line they
    print, with the name of the program before it.
    """

    def __init__(self, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._environment = environment
        self._say = say
        self._turns = asyncio.Semaphore(MAX_AT_A_TIME)

    async def measure(self, probe: HttpProbe | CommandProbe, subject: Subject) -> Measurement:
        """Ask once; with scope INSTANCE each instance, where the worst answer counts."""
        match probe.scope:
            case ProbeScope.SCALE_SET:
                return await self._one(probe, subject)
            case ProbeScope.INSTANCE:
                each = [replace(subject, instances=(one,)) for one in subject.instances]
                async with asyncio.TaskGroup() as asking:
                    answers = [asking.create_task(self._one(probe, about)) for about in each]
                return worst(subject.instances, [answer.result() for answer in answers])
        assert_never(probe.scope)

    async def _one(self, probe: HttpProbe | CommandProbe, subject: Subject) -> Measurement:
        async with self._turns:
            if isinstance(probe, HttpProbe):
                return await _ask(probe, subject)
            variables = variables_of(subject)
            own = {k: v for k, v in self._environment.items() if k not in variables}
            return await run_program(
                probe,
                environment=own | {k: v for k, v in variables.items() if v is not None},
                document=document_of(subject),
                label=label_of(probe, subject),
                say=self._say,
            )


async def _ask(probe: HttpProbe, subject: Subject) -> Measurement:
    if probe.scope is not ProbeScope.INSTANCE:
        return await ask(probe)
    (instance,) = subject.instances
    missing = missing_values(probe.url, instance)
    if missing:
        named = ", ".join(f"{{{name}}}" for name in missing)
        return Measurement(Verdict.ERROR, f"no value is known for {named}")
    return await ask(replace(probe, url=filled(probe.url, instance)))


def worst(instances: Sequence[Instance], found: Sequence[Measurement]) -> Measurement:
    """Return the answer that counts for all; without any instance nothing can be said."""
    if not found:
        return Measurement(Verdict.INCONCLUSIVE, "there is no instance to ask")
    if len(found) == 1:
        detail = f"instance {instances[0].instance_id}: {found[0].detail}"
        return Measurement(found[0].verdict, detail)
    verdict = min((each.verdict for each in found), key=WORST_FIRST.index)
    those = [
        (one.instance_id, each.detail)
        for one, each in zip(instances, found, strict=True)
        if each.verdict is verdict
    ]
    # What most of them said stands for the others.
    ((detail, _),) = Counter(said for _, said in those).most_common(1)
    if len(those) == len(found):
        return Measurement(verdict, f"all {len(found)} instances: {detail}")
    first = ", ".join(name for name, _ in those[:_NAMED])
    more = ", ..." if len(those) > _NAMED else ""
    return Measurement(verdict, f"{len(those)} of {len(found)} instances ({first}{more}): {detail}")
