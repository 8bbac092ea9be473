"""What a request comes to, without doing anything: the same values as the command line's preview.

A preview ends in the words of a command and a digest. Whoever confirms it has exactly that command
carried out, with `--require-digest`, so what was shown is what is done, or nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from vmssplan.errors import NotFound, Refused, UsageInvalid
from vmssplan.lint import Severity, lint_plan
from vmssplan.model import HealthSource
from vmssplan.operating import Operation, Request, Verb, command
from vmssplan.previewing import prepare
from vmssplan.report.operation import operation_json, rollout_operation_json
from vmssplan.report.operation_text import operation_text
from vmssplan.report.paint import Paint
from vmssplan.report.steps import batch_of_step, step_title
from vmssplan.report.text import rollout_text
from vmssplan.resolution import compute
from vmssplan.ui.asking import ROLLOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmssplan.lint import Finding
    from vmssplan.model import Plan, ScaleSet, ScaleSetId
    from vmssplan.planfile import LoadedPlan
    from vmssplan.ports import Backend
    from vmssplan.rollout import Rollout
    from vmssplan.ui.asking import Ask
    from vmssplan.ui.watching import Watch

Document = dict[str, Any]
TEXT_WIDTH = 100
PATIENCE_SECONDS = 10.0
"""How long a preview waits for a newer look; an older one only costs another preview."""


@dataclass(frozen=True, slots=True)
class Previewed:
    """What was asked for, as it would be done now; `words` are those of the command."""

    document: Document
    digest: str
    words: tuple[str, ...]
    has_changes: bool
    refused: str | None = None


def plan_of(ask: Ask, target: ScaleSetId, plans: Sequence[LoadedPlan]) -> LoadedPlan | None:
    """Return the Plan that holds: the one named, else the only one of the set, else None.

    Raises NotFound for one that is not served here, UsageInvalid where a Plan is needed.
    """
    key = target.resource_id.casefold()
    mine = [one for one in plans if one.plan.target.resource_id.casefold() == key]
    if ask.plan:
        found = next((one for one in mine if str(one.file) == ask.plan), None)
        if found is None:
            raise NotFound(f"{ask.plan} is none of the Plans of {target} that are shown here")
        return found
    if ask.request is None and len(mine) != 1:
        raise UsageInvalid(
            f"{target} has {len(mine)} Plans here", hint="name the one to roll out as plan"
        )
    return mine[0] if ask.plan is None and len(mine) == 1 else None


class Previews:
    """Works previews out.

    `backend_for` returns the backend that sees health as a Plan wants it; `options` are those of
    the service, which the command shown has too.
    """

    def __init__(
        self,
        plans: Sequence[LoadedPlan],
        backend_for: Callable[[Plan | None], Backend],
        watch: Watch,
    ) -> None:
        self._plans = plans
        self._backend_for = backend_for
        self._watch = watch

    async def preview(self, ask: Ask, target: ScaleSetId) -> Previewed:
        """Return what is asked for, as it would be done now; raises VmssplanError."""
        loaded = plan_of(ask, target, self._plans)
        plan = None if loaded is None else loaded.plan
        backend = self._backend_for(plan)
        findings: list[str] = []
        report = partial(_report, findings)
        if loaded is not None and ask.request is None:
            report(lint_plan(loaded.plan))
            live = await self._live(target, plan)
            rollout, _ = await compute(loaded.plan, backend, report, live=live)
            apply = ("apply", str(loaded.file))
            return await asyncio.to_thread(_of_rollout, rollout, None, apply, findings)
        if ask.request is None:
            raise UsageInvalid("there is no Plan to roll out")
        place = target.resource_id if loaded is None else str(loaded.file)
        words = command(ask.request, place)[1:]
        live = await self._live(target, plan)
        found, _ = await prepare(ask.request, target, plan, backend, report, live=live)
        if isinstance(found, Operation):
            return _of_operation(found, words)
        return await asyncio.to_thread(_of_rollout, found, ask.request, words, findings)

    async def _live(self, target: ScaleSetId, plan: Plan | None) -> ScaleSet | None:
        """Return the set as all pages see it; None where the Plan wants its instances probed.

        It may be some seconds old. Whoever carries out looks again, and refuses what has changed.
        """
        if plan is not None and plan.health.source in (HealthSource.HTTP, HealthSource.COMMAND):
            return None
        look = await self._watch.look(target, patience_seconds=PATIENCE_SECONDS)
        if look.problem is not None:
            raise look.problem.with_traceback(None)
        return look.scale_set


def _report(told: list[str], findings: Sequence[Finding]) -> None:
    """Keep what the lint found; raise Refused for an error, as the command does."""
    told += [f"{one.message} [{one.rule}] ({one.fix})" for one in findings]
    wrong = [one for one in findings if one.severity is Severity.ERROR]
    if wrong:
        raise Refused(
            "; ".join(f"{one.message} [{one.rule}]" for one in wrong),
            hint="; ".join(str(one.fix) for one in wrong if one.fix) or None,
        )


def _of_operation(operation: Operation, words: tuple[str, ...]) -> Previewed:
    document = operation_json(operation)
    document |= {
        "changes": [],
        "hasChanges": operation.has_changes,
        "text": operation_text(operation, paint=Paint.plain(), width=TEXT_WIDTH),
        "rolloutDigest": None,
    }
    return Previewed(document, operation.digest, words, operation.has_changes, operation.refused)


def _of_rollout(
    rollout: Rollout, request: Request | None, words: tuple[str, ...], findings: Sequence[str]
) -> Previewed:
    document = rollout_operation_json(rollout, request or Request(Verb.UPGRADE))
    steps = [
        {"title": step_title(rollout, step), "batch": batch_of_step(rollout, number)}
        for number, step in enumerate(rollout.steps, start=1)
    ]
    document |= {
        "verb": ROLLOUT if request is None else request.verb.value,
        "changes": [
            {"path": one.path, "before": one.before, "after": one.after} for one in rollout.changes
        ],
        "steps": steps,
        "findings": list(findings),
        "hasChanges": rollout.has_changes,
        "text": rollout_text(rollout, paint=Paint.plain(), width=TEXT_WIDTH),
        "rolloutDigest": rollout.digest,
    }
    return Previewed(document, rollout.digest, words, rollout.has_changes)
