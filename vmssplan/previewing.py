"""Request x service -> what it comes to, for whoever asks: the command line, or a page.

One road, so that a preview in the one place and the command in the other have the same digest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmssplan.errors import NotPermitted
from vmssplan.operating import (
    ROLLOUT_VERBS,
    Verb,
    autoscale_notes,
    compute_operation,
    upgrade_plan,
)
from vmssplan.resolution import compute, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from vmssplan.lint import Finding
    from vmssplan.model import Plan, ScaleSet, ScaleSetId
    from vmssplan.operating import Operation, Request
    from vmssplan.ports import Backend
    from vmssplan.rollout import Rollout


NOBODY_SELECTED = "selection-empty"
"""The lint's rule for a Plan that selects nobody, which a request may well mean to do."""


async def prepare(
    request: Request,
    target: ScaleSetId,
    plan: Plan | None,
    backend: Backend,
    report: Callable[[Sequence[Finding]], None],
    boot: timedelta | None = None,
    live: ScaleSet | None = None,
) -> tuple[Operation | Rollout, ScaleSet]:
    """Look at the set, and return what the request means for it as it is, and the look.

    `plan` gives floor, health, and what current instances run; None where there is none for the
    set. `report`, `boot` and `live` are as in `resolution.compute`. Raises what that,
    `compute_operation` and the backend raise.
    """
    if live is None:
        live, _ = await backend.observe(target)
    if request.verb in ROLLOUT_VERBS:
        wished = upgrade_plan(live, request, plan)
        return await compute(wished, backend, _without_the_obvious(report), boot, live)
    wanted = None if plan is None else await resolve(plan.model, live, backend)
    operation = compute_operation(live, request, plan, wanted)
    if request.verb is Verb.SCALE:
        notes = await _who_scales_too(operation, backend)
        operation = replace(operation, notes=(*operation.notes, *notes))
    return operation, live


async def _who_scales_too(operation: Operation, backend: Backend) -> tuple[str, ...]:
    """Say what autoscale will make of another number of instances."""
    try:
        settings = await backend.autoscale_settings(operation.target)
    except NotPermitted:
        return ("whether autoscale scales this set, too, may not be seen",)
    return autoscale_notes(operation, settings)


def _without_the_obvious(
    report: Callable[[Sequence[Finding]], None],
) -> Callable[[Sequence[Finding]], None]:
    """Return a report of everything but that nobody is selected."""

    def filtered(findings: Sequence[Finding]) -> None:
        report([one for one in findings if one.rule != NOBODY_SELECTED])

    return filtered
