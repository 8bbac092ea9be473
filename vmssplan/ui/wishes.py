"""What Plans want of the sets that are shown: who is outdated by them, and what has drifted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vmssplan.baseline import baseline_of
from vmssplan.drift import compare
from vmssplan.errors import ExitCode, VmssplanError
from vmssplan.model import HealthSource, follows_latest
from vmssplan.report.drift import drift_line
from vmssplan.resolution import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.model import ModelFields, Plan, ScaleSet, ScaleSetId
    from vmssplan.planfile import LoadedPlan
    from vmssplan.ports import Service
    from vmssplan.ui.runs import Kept

FRESH_SECONDS = 600.0
"""How long what `latest` means is taken to be so."""
_PROBED = (HealthSource.HTTP, HealthSource.COMMAND)
_SETTLED = (ExitCode.SUCCESS, ExitCode.ROLLED_BACK)


class Wishes:
    """The Plans, and what was found out about them; asks the service as seldom as it can."""

    def __init__(self, plans: Sequence[LoadedPlan] = (), service: Service | None = None) -> None:
        self.plans = tuple(plans)
        self._service = service
        self._wanted: dict[tuple[str, ModelFields], tuple[float, ModelFields]] = {}
        self._versions: dict[str, tuple[float, tuple[str, ...]]] = {}

    def of(self, target: ScaleSetId) -> tuple[LoadedPlan, ...]:
        """Return the Plans for that set."""
        key = target.resource_id.casefold()
        return tuple(one for one in self.plans if one.plan.target.resource_id.casefold() == key)

    def plan_of(self, target: ScaleSetId) -> Plan | None:
        """Return the only Plan of the set; None where there is none, or no telling which."""
        mine = self.of(target)
        return mine[0].plan if len(mine) == 1 else None

    async def wanted(self, live: ScaleSet) -> ModelFields:
        """Return what current instances run: what the Plan says, else the set's model."""
        plan = self.plan_of(live.id)
        if plan is None or self._service is None:
            return live.model
        place = (plan.name, live.model)
        at, known = self._wanted.get(place, (0.0, plan.model))
        if at and time.monotonic() - at < FRESH_SECONDS:
            return known
        try:
            found = await resolve(plan.model, live, self._service)
        except VmssplanError:
            # What is wrong with the Plan is told by the preview; as it is written it is a wish too.
            found = plan.model
        self._wanted[place] = (time.monotonic(), found)
        return found

    def health_source(self, live: ScaleSet) -> HealthSource:
        """Return who says that an instance is healthy: the Plan's source, where a look asks it."""
        plan = self.plan_of(live.id)
        if plan is None or plan.health.source in (HealthSource.AUTO, *_PROBED):
            return live.health_source
        return plan.health.source

    async def drift(self, live: ScaleSet, runs: Sequence[Kept]) -> str | None:
        """Say what has drifted from the Plan since the Runs on the set; None for nothing.

        `runs` are those of the set, oldest first. While one goes on, nothing is compared.
        """
        plan = self.plan_of(live.id)
        if plan is None or any(one.record.is_held for one in runs):
            return None
        baseline = baseline_of(
            *((one.record.run, one.record.rollout, one.state) for one in _since_settled(runs))
        )
        report = compare(plan, live, baseline, versions=await self._latest(plan, live))
        if report.has_drift:
            return drift_line(report)
        return "Changes of the Plan are pending." if report.has_pending else None

    async def _latest(self, plan: Plan, live: ScaleSet) -> tuple[str, ...]:
        """Return the versions that `latest` may mean; none where the Plan does not follow it."""
        image = plan.model.image
        if image is None or not follows_latest(image) or self._service is None:
            return ()
        at, known = self._versions.get(plan.name, (0.0, ()))
        if at and time.monotonic() - at < FRESH_SECONDS:
            return known
        try:
            known = tuple(await self._service.image_versions(image, live.location))
        except VmssplanError:
            known = ()
        self._versions[plan.name] = (time.monotonic(), known)
        return known


def _since_settled(runs: Sequence[Kept]) -> list[Kept]:
    """Return the last Run that came to its end and those begun after it, newest first."""
    found: list[Kept] = []
    for one in reversed(runs):
        if one.record.events:
            found.append(one)
        outcome = one.state.outcome
        if outcome is not None and outcome.exit_code in _SETTLED:
            break
    return found
