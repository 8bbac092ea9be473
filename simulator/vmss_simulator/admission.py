"""Letting a request in: what faults do to it on its way, and whether the throttle has room.

What a fault does to the answer is not carried out here but noted in the `Allowance`, because only
the door knows when the request has been carried out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from msgspec import structs

from vmss_simulator.effects import (
    CutReply,
    DelayReply,
    DuplicateRequest,
    ExpireToken,
    HideViews,
    LoseReply,
    LoseRequest,
    RefuseRequest,
    SkewDate,
    StaleRead,
    ThrottleRequest,
)
from vmss_simulator.errors import ArmError, RequestLost
from vmss_simulator.fault_texts import expired_token
from vmss_simulator.faults import Subject
from vmss_simulator.throttling import POLICIES, too_many_requests
from vmss_simulator.values import Allowance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmss_simulator.effects import RequestEffect
    from vmss_simulator.faults import FaultRule
    from vmss_simulator.state import State
    from vmss_simulator.values import OperationKind, ScaleSetKey


def subject_of(
    state: State,
    kind: OperationKind,
    key: ScaleSetKey,
    named: Sequence[str] = (),
) -> Subject:
    """Return what the rules are asked about: a request to this set, or an operation on it."""
    found = state.scale_sets.get(key.folded())
    return Subject(
        kind,
        key,
        key.subscription_id,
        _location(state, key),
        tuple(named),
        found.instances if found else {},
    )


def admit(
    state: State,
    kind: OperationKind,
    key: ScaleSetKey | None,
    *,
    subscription_id: str,
    location: str | None,
    instance_ids: Sequence[str],
) -> Allowance:
    """Let a request in; ArmError or RequestLost when a fault or the throttle keeps it out."""
    charge = max(1, len(instance_ids))
    if not state.faults.rules:
        place = location or _location(state, key)
        return Allowance(_taken(state, kind, key, subscription_id, place), charge)
    if key is None:
        subject = Subject(kind, None, subscription_id, location or "", tuple(instance_ids))
    else:
        subject = subject_of(state, kind, key, instance_ids)
        if location:
            subject = replace(subject, location=location)
    allowance = Allowance(charge=charge)
    for rule, effect in state.faults.on_request(subject, state.now):
        if not kind.is_read and key is not None:
            state.emit("faultApplied", key, rule=rule.name)
        allowance = _affected(state, allowance, subject, rule, effect)
    remaining = _taken(state, kind, key, subscription_id, subject.location)
    return structs.replace(allowance, remaining=remaining)


def _location(state: State, key: ScaleSetKey | None) -> str:
    found = state.scale_sets.get(key.folded()) if key else None
    return str(found.body.get("location") or "") if found else ""


def _taken(
    state: State,
    kind: OperationKind,
    key: ScaleSetKey | None,
    subscription_id: str,
    location: str,
) -> tuple[tuple[str, int], ...]:
    """Take what the request costs from the throttle's buckets, and return what they still have."""
    if not state.options.throttling or not POLICIES[kind]:
        return ()
    return state.throttle.take(
        kind,
        resource=key.folded().resource_id if key else None,
        subscription=subscription_id,
        location=location,
        now=state.now,
    )


def _affected(
    state: State, allowance: Allowance, subject: Subject, rule: FaultRule, effect: RequestEffect
) -> Allowance:
    match effect:
        case RefuseRequest() | ThrottleRequest() | ExpireToken():
            raise _refusal(effect, state.now)
        case LoseRequest():
            raise RequestLost("the connection broke before the request was carried out")
        case LoseReply():
            return structs.replace(allowance, reply_lost=True)
        case CutReply():
            return structs.replace(allowance, reply_cut=True)
        case DelayReply(latency):
            share = state.share(subject.resource_id, f"delay/{rule.name}")
            delay = allowance.reply_delay + latency.at(share)
            return structs.replace(allowance, reply_delay=delay)
        case DuplicateRequest():
            return structs.replace(allowance, deliveries=allowance.deliveries + 1)
        case StaleRead(by):
            return structs.replace(allowance, stale_by=max(allowance.stale_by, by))
        case HideViews():
            hidden = frozenset(i for i, each in subject.members.items() if rule.picks(each))
            return structs.replace(allowance, hidden_views=allowance.hidden_views | hidden)
        case SkewDate(by):
            return structs.replace(allowance, date_skew=allowance.date_skew + by)
        case _:
            assert_never(effect)


def _refusal(effect: RefuseRequest | ThrottleRequest | ExpireToken, now: datetime) -> ArmError:
    match effect:
        case RefuseRequest():
            return ArmError(
                effect.status,
                effect.code,
                effect.message,
                target=effect.target,
                details=effect.details,
                retry_after=effect.retry_after,
            )
        case ThrottleRequest(retry_after):
            return too_many_requests("VMScaleSetActionsSubscriptionMaximum", retry_after, now, 1)
        case ExpireToken():
            return expired_token(now)
        case _:
            assert_never(effect)
