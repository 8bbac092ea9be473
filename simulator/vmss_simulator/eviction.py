"""Spot machines taken away: within half an hour of `simulateEviction` (REST reference)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import structs

from vmss_simulator.errors import ArmError
from vmss_simulator.policies import eviction_policy
from vmss_simulator.scaling import with_capacity
from vmss_simulator.tasks import EvictionDue
from vmss_simulator.values import HealthState, PowerState
from vmss_simulator.writes import check_not_deleting, find, find_instance

if TYPE_CHECKING:
    from vmss_simulator.state import State
    from vmss_simulator.values import ScaleSetKey

_LATER = timedelta(minutes=1)


def announce_eviction(state: State, key: ScaleSetKey, instance_id: str) -> None:
    """Let the platform take the instance away some time later.

    ArmError 409 for a machine that is not a spot machine; the code and text are assumed, that it
    is refused is recorded in the command line client's tests.
    """
    scale_set = find(state, key)
    check_not_deleting(scale_set)
    instance = find_instance(scale_set, instance_id)
    if eviction_policy(scale_set.body) is None:
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"Operation 'simulateEviction' is not allowed on VM '{instance.name}' since it is not"
            " an Azure Spot Virtual Machine.",
        )
    share = state.share(f"{scale_set.key.resource_id}/{instance.instance_id}", "eviction")
    state.emit("evictionAnnounced", scale_set.key, instance.instance_id)
    due = EvictionDue(scale_set.key, instance.instance_id)
    state.schedule(state.now + state.latencies.eviction.at(share), due)


def evict(state: State, task: EvictionDue) -> None:
    """Deallocate or delete the machine, as the set's policy says; wait while it is worked on."""
    scale_set = state.scale_sets.get(task.key.folded())
    instance = scale_set.instances.get(task.instance_id) if scale_set else None
    if scale_set is None or instance is None:
        return
    if instance.busy_with is not None:
        state.schedule(state.now + _LATER, task)
        return
    folded = (task.key.folded(), task.instance_id)
    state.epochs[folded] = state.epochs.get(folded, 0) + 1
    if eviction_policy(scale_set.body) == "Delete":
        # With the machine goes its place: the capacity follows (assumed).
        state.store(with_capacity(scale_set, len(scale_set.instances) - 1))
        state.remove(task.key, task.instance_id, "evicted", policy="Delete")
        return
    off = structs.replace(
        instance,
        power=PowerState.DEALLOCATED,
        health=None if instance.health is None else HealthState.UNKNOWN,
        health_since=None if instance.health is None else state.now,
    )
    state.change(task.key, off, "evicted", policy="Deallocate")
