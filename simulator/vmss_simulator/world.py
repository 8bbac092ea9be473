"""The scale sets in virtual time: a state machine. Requests and time in, state and a log out.

The world reads no clock, file, environment or global randomness, so the same scenario, seed and
commands give the same log in every process. Time moves only by `advance_to`.

How a door handles one request:

    allowance = world.admit(kind, key, subscription_id=..., instance_ids=ids)
    operation = world.upgrade(key, ids)      # or any read or write
    allowance.deliver()                      # raises ReplyLost when a fault lost the reply
    # then answer; `allowance.reply_delay` is how much virtual time a slow reply takes

`admit` is called exactly once a request, before it is carried out. RequestLost from it means that
the request was *not* carried out, ReplyLost that it *was*: a direct door lets both through to its
caller, a wire door drops the connection. A read asks `world.seen(allowance)` instead of the world;
a request is carried out `allowance.deliveries` times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from vmss_simulator import admission, documents, rolling_upgrades
from vmss_simulator.automatic_os import watch
from vmss_simulator.autoscale import begin_with
from vmss_simulator.codec import encode
from vmss_simulator.commands import Command
from vmss_simulator.faults import Faults
from vmss_simulator.hindsight import seen
from vmss_simulator.images import Catalogue
from vmss_simulator.mishaps import befall, schedule_faults
from vmss_simulator.options import Options
from vmss_simulator.performing import perform, without_secrets
from vmss_simulator.randomness import Latencies
from vmss_simulator.readings import Readable
from vmss_simulator.repairs import watch_all
from vmss_simulator.roles import OWNER, authorize, authorize_link
from vmss_simulator.state import State
from vmss_simulator.tasks import EverydayTask, FaultTask, RollingTask
from vmss_simulator.timetable import carry_out
from vmss_simulator.values import Allowance, OperationKind
from vmss_simulator.writes import work_on_instances, write_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from vmss_simulator.autoscale import AutoscalePlan
    from vmss_simulator.faults import FaultRule
    from vmss_simulator.roles import RoleAssignment
    from vmss_simulator.values import (
        Operation,
        RollingUpgrade,
        ScaleSet,
        ScaleSetKey,
    )

    Recorder = Callable[[dict[str, Any]], None]


class World(Readable):
    """All scale sets of a scenario. All times are aware UTC datetimes of virtual time."""

    def __init__(
        self,
        *,
        start: datetime,
        seed: int = 1,
        options: Options | None = None,
        latencies: Latencies | None = None,
        images: Catalogue | None = None,
        faults: Sequence[FaultRule] = (),
        scale_sets: Sequence[ScaleSet] = (),
        upgrades: Sequence[tuple[ScaleSetKey, RollingUpgrade | None]] = (),
        roles: Sequence[RoleAssignment] = (OWNER,),
    ) -> None:
        """Make a world; of `upgrades`, None is one that somebody begins now, others stand still."""
        if start.utcoffset() is None:
            raise ValueError("virtual time is aware: give the start a time zone")
        self._state = State(
            now=start,
            start=start,
            seed=seed,
            options=options or Options(),
            latencies=latencies or Latencies(),
            images=images or Catalogue(),
            faults=Faults(tuple(faults), seed=seed, start=start),
            roles=tuple(roles),
        )
        self._recorder: Recorder | None = None
        for scale_set in scale_sets:
            self._adopt(scale_set)
        for key, upgrade in upgrades:
            if upgrade is None:
                rolling_upgrades.begin_for_somebody(self._state, key)
            else:
                self._state.rolling_upgrades[key.folded()] = upgrade

    def authorize(self, action: str, scope: str) -> None:
        """Refuse what the caller may not do there; ArmError 403 AuthorizationFailed."""
        authorize(self._state.roles, action, scope)

    def authorize_link(self, action: str, linked: str) -> None:
        """Refuse a write that names what the caller may not use; LinkedAuthorizationFailed."""
        authorize_link(self._state.roles, action, linked)

    def advance_to(self, when: datetime) -> None:
        """Move time forward and carry out everything that comes due, in order.

        ValueError for a moment that lies in the past.
        """
        if when < self._state.now:
            raise ValueError(f"time runs forward: it is {self._state.now}, not yet {when}")
        if when == self._state.now and (self.next_event_at() or when) > when:
            return
        if self._recorder is not None:
            self._record(do="advance", to=when.isoformat())
        state = self._state
        for task in state.due(when):
            if isinstance(task, EverydayTask) and not rolling_upgrades.may_matter(state):
                carry_out(state, task)
                continue
            rolling_upgrades.before_task(state, task)
            if isinstance(task, FaultTask):
                befall(state, task)
            elif not isinstance(task, RollingTask):
                carry_out(state, task)
            rolling_upgrades.after_task(state, task)

    @classmethod
    def resume(cls, state: State) -> Self:
        """Return the world that goes on from this state, which is its own from now on."""
        resumed = object.__new__(cls)
        resumed._state = state
        resumed._recorder = None
        return resumed

    def snapshot(self) -> State:
        """Return a copy of everything that changes in the world, the future included."""
        return self._state.fork()

    def fork(self) -> Self:
        """Return an independent copy, which is not recorded."""
        return type(self).resume(self.snapshot())

    def admit(
        self,
        kind: OperationKind,
        key: ScaleSetKey | None,
        *,
        subscription_id: str,
        location: str | None = None,
        instance_ids: Sequence[str] = (),
    ) -> Allowance:
        """Let a request in, or refuse it; called exactly once a request, before carrying it out.

        `location` is only needed when `key` names no set the world knows. For GET_OPERATION give
        the key of the operation's scale set. ArmError or RequestLost from a
        fault rule, or 429 with `retry_after`.
        """
        if self._recorder is not None:
            self._record(
                do="admit",
                kind=kind.value,
                key=_key_document(key),
                subscription=subscription_id,
                location=location,
                instances=list(instance_ids),
            )
        return admission.admit(
            self._state,
            kind,
            key,
            subscription_id=subscription_id,
            location=location,
            instance_ids=instance_ids,
        )

    def seen(self, allowance: Allowance) -> Self:
        """Return the world as a read that was let in sees it; only for reading.

        It is this one, unless a fault has the read answer from the past, or without views.
        """
        if not allowance.stale_by and not allowance.hidden_views:
            return self
        return type(self).resume(seen(self._state, allowance))

    def add_faults(self, rules: Sequence[FaultRule]) -> None:
        """Add rules, whose times count from now; ValueError for a name that is taken."""
        written = [None if each.document is None else dict(each.document) for each in rules]
        self._record(do="addFaults", faults=written)
        state = self._state
        state.faults.add(rules, state.now)
        for rule in rules:
            for scale_set in tuple(state.scale_sets.values()):
                schedule_faults(state, scale_set.key, only=rule.name)

    def remove_fault(self, name: str) -> bool:
        """Take a rule away, with what it would still do; False when there is none of that name."""
        self._record(do="removeFault", name=name)
        return self._state.faults.remove(name)

    def put_scale_set(
        self,
        key: ScaleSetKey,
        body: Mapping[str, Any],
        *,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> Operation:
        """Create the set, or merge the document into it: a partial body is enough.

        ArmError 400 for an invalid model, 404 for a missing image, 409 for a conflict with a
        running operation, 412 when the condition does not hold. Nothing changes then.
        """
        clean = documents.accepted(body)
        self._record(
            do="put",
            key=_key_document(key),
            body=clean,
            ifMatch=if_match,
            ifNoneMatch=if_none_match,
        )
        return write_model(
            self._state,
            OperationKind.PUT_SCALE_SET,
            key,
            clean,
            if_match=if_match,
            if_none_match=if_none_match,
        )

    def patch_scale_set(
        self, key: ScaleSetKey, body: Mapping[str, Any], *, if_match: str | None = None
    ) -> Operation:
        """Merge a document into the set's own; errors as `put_scale_set`, and 404 for no set."""
        clean = documents.accepted(body)
        self._record(do="patch", key=_key_document(key), body=clean, ifMatch=if_match)
        kind = OperationKind.PATCH_SCALE_SET
        return write_model(self._state, kind, key, clean, if_match=if_match)

    def upgrade(self, key: ScaleSetKey, instance_ids: Sequence[str]) -> Operation:
        """Bring the named instances to the set's model; `["*"]` names all.

        ArmError 400 for an unknown instance or none at all, 404 for no such set or image,
        409 for a conflict with a running operation.
        """
        self._record(do="upgrade", key=_key_document(key), instances=list(instance_ids))
        return work_on_instances(self._state, OperationKind.UPGRADE, key, instance_ids)

    def reimage(self, key: ScaleSetKey, instance_ids: Sequence[str]) -> Operation:
        """Replace the OS disks of the named instances; errors as `upgrade`.

        A door that is sent no ids at all has to say `["*"]` here.
        """
        self._record(do="reimage", key=_key_document(key), instances=list(instance_ids))
        return work_on_instances(self._state, OperationKind.REIMAGE, key, instance_ids)

    def start_rolling_upgrade(self, kind: OperationKind, key: ScaleSetKey) -> Operation:
        """Begin a native rolling upgrade of the OS image or of the extensions, by the kind.

        ArmError 404 for no such set or image, 409 while another one or an operation runs.
        """
        self._record(do="startRollingUpgrade", key=_key_document(key), kind=kind.value)
        return rolling_upgrades.start_rolling_upgrade(self._state, kind, key)

    def cancel_rolling_upgrade(self, key: ScaleSetKey) -> Operation:
        """Stop the set's native rolling upgrade; ArmError 404, 409 when there is none."""
        self._record(do="cancelRollingUpgrade", key=_key_document(key))
        return rolling_upgrades.cancel_rolling_upgrade(self._state, key)

    def approve_rolling_upgrade(self, key: ScaleSetKey, instance_ids: Sequence[str]) -> Operation:
        """Let a deferred OS upgrade begin; no ids is all instances. ArmError 400, 404, 409."""
        ids = list(instance_ids)
        self._record(do="approveRollingUpgrade", key=_key_document(key), instances=ids)
        return rolling_upgrades.approve_rolling_upgrade(self._state, key, ids)

    def perform(self, command: Command) -> Operation | None:
        """Carry out one of the further commands; the operation it started, if it started one.

        None where everything is done at once, or nothing was there to delete. ArmError 4xx, and
        then nothing changes.
        """
        clean = without_secrets(command)
        self._record(do="perform", key=None, command=encode(clean, Command))
        return perform(self._state, clean)

    def begin_autoscale(self, plan: AutoscalePlan) -> None:
        """Take in an autoscale setting that exists from the start; ArmError for a bad one."""
        begin_with(self._state, plan)

    def record_with(self, recorder: Recorder | None) -> None:
        """Tell every further command to `recorder` before it is applied; None stops that."""
        self._recorder = recorder

    def _adopt(self, scale_set: ScaleSet) -> None:
        """Take in a set that exists from the start, and what others will do to it."""
        state, key = self._state, scale_set.key
        state.add(scale_set)
        numbers = [int(each) + 1 for each in scale_set.instances if each.isdecimal()]
        state.next_number[key.folded()] = max(numbers, default=len(scale_set.instances))
        in_service = state.in_service[key.folded()]
        state.emit("scaleSetCreated", key, capacity=len(scale_set.instances), inService=in_service)
        schedule_faults(state, key)
        watch(state, scale_set)
        watch_all(state, key)

    def _record(self, **command: Any) -> None:
        if self._recorder is not None:
            self._recorder(command)


def _key_document(key: ScaleSetKey | None) -> list[str] | None:
    return [key.subscription_id, key.resource_group, key.name] if key else None
