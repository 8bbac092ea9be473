"""Work on machines that keeps their disks: start, stop, restart, redeploy, and quiet changes.

Quiet work changes something about a machine that runs on meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from msgspec import structs

from vmss_simulator.tasks import Target
from vmss_simulator.values import HealthState, PowerState, ProvisioningState
from vmss_simulator.work import end_of, job_of, new_work, schedule_work

if TYPE_CHECKING:
    from vmss_simulator.randomness import Latencies, Latency
    from vmss_simulator.state import State
    from vmss_simulator.values import Instance, Operation

_OFF = (PowerState.STOPPED, PowerState.DEALLOCATED)


@dataclass(frozen=True, slots=True)
class _Course:
    """The power state during and after the work; None keeps what it is (quiet work)."""

    during: PowerState | None
    after: PowerState | None


_COURSES = {
    "start": _Course(PowerState.STARTING, PowerState.RUNNING),
    "restart": _Course(PowerState.STOPPING, PowerState.RUNNING),
    "redeploy": _Course(PowerState.STOPPING, PowerState.RUNNING),
    "powerOff": _Course(PowerState.STOPPING, PowerState.STOPPED),
    "deallocate": _Course(PowerState.DEALLOCATING, PowerState.DEALLOCATED),
    "update": _Course(None, None),
}


def begin_machine_work(
    state: State,
    operation: Operation,
    instance: Instance,
    verb: str,
    *,
    named: str | None = None,
    factor: float = 1.0,
) -> None:
    """Begin the work and put its end on the timetable.

    `verb` is start, restart, redeploy, powerOff, deallocate or update; `named` is what the log
    calls it, where that is another word; it takes `factor` times as long as usual.
    """
    course = _COURSES[verb]
    quiet = course.during is None
    job = job_of(operation, named or verb, own_target(instance), is_quiet=quiet)
    work = new_work(state, job, instance, power_after=course.after or instance.power)
    if factor != 1:
        affliction = work.affliction
        slowed = replace(affliction, factor=affliction.factor * factor)
        work = structs.replace(work, affliction=slowed)
    has_health = instance.health is not None
    begun = structs.replace(
        instance,
        busy_with=operation.operation_id,
        provisioning=ProvisioningState.UPDATING,
        power=course.during or instance.power,
        error=None,
    )
    if not quiet and has_health:
        begun = structs.replace(begun, health=HealthState.UNKNOWN, health_since=state.now)
    state.change(
        operation.key, begun, f"{named or verb}Started", operationId=operation.operation_id
    )
    schedule_work(state, work, _latency(state.latencies, verb), verb, end_of(work))


def own_target(instance: Instance) -> Target:
    """Return what the instance is made of already."""
    return Target(
        image_reference=instance.image_reference,
        exact_version=instance.exact_version,
        vm_size=instance.vm_size,
        fingerprint=instance.applied_model,
        extensions=instance.extensions,
        has_health=instance.health is not None,
    )


def nothing_to_do(verb: str, instance: Instance) -> str | None:
    """Return why the verb leaves the instance alone, None when it does not.

    That restarting a machine that is off does nothing is assumed.
    """
    settled = instance.provisioning is ProvisioningState.SUCCEEDED
    if verb == "start" and instance.power is PowerState.RUNNING and settled:
        return "running"
    if verb == "powerOff" and instance.power in _OFF:
        return instance.power.value
    if verb == "deallocate" and instance.power is PowerState.DEALLOCATED:
        return instance.power.value
    if verb == "restart" and instance.power in _OFF and settled:
        return instance.power.value
    return None


def _latency(latencies: Latencies, verb: str) -> Latency:
    return {
        "start": latencies.start,
        "restart": latencies.restart,
        "redeploy": latencies.redeploy,
        "powerOff": latencies.power_off,
        "deallocate": latencies.deallocate,
        "update": latencies.instance_update,
    }[verb]
