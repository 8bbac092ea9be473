"""Which function of the world carries out which command."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from vmss_simulator import (
    actions,
    autoscale,
    commands,
    documents,
    eviction,
    group_writes,
    instance_writes,
    set_writes,
)

if TYPE_CHECKING:
    from vmss_simulator.commands import Command
    from vmss_simulator.state import State
    from vmss_simulator.values import Operation


def perform(state: State, command: Command) -> Operation | None:
    """Carry out a command; the operation it started, None where it started none.

    A deletion of what is not there starts none, nor does what is done at once. ArmError 4xx
    changes nothing.
    """
    match command:
        case commands.ActOnInstances(kind, key, ids, hurry, hibernate):
            return actions.act_on_instances(state, kind, key, ids, hurry=hurry, hibernate=hibernate)
        case commands.DeleteInstances(kind, key, ids, force):
            return actions.delete_instances(state, kind, key, ids, force=force)
        case commands.DeleteScaleSet(key, force):
            return actions.delete_scale_set(state, key, force=force)
        case commands.ScaleOut(key, capacity, zone):
            return set_writes.scale_out(state, key, capacity, zone)
        case commands.ConvertToSinglePlacementGroup(key, group):
            set_writes.convert_to_single_placement_group(state, key, group)
            return None
        case commands.SetServiceState(key, service, action):
            return set_writes.set_service_state(state, key, service, action)
        case commands.WriteExtension() | commands.DeleteExtension():
            return _on_extension(state, command)
        case commands.SimulateEviction(key, instance_id):
            eviction.announce_eviction(state, key, instance_id)
            return None
        case commands.WriteAutoscale() | commands.DeleteAutoscale():
            _on_autoscale(state, command)
            return None
        case commands.WriteResourceGroup() | commands.DeleteResourceGroup():
            _on_group(state, command)
            return None
        case (
            commands.WriteInstance()
            | commands.WriteInstanceExtension()
            | commands.DeleteInstanceExtension()
            | commands.ChangeDisks()
        ):
            return _on_instance(state, command)
        case _:
            assert_never(command)


def without_secrets(command: Command) -> Command:
    """Return the command as it is recorded and carried out; ArmError 400 for no document."""
    match command:
        case (
            commands.WriteExtension()
            | commands.WriteInstance()
            | commands.WriteInstanceExtension()
            | commands.WriteAutoscale()
        ):
            return replace(command, body=documents.accepted(command.body))
        case _:
            return command


def _on_extension(
    state: State, command: commands.WriteExtension | commands.DeleteExtension
) -> Operation | None:
    match command:
        case commands.WriteExtension(key, name, body, merge):
            return set_writes.write_extension(state, key, name, body, merge=merge)
        case commands.DeleteExtension(key, name):
            return set_writes.delete_extension(state, key, name)
        case _:
            assert_never(command)


def _on_autoscale(
    state: State, command: commands.WriteAutoscale | commands.DeleteAutoscale
) -> None:
    match command:
        case commands.WriteAutoscale(key, body, merge):
            autoscale.put_setting(state, key, body, merge=merge)
        case commands.DeleteAutoscale(key):
            autoscale.delete_setting(state, key)
        case _:
            assert_never(command)


def _on_group(
    state: State, command: commands.WriteResourceGroup | commands.DeleteResourceGroup
) -> None:
    match command:
        case commands.WriteResourceGroup(subscription_id, name, location, tags):
            group_writes.put_group(state, subscription_id, name, location, tags)
        case commands.DeleteResourceGroup(subscription_id, name):
            group_writes.delete_group(state, subscription_id, name)
        case _:
            assert_never(command)


def _on_instance(
    state: State,
    command: commands.WriteInstance
    | commands.WriteInstanceExtension
    | commands.DeleteInstanceExtension
    | commands.ChangeDisks,
) -> Operation | None:
    match command:
        case commands.WriteInstance(key, instance_id, body, if_match, if_none_match):
            return instance_writes.write_instance(
                state, key, instance_id, body, if_match=if_match, if_none_match=if_none_match
            )
        case commands.WriteInstanceExtension(key, instance_id, name, body, merge):
            return instance_writes.write_extension(state, key, instance_id, name, body, merge=merge)
        case commands.DeleteInstanceExtension(key, instance_id, name):
            return instance_writes.delete_extension(state, key, instance_id, name)
        case commands.ChangeDisks(key, instance_id, attach, detach):
            return instance_writes.change_disks(state, key, instance_id, attach, detach)
        case _:
            assert_never(command)
