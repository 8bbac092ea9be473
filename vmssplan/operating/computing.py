"""Request x live scale set -> Operation on chosen instances: in which batches, above which floor.

Pure. What "never" holds here is stated by property tests: no Operation that is not refused takes
more instances out of service than the floor leaves room for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan import batching
from vmssplan.batching import PROTECTED, STANDING_STILL
from vmssplan.model import (
    Health,
    HealthSource,
    OrchestrationMode,
    Order,
    Strategy,
    image_text,
)
from vmssplan.operating.selecting import select
from vmssplan.operating.values import (
    ONE_WAY_VERBS,
    ROLLING_VERBS,
    ROLLOUT_VERBS,
    SWITCHES,
    Left,
    Member,
    Operation,
    Protection,
    Request,
    Verb,
)
from vmssplan.operating.words import state_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.model import Instance, ModelFields, Plan, ScaleSet

_ORDER = Strategy(order=Order())
_DOING = {
    Verb.REIMAGE: "reimaging",
    Verb.RESTART: "restarting",
    Verb.STOP: "stopping",
    Verb.DEALLOCATE: "deallocating",
    Verb.DELETE: "deleting",
}


def compute_chosen(
    live: ScaleSet,
    request: Request,
    plan: Plan | None = None,
    wanted: ModelFields | None = None,
) -> Operation:
    """Return the whole Operation; a `plan` of the set gives its floor and its health.

    `wanted` is the Plan's model with `latest` pinned; None means what the set's model says.
    Raises what `select` raises. A floor that would not hold is told in `refused`, so that a
    preview can show it.
    """
    if request.verb in ROLLOUT_VERBS:
        raise ValueError(f"{request.verb} is a Rollout")
    if request.verb is Verb.SCALE:
        raise ValueError("scaling is not of chosen instances")
    source = health_source(live, plan)
    limit, note = limit_of(live, request, plan, source)
    floor = len(live.instances) - limit
    fields = live.model if wanted is None else wanted
    chosen = select(live, request.selection, fields, source)
    reasons = {
        one.instance_id: leave_reason(request.verb, one, request.protection) for one in chosen
    }
    mine = [one for one in chosen if reasons[one.instance_id] is None]
    ordered = batching.ordered(mine, _ORDER, source)
    batches, lowest, refused = _batched(live, request, ordered, floor, source)
    hint: str | None = narrower_hint(plan, len(ordered))
    if ordered and not _goes_through_the_set(request.verb, live):
        refused, hint = _not_on_flexible(request.verb, live, ordered)
    return Operation(
        verb=request.verb,
        target=live.id,
        members=tuple(_member(one, fields, source) for one in ordered),
        batches=batches,
        skipped=tuple(Left(i, reason) for i, reason in reasons.items() if reason is not None),
        total=len(live.instances),
        in_service=live.in_service_count(source),
        floor=floor,
        lowest=lowest,
        health=health_of(plan, source),
        pause=request.pause,
        protection=request.protection,
        notes=(note, *_left_out(plan)) if touches_availability(request.verb) else (),
        refused=refused,
        hint=hint if refused else None,
    )


def _left_out(plan: Plan | None) -> tuple[str, ...]:
    """Say what of a Plan is for its rollouts alone."""
    if plan is None or not (plan.gates or plan.hooks.before_batch or plan.hooks.after_batch):
        return ()
    return ("the hooks and gates of the Plan are for its rollouts, and do not run here",)


def _goes_through_the_set(verb: Verb, live: ScaleSet) -> bool:
    """Tell whether Azure does that to chosen instances of such a set, in one call.

    Of a Flexible set it deletes and upgrades many; anything else is asked of each virtual machine
    (Microsoft's orchestration-modes-api-comparison).
    """
    is_flexible = live.orchestration_mode is OrchestrationMode.FLEXIBLE
    return not is_flexible or not (verb in SWITCHES or verb is Verb.REIMAGE)


def _not_on_flexible(
    verb: Verb, live: ScaleSet, chosen: Sequence[Instance]
) -> tuple[str, str | None]:
    why = f"Azure has no {verb} for instances of a Flexible set, only for each virtual machine"
    group = f"/subscriptions/{live.id.subscription_id}/resourceGroups/{live.id.resource_group}"
    names = (f"{group}/providers/Microsoft.Compute/virtualMachines/{o.instance_id}" for o in chosen)
    return why, f"az vm {verb} --ids {' '.join(names)}"


def touches_availability(verb: Verb) -> bool:
    """Tell whether the verb may take an instance out of service."""
    return verb in ROLLING_VERBS or verb in ONE_WAY_VERBS or verb is Verb.SCALE


def health_source(live: ScaleSet, plan: Plan | None) -> HealthSource:
    """Return who says that an instance is healthy."""
    if plan is None or plan.health.source is HealthSource.AUTO:
        return live.health_source
    return plan.health.source


def leave_reason(verb: Verb, one: Instance, protection: Protection | None = None) -> str | None:
    """Say why a selected instance is left alone; None when it is not.

    One that is protected from scale set actions is left alone by all that could hurt it: Azure
    lets some of that pass, but whoever protected it did not mean that.
    """
    if verb is Verb.PROTECT:
        is_so = protection is not None and is_protected(one, protection)
        return "is protected so already" if is_so else None
    if one.protected_from_scale_set_actions:
        return PROTECTED
    if verb is Verb.DELETE and one.protected_from_scale_in:
        return "protected from scale in"
    if one.is_busy:
        return f"another operation works on it ({one.provisioning_state})"
    match verb:
        case Verb.START if one.power_state == "running":
            return "runs already"
        case Verb.STOP if one.power_state in STANDING_STILL:
            return f"{one.power_state} already"
        case Verb.DEALLOCATE if one.power_state in ("deallocated", "deallocating"):
            return f"{one.power_state} already"
        case Verb.RESTART | Verb.REIMAGE if one.power_state in STANDING_STILL:
            return f"{one.power_state}; start it first"
    return None


def is_protected(one: Instance, wanted: Protection) -> bool:
    """Tell whether the instance's protection is as wanted.

    Protection from scale set actions has the one from scale in within it.
    """
    return (
        wanted.scale_in in (None, one.protected_from_scale_in)
        or (bool(wanted.scale_in) and one.protected_from_scale_set_actions)
    ) and wanted.scale_set_actions in (None, one.protected_from_scale_set_actions)


def whole_protection(wanted: Protection, one: Instance) -> Protection:
    """Return both halves of what is to be written: what is not said stays as it is."""
    actions = wanted.scale_set_actions
    if actions is None:
        actions = one.protected_from_scale_set_actions
    scale_in = one.protected_from_scale_in if wanted.scale_in is None else wanted.scale_in
    return Protection(scale_in, actions)


def limit_of(
    live: ScaleSet, request: Request, plan: Plan | None, source: HealthSource
) -> tuple[int, str]:
    """Return how many may be out of service, and who says so: the stricter of Plan and request."""
    total = len(live.instances)
    limits: list[tuple[int, str]] = []
    if plan is not None:
        everyone = batching.ordered(live.instances, plan.strategy, source)
        raw = batching.raw_batches(everyone, plan.strategy, total)
        allowed = batching.max_unavailable(plan.availability, plan.strategy, raw, total)
        limits.append((allowed, f"the Plan {plan.name}"))
    if request.max_unavailable is not None:
        allowed = min(total, request.max_unavailable.of(total))
        limits.append((allowed, f"--max-unavailable {request.max_unavailable}"))
    if not limits:
        size = request.batch_size.of(total) if request.batch_size else 1
        limits.append((min(total, size), "the default, one batch,"))
    limit, who = min(limits)
    return (
        limit,
        f"{who} lets {limit} of {total} be out of service, so the floor is {total - limit}",
    )


def _batched(
    live: ScaleSet,
    request: Request,
    ordered: Sequence[Instance],
    floor: int,
    source: HealthSource,
) -> tuple[tuple[tuple[str, ...], ...], int, str | None]:
    """Return the batches, the fewest in service meanwhile, and why it is refused, if it is."""
    total, serving = len(live.instances), live.serving(source)
    if request.verb in ROLLING_VERBS:
        size = request.batch_size.of(total) if request.batch_size else max(1, total - floor)
        return _rolling(live, request.verb, ordered, size, floor, source)
    ids = [one.instance_id for one in ordered]
    size = request.batch_size.of(total) if request.batch_size else len(ids)
    batches = tuple(tuple(ids[start : start + size]) for start in range(0, len(ids), max(1, size)))
    if request.verb not in ONE_WAY_VERBS:
        return batches, len(serving), None
    taken = sum(one.may_be_in_service(source) for one in ordered)
    lowest = len(serving.difference(ids))
    if taken <= max(0, len(serving) - floor):
        return batches, lowest, None
    return batches, lowest, _would_break(request.verb, taken, live, serving, lowest, floor)


def _rolling(
    live: ScaleSet,
    verb: Verb,
    ordered: Sequence[Instance],
    size: int,
    floor: int,
    source: HealthSource,
) -> tuple[tuple[tuple[str, ...], ...], int, str | None]:
    """Fill batches with as many as the floor leaves room for, if each comes back whole."""
    serving = set(live.serving(source))
    lowest, rest = len(serving), list(ordered)
    batches: list[tuple[str, ...]] = []
    while rest:
        batch = admitted(rest, size, len(serving) - floor, source)
        if not batch:
            there = live.serving(source)
            left = len(there) - 1
            why = _would_break(verb, 1, live, there, left, floor)
            return (*batches, tuple(one.instance_id for one in rest)), lowest, why
        ids = tuple(one.instance_id for one in batch)
        lowest = min(lowest, len(serving.difference(ids)))
        serving.update(ids)
        batches.append(ids)
        taken = set(ids)
        rest = [one for one in rest if one.instance_id not in taken]
    return tuple(batches), lowest, None


def admitted(
    candidates: Sequence[Instance], size: int, room: int, source: HealthSource
) -> tuple[Instance, ...]:
    """Return the candidates that may go out of service now, in order, at most `size`.

    Who may be in service needs room above the floor; one known to be out of it does not.
    """
    chosen: list[Instance] = []
    for one in candidates:
        if len(chosen) >= size:
            break
        if one.may_be_in_service(source):
            if room < 1:
                continue
            room -= 1
        chosen.append(one)
    return tuple(chosen)


def _would_break(
    verb: Verb, count: int, live: ScaleSet, serving: frozenset[str], left: int, floor: int
) -> str:
    what = "1 more instance" if count == 1 else f"{count} instances"
    return (
        f"{_DOING[verb]} {what} would leave {left} of {len(live.instances)} in service"
        f" ({len(serving)} are now), and the floor is {floor}"
    )


def narrower_hint(plan: Plan | None, count: int) -> str:
    """Return what to do where the floor leaves no room for that many."""
    if plan is not None:
        return f"select fewer, or raise availability.maxUnavailable in the Plan {plan.name}"
    return f"select fewer, or say how many may be out of service: --max-unavailable {count}"


def health_of(plan: Plan | None, source: HealthSource) -> Health:
    """Return when an instance counts as good: as the Plan says, or the default."""
    held = plan.health if plan is not None else Health()
    return Health(source, held.min_healthy_time, held.deadline, held.http, held.command)


def _member(one: Instance, wanted: ModelFields, source: HealthSource) -> Member:
    return Member(
        one.instance_id,
        one.vm_id,
        state_words(one, wanted, source),
        one.is_in_service(source),
        one.exact_version or image_text(one.image),
        one.update_domain,
        one.fault_domain,
        one.zone,
    )
