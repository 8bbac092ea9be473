"""Whether an instance is well, as a native rolling upgrade asks it.

Initializing is waited for, healthy is well, unhealthy and unknown are not (application health
extension page); without a health source, the power and provisioning state decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_simulator.errors import ErrorDetail
from vmss_simulator.rolling import Member, unhealthy_instance
from vmss_simulator.values import HealthState, PowerState, ProvisioningState

if TYPE_CHECKING:
    from vmss_simulator.rolling_run import RollingRun
    from vmss_simulator.state import State
    from vmss_simulator.values import Instance, ScaleSet

_DOWN = (PowerState.STOPPED, PowerState.DEALLOCATED)


def as_member(state: State, instance: Instance, *, is_pending: bool = False) -> Member:
    """Return the instance as the decisions of a rolling upgrade see it."""
    return Member(
        instance_id=instance.instance_id,
        is_healthy=is_healthy(state, instance),
        is_pending=is_pending,
        update_domain=instance.update_domain,
        zone=instance.zone,
        phase=instance.custom_metrics.phase if instance.custom_metrics else None,
        error=instance.error,
    )


def is_healthy(state: State, instance: Instance) -> bool:
    """Whether the instance counts as well in the checks before and after a batch."""
    if _is_parked(instance):
        return not state.options.rolling_counts_stopped_instances
    return _runs(instance) and instance.health in (
        None,
        HealthState.HEALTHY,
        HealthState.INITIALIZING,
    )


def is_settled(instance: Instance) -> bool:
    """Whether there is nothing more to wait for after the work on the instance.

    Unhealthy and unknown may still turn, so only the health timeout ends the wait for them.
    """
    if _is_parked(instance) or instance.provisioning is ProvisioningState.FAILED:
        return True
    return _runs(instance) and instance.health in (None, HealthState.HEALTHY)


def is_restored(instance: Instance, before: Instance) -> bool:
    """Whether the instance has the disk and model it had before."""
    return (
        instance.provisioning is ProvisioningState.SUCCEEDED
        and instance.applied_model == before.applied_model
        and instance.exact_version == before.exact_version
    )


def is_left_out(instance: Instance) -> bool:
    """Whether rolling upgrades pass it by: it is protected, or its application says so."""
    metrics = instance.custom_metrics
    return instance.protection.from_scale_set_actions or (
        metrics is not None and metrics.skips_upgrade
    )


def why_unhealthy(instance: Instance) -> ErrorDetail:
    """Return the error of an upgraded instance that is not well, with its id as target."""
    error = instance.error or unhealthy_instance()
    return ErrorDetail(error.code, error.message, instance.instance_id)


def unhealthy_upgraded(state: State, scale_set: ScaleSet, run: RollingRun) -> list[Member]:
    """List the upgraded instances that failed, or are not well now."""
    failed = {each.target or "": each for each in run.failures}
    found = [Member(name, is_healthy=False, error=each) for name, each in failed.items()]
    for each in run.upgraded:
        instance = scale_set.instances.get(each)
        if each not in failed and instance is not None and not is_healthy(state, instance):
            found.append(as_member(state, instance))
    return found


def _runs(instance: Instance) -> bool:
    return (
        instance.provisioning is ProvisioningState.SUCCEEDED
        and instance.power is PowerState.RUNNING
        and not any(each.failed for each in instance.extensions)
    )


def _is_parked(instance: Instance) -> bool:
    """Whether somebody switched it off; one that failed halfway is not meant to be off."""
    return instance.power in _DOWN and instance.provisioning is not ProvisioningState.FAILED
