"""What others do to the scale set of a Case: other engineers, other tools, the platform."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.swarm.cases import Deed
from tests.worlds import SUBSCRIPTION, WEB, model
from vmss_simulator.commands import (
    ActOnInstances,
    DeleteAutoscale,
    DeleteInstances,
    SimulateEviction,
    WriteAutoscale,
    WriteInstance,
)
from vmss_simulator.errors import ArmError
from vmss_simulator.values import OperationKind
from vmss_simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable


TRIES_AGAIN = timedelta(seconds=30)
MOST_TRIES = 20
_CONFLICT = 409


@dataclass
class Others:
    """Everybody else, and what they still have to do; refused for a conflict, they try again."""

    world: World
    agenda: list[tuple[datetime, int, Deed]]
    races: dict[int, list[Deed]]
    done: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, world: World, deeds: tuple[Deed, ...]) -> Others:
        """Return who does these, counted from now."""
        agenda = sorted(
            (
                (world.now + timedelta(seconds=each.at), 0, each)
                for each in deeds
                if each.at is not None
            ),
            key=lambda one: one[0],
        )
        races: dict[int, list[Deed]] = {}
        for each in deeds:
            if each.before_write is not None:
                races.setdefault(each.before_write, []).append(each)
        return cls(world, agenda, races)

    def next_at(self) -> datetime | None:
        """Return when somebody next does something."""
        return self.agenda[0][0] if self.agenda else None

    def act(self) -> None:
        """Do all that is due now."""
        while self.agenda and self.agenda[0][0] <= self.world.now:
            _, tries, deed = self.agenda.pop(0)
            self._try(deed, tries)

    def race(self, write: int) -> None:
        """Do what comes just before this write of ours."""
        for deed in self.races.pop(write, []):
            self._try(deed, 0)

    def _try(self, deed: Deed, tries: int) -> None:
        try:
            carry_out(self.world, deed)
        except ArmError as refused:
            if refused.status == _CONFLICT and tries < MOST_TRIES:
                again = (self.world.now + TRIES_AGAIN, tries + 1, deed)
                self.agenda = sorted([*self.agenda, again], key=lambda one: one[0])
        else:
            self.done.add(deed.does)


def carry_out(world: World, deed: Deed) -> None:
    """Do it; ArmError where the service refuses it."""
    _DEEDS[deed.does](world, **deed.given)


def _set_capacity(world: World, capacity: int) -> None:
    world.patch_scale_set(WEB, {"sku": {"capacity": capacity}})


def _known(world: World, ids: list[str]) -> tuple[str, ...]:
    return tuple(each for each in ids if each in world.scale_set(WEB).instances)


def _delete(world: World, instanceIds: list[str]) -> None:  # noqa: N803 - as the Case has it
    if known := _known(world, instanceIds):
        world.perform(DeleteInstances(OperationKind.DELETE_INSTANCES, WEB, known))


def _protect(world: World, instanceIds: list[str], *, on: bool) -> None:  # noqa: N803
    policy: dict[str, Any] = {"protectFromScaleSetActions": on}
    if not on:
        policy["protectFromScaleIn"] = False
    for instance_id in _known(world, instanceIds):
        body = {"properties": {"protectionPolicy": policy}}
        world.perform(WriteInstance(WEB, instance_id, body))


def _upgrade(world: World, instanceIds: list[str]) -> None:  # noqa: N803
    if known := _known(world, instanceIds):
        world.upgrade(WEB, known)


def _reimage(world: World, instanceIds: list[str]) -> None:  # noqa: N803
    if known := _known(world, instanceIds):
        world.reimage(WEB, known)


def _power(world: World, instanceIds: list[str], *, kind: OperationKind) -> None:  # noqa: N803
    if known := _known(world, instanceIds):
        world.perform(ActOnInstances(kind, WEB, known))


def _evict(world: World, instanceIds: list[str]) -> None:  # noqa: N803
    for instance_id in _known(world, instanceIds):
        world.perform(SimulateEviction(WEB, instance_id))


def _tag(world: World, tags: dict[str, str]) -> None:
    world.patch_scale_set(WEB, {"tags": tags})


def _set_image(world: World, version: str) -> None:
    world.patch_scale_set(WEB, model(version))


def _set_size(world: World, vmSize: str) -> None:  # noqa: N803
    world.patch_scale_set(WEB, {"sku": {"name": vmSize}})


def _set_policy(world: World, mode: str) -> None:
    world.patch_scale_set(WEB, {"properties": {"upgradePolicy": {"mode": mode}}})


def _set_autoscale(world: World, minimum: int, maximum: int) -> None:
    for each in world.autoscale_settings(SUBSCRIPTION):
        least, most = str(min(minimum, maximum)), str(maximum)
        capacity = {"minimum": least, "maximum": most, "default": least}
        profiles = [{**each.body["properties"]["profiles"][0], "capacity": capacity}]
        patch = {"properties": {"profiles": profiles}}
        world.perform(WriteAutoscale(each.key, patch, merge=True))


def _delete_autoscale(world: World) -> None:
    for each in world.autoscale_settings(SUBSCRIPTION):
        world.perform(DeleteAutoscale(each.key))


def _start_rolling_upgrade(world: World) -> None:
    world.start_rolling_upgrade(OperationKind.START_OS_UPGRADE, WEB)


_DEEDS: dict[str, Callable[..., None]] = {
    "setCapacity": _set_capacity,
    "delete": _delete,
    "protect": partial(_protect, on=True),
    "unprotect": partial(_protect, on=False),
    "upgrade": _upgrade,
    "reimage": _reimage,
    "restart": partial(_power, kind=OperationKind.RESTART),
    "powerOff": partial(_power, kind=OperationKind.POWER_OFF),
    "start": partial(_power, kind=OperationKind.START),
    "deallocate": partial(_power, kind=OperationKind.DEALLOCATE),
    "evict": _evict,
    "tag": _tag,
    "setImage": _set_image,
    "setSize": _set_size,
    "setPolicy": _set_policy,
    "setAutoscale": _set_autoscale,
    "deleteAutoscale": _delete_autoscale,
    "startRollingUpgrade": _start_rolling_upgrade,
}
