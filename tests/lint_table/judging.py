"""Asks the same of a pair twice: the lint, and rehearsals by the real engine on a twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.copying import replace
from tests.support.values import NEW, START
from vmssplan.backends.twin import make_twin, twin_scenario, with_bad_image
from vmssplan.durations import format_duration
from vmssplan.engine.events import InstanceFailed, UpgradeIntended
from vmssplan.errors import ExitCode, Refused
from vmssplan.forecast.trial import AllIsWell, YesMan
from vmssplan.lint import lint_plan, lint_rollout, lint_target
from vmssplan.model import Amount, Availability
from vmssplan.rehearsal import rehearse
from vmssplan.report.snapshot import snapshot_document
from vmssplan.rollout import Disposition, UpgradeBatch, UpgradeWindow, compute_rollout

if TYPE_CHECKING:
    from tests.lint_table.cases import Pair
    from vmssplan.model import Plan, ScaleSet
    from vmssplan.rehearsal import Rehearsal
    from vmssplan.rollout import Rollout

FLOOR_REFUSED = frozenset({"impossible-floor", "floor-stuck"})
CANNOT_FINISH = FLOOR_REFUSED | {
    "floor-stops-midway",
    "deadline-shorter-than-boot",
    "gate-deadline-too-short",
}
CANNOT_ABORT = frozenset({"abort-never-triggers", "floor-stops-first"})
SHARE = frozenset({"share-below-one", "floor-rounded-down"})
CANNOT_STOP = frozenset({"abort-never-triggers"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answers; None where a question does not arise.

    `floor_refused`: not one instance can be touched. `finishes`: with a good image it completes,
    and no instance fails. `keeps_share`: no larger share of the set is out of service than the
    Plan writes. `stops`: a bad image does not complete. `aborts`: it is maxFailedInstances that
    stops it. `spares`: a bad image stopped by that leaves some instances alone.
    """

    floor_refused: bool
    finishes: bool
    keeps_share: bool | None
    stops: bool | None
    aborts: bool | None
    spares: bool | None


def by_lint(pair: Pair) -> tuple[Verdict, frozenset[str]]:
    """Return what the lint says, and the rules that said it."""
    found = {one.rule for one in (*lint_plan(pair.plan), *lint_target(pair.plan, pair.live))}
    rollout = rollout_of(pair.plan, pair.live)
    found |= {one.rule for one in lint_rollout(rollout, pair.boot)}
    is_asked = bool(pair.plan.gates)
    finishes = not found & CANNOT_FINISH
    is_told = finishes and not is_asked
    verdict = Verdict(
        floor_refused=bool(found & FLOOR_REFUSED),
        finishes=finishes,
        keeps_share=not found & SHARE if finishes and _says_share(pair, rollout) else None,
        stops=not found & CANNOT_STOP if is_told else None,
        aborts=not found & CANNOT_ABORT if is_told else None,
        spares="abort-comes-last" not in found if is_told else None,
    )
    return verdict, frozenset(found)


async def by_rehearsal(pair: Pair) -> Verdict:
    """Return what happens."""
    rollout = rollout_of(pair.plan, pair.live)
    good = await _rehearsed(rollout, _document(pair, rollout))
    has_failed = any(isinstance(one, InstanceFailed) for one in good.events)
    finishes = _code(good) is ExitCode.SUCCESS and not has_failed
    floor_refused = _code(good) is ExitCode.REFUSED and not _touched(good)
    keeps_share = None
    if finishes and _says_share(pair, rollout):
        keeps_share = _keeps_share(pair, good.lowest_in_service)
    if not finishes or pair.plan.gates:
        return Verdict(floor_refused, finishes, keeps_share, None, None, None)
    has_health = pair.live.has_application_health
    document = with_bad_image(_document(pair, rollout), NEW, has_application_health=has_health)
    bad = await _rehearsed(rollout, document)
    code = _code(bad)
    aborts = code in (ExitCode.GATE, ExitCode.INSTANCE_FAILED)
    count = rollout.count(Disposition.UPGRADE)
    batches = sum(isinstance(step, UpgradeBatch) for step in rollout.steps)
    reaches_all = aborts and batches > 1 and _touched(bad) == count
    stops = code is not ExitCode.SUCCESS
    return Verdict(floor_refused, finishes, keeps_share, stops, aborts, not reaches_all)


def rollout_of(plan: Plan, live: ScaleSet) -> Rollout:
    """Compute the Rollout; one that is refused for its floor is computed all the same."""
    try:
        return compute_rollout(plan, live, plan.model)
    except Refused:
        one = Availability(max_unavailable=Amount(1))
        made = compute_rollout(replace(plan, availability=one), live, plan.model)
        total = len(live.instances)
        return replace(made, bounds=replace(made.bounds, max_unavailable=0, floor=total))


def _says_share(pair: Pair, rollout: Rollout) -> bool:
    """Tell whether the Plan writes a percentage, and the Rollout goes to its very limit."""
    out = [
        step.window if isinstance(step, UpgradeWindow) else len(step.instance_ids)
        for step in rollout.steps
        if isinstance(step, UpgradeBatch | UpgradeWindow)
    ]
    is_well = rollout.bounds.in_service == rollout.bounds.total
    is_at_limit = rollout.bounds.max_unavailable in out
    return is_well and is_at_limit and bool(_written_shares(pair.plan))


def _written_shares(plan: Plan) -> list[Amount]:
    given = plan.availability.max_unavailable or plan.availability.min_in_service
    amounts = (given,) if given is not None else plan.strategy.batch_sizes
    return [one for one in amounts if one.percent]


def _keeps_share(pair: Pair, lowest: int) -> bool:
    total = len(pair.live.instances)
    if pair.plan.availability.min_in_service is not None:
        return all(lowest * 100 >= one.value * total for one in _written_shares(pair.plan))
    return all((total - lowest) * 100 <= one.value * total for one in _written_shares(pair.plan))


def _document(pair: Pair, rollout: Rollout) -> dict[str, Any]:
    document = snapshot_document(pair.live, (), START, rollout.model.image)
    document["latencies"] = {
        "modelUpdate": "PT1S",
        "upgrade": "PT5S",
        "boot": "PT5S",
        "health": format_duration(pair.boot),
    }
    return document


async def _rehearsed(rollout: Rollout, document: dict[str, Any]) -> Rehearsal:
    twin = make_twin(twin_scenario(document), 1)
    return await rehearse(rollout, twin.backend, twin.clock, AllIsWell(), YesMan(rollout))


def _code(went: Rehearsal) -> ExitCode:
    assert went.state.outcome is not None
    return went.state.outcome.exit_code


def _touched(went: Rehearsal) -> int:
    return len(
        {i for one in went.events if isinstance(one, UpgradeIntended) for i in one.instance_ids}
    )
