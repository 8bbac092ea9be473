"""What the set and those around it do: by themselves, and when a request reaches the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.engine import WriteModel
from vmssplan.model import ModelFields
from vmssplan.verifying.moves import Kind, Move
from vmssplan.verifying.world import (
    LATEST_DELIVERY_SECONDS,
    Machine,
    Operation,
    Status,
    World,
    ended,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmssplan.engine import ReimageInstances, UpgradeInstances
    from vmssplan.verifying.scene import Scene


def natural_moves(scene: Scene, world: World) -> Iterator[Move]:
    """Yield what can happen to the set, free things first."""
    for one in world.operations:
        if one.status is Status.RUNNING:
            yield Move(Kind.ENDS, one.ids, number=one.number)
        elif one.status is Status.LATE:
            yield Move(Kind.DELIVERED, one.ids, number=one.number)
    if world.behind is not None:
        yield Move(Kind.CATCHES_UP)
    if world.is_others:
        yield Move(Kind.OTHERS_END)
    idle = [one for one in world.machines if not one.busy]
    yield from (
        Move(Kind.RECOVERS, (one.id,)) for one in idle if not one.is_well and not one.is_stopped
    )
    yield from _operation_troubles(world)
    yield from _machine_troubles(scene, world, idle)
    yield from _set_troubles(scene, world)


def _operation_troubles(world: World) -> Iterator[Move]:
    for one in world.operations:
        if one.status is Status.RUNNING:
            yield Move(Kind.STALE_FAILURE, one.ids, number=one.number)
            if not one.is_lost:
                yield Move(Kind.STATUS_LOST, one.ids, number=one.number)
            if one.ids:
                yield Move(Kind.CANCELED, one.ids, number=one.number)
                yield Move(Kind.LIST_BEHIND, one.ids, number=one.number)
            for machine in world.machines:
                if machine.busy == one.number:
                    yield Move(Kind.FAILS, (machine.id,), number=one.number)
                    yield Move(Kind.BREAKS, (machine.id,), number=one.number)


def _machine_troubles(scene: Scene, world: World, idle: list[Machine]) -> Iterator[Move]:
    now_built = scene.ground.made_from(world.model)
    for one in idle:
        if one.is_well:
            yield Move(Kind.SICKENS, (one.id,))
        if one.build != now_built and not one.is_protected:
            yield Move(Kind.UPGRADED, (one.id,))
        if not one.is_protected:
            yield Move(Kind.PROTECTED, (one.id,))
        if not one.is_stopped:
            yield Move(Kind.STOPPED, (one.id,))
    for one in world.machines:
        yield Move(Kind.DELETED, (one.id,))
        yield Move(Kind.REPLACED, (one.id,))


def _set_troubles(scene: Scene, world: World) -> Iterator[Move]:
    taken = {one.id for one in world.machines}
    yield Move(Kind.APPEARS, (next(i for i in map(str, range(100, 200)) if i not in taken),))
    if world.model != scene.foreign:
        yield Move(Kind.MODEL_CHANGED)
    yield Move(Kind.MODEL_TOUCHED)
    if not world.is_others and not world.is_busy():
        yield Move(Kind.OTHERS_BEGIN)


def happened(scene: Scene, world: World, move: Move, now: int) -> World | None:
    """Return the world after something happened to it; None when the move is of another kind."""
    operation = next((one for one in world.operations if one.number == move.number), None)
    if operation is not None:
        return _of_operation(scene, world, operation, move, now)
    machine = next((one for one in world.machines if (one.id,) == move.ids), None)
    if machine is not None:
        return _of_machine(scene, world, machine, move)
    return _of_set(scene, world, move)


def _of_operation(
    scene: Scene, world: World, operation: Operation, move: Move, now: int
) -> World | None:
    done = ended(world, operation, scene.ground)
    match move.kind:
        case Kind.ENDS:
            return done
        case Kind.DELIVERED:
            is_stale = not operation.ids and operation.etag != world.etag
            begun = _begun(world, operation._replace(status=Status.RUNNING))
            return _without(world, operation) if is_stale or begun is None else begun
        case Kind.STALE_FAILURE:
            return done.with_operation(operation._replace(status=Status.FAILED))
        case Kind.STATUS_LOST:
            return world.with_operation(operation._replace(is_lost=True))
        case Kind.CANCELED:
            idle = tuple(
                one._replace(busy=0) if one.busy == operation.number else one
                for one in world.machines
            )
            canceled = operation._replace(status=Status.CANCELED)
            return world._replace(machines=idle).with_operation(canceled)
        case Kind.LIST_BEHIND:
            before = tuple(
                one._replace(busy=0) if one.busy == operation.number else one
                for one in world.machines
            )
            return done._replace(behind=before, behind_since=now)
        case Kind.FAILS | Kind.BREAKS:
            failed = [(i, move.kind is Kind.BREAKS) for i in move.ids]
            return ended(world, operation, scene.ground, failed)
        case _:
            return None


def _of_machine(scene: Scene, world: World, machine: Machine, move: Move) -> World | None:
    rest = tuple(one for one in world.machines if one.id != machine.id)
    built = scene.ground.made_from(world.model)
    match move.kind:
        case Kind.RECOVERS:
            return world.with_machine(machine._replace(is_well=True))
        case Kind.SICKENS:
            return world.with_machine(machine._replace(is_well=False))
        case Kind.UPGRADED:
            return world.with_machine(machine._replace(build=built, is_failed=False))
        case Kind.PROTECTED:
            return world.with_machine(machine._replace(is_protected=True))
        case Kind.STOPPED:
            return world.with_machine(machine._replace(is_stopped=True))
        case Kind.DELETED:
            return world._replace(machines=rest)
        case Kind.REPLACED:
            return world.with_machine(Machine(machine.id, machine.vm + "'", built))
        case _:
            return None


def _of_set(scene: Scene, world: World, move: Move) -> World | None:
    match move.kind:
        case Kind.CATCHES_UP:
            return world._replace(behind=None, behind_since=0)
        case Kind.OTHERS_END:
            return world._replace(is_others=False)
        case Kind.OTHERS_BEGIN:
            return world._replace(is_others=True)
        case Kind.MODEL_CHANGED:
            return world._replace(model=scene.foreign, etag=world.etag + 1)
        case Kind.MODEL_TOUCHED:
            return world._replace(etag=world.etag + 1)
        case Kind.APPEARS:
            [new] = move.ids
            built = scene.ground.made_from(world.model)
            return world._replace(machines=(*world.machines, Machine(new, f"vm-{new}", built)))
        case _:
            return None


def receive(
    scene: Scene,
    world: World,
    command: UpgradeInstances | ReimageInstances | WriteModel,
    number: int,
    now: int,
    how: Kind,
) -> World | None:
    """Return the world in which the service has the request; None when it must refuse it."""
    if isinstance(command, WriteModel):
        written = scene.ground.model(_merged(scene, world, command))
        operation = Operation(number, (), Status.RUNNING, now, written)
    else:
        operation = Operation(number, command.instance_ids, Status.RUNNING, now, world.model)
    if how is Kind.REQUEST_LATE:
        late = operation._replace(status=Status.LATE, etag=world.etag)
        return world._replace(operations=(*world.operations, late))
    begun = _begun(world._replace(operations=(*world.operations, operation)), operation)
    if begun is not None and how is Kind.ACCEPTED_BEHIND:
        return begun._replace(behind=world.machines, behind_since=now)
    return begun


def _merged(scene: Scene, world: World, command: WriteModel) -> ModelFields:
    there, fields = scene.ground.models[world.model], command.fields
    return ModelFields(
        fields.image or there.image,
        fields.vm_size or there.vm_size,
        fields.upgrade_policy or there.upgrade_policy,
    )


def _begun(world: World, operation: Operation) -> World | None:
    """Return the world in which the service has begun; None when something is in its way."""
    is_model_busy = any(
        one.status is Status.RUNNING and not one.ids and one.number != operation.number
        for one in world.operations
    )
    if world.is_others or is_model_busy:
        return None
    if not operation.ids:
        changed = world._replace(model=operation.model, etag=world.etag + 1)
        return changed.with_operation(operation)
    machines = tuple(
        one._replace(busy=operation.number)
        if one.id in operation.ids and not one.busy and not one.is_protected
        else one
        for one in world.machines
    )
    begun = operation._replace(model=world.model)
    return world._replace(machines=machines).with_operation(begun)


def _without(world: World, operation: Operation) -> World:
    kept = tuple(one for one in world.operations if one.number != operation.number)
    return world._replace(operations=kept)


def pass_seconds(world: World, now: int, span: int) -> World:
    """Let time pass: what is late arrives no more, and lists catch up."""
    late = now + span - LATEST_DELIVERY_SECONDS
    if world.behind is not None and world.behind_since <= late:
        world = world._replace(behind=None, behind_since=0)
    if any(one.status is Status.LATE and one.at <= late for one in world.operations):
        kept = tuple(
            one for one in world.operations if one.status is not Status.LATE or one.at > late
        )
        world = world._replace(operations=kept)
    return world
