"""Autoscale settings, and autoscale acting: as much as pinning instance counts needs.

A setting's bounds hold its set: what lies outside is brought inside at the engine's next look,
and the changes of capacity that a scenario plans stay inside. Metric rules are kept and given
back, but there are no metrics here to evaluate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from vmss_simulator import documents
from vmss_simulator.errors import ArmError
from vmss_simulator.tasks import AutoscaleDue
from vmss_simulator.values import AutoscaleSetting, OperationKind, ScaleSetKey
from vmss_simulator.writes import CONFLICT, write_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from vmss_simulator.state import State
    from vmss_simulator.values import AutoscaleKey

ACTOR = "autoscale"
_LOOKS_EVERY = timedelta(minutes=1)
_TRIES_AGAIN = timedelta(seconds=30)
_MOST = 1000
_ID_PARTS = 8


@dataclass(frozen=True, slots=True)
class Bounds:
    """`capacity` of a profile."""

    minimum: int
    maximum: int
    default: int

    def clamp(self, capacity: int) -> int:
        """Return the nearest capacity inside."""
        return min(max(capacity, self.minimum), self.maximum)


@dataclass(frozen=True, slots=True)
class AutoscalePlan:
    """A setting that exists from the start, and which capacity autoscale will want when."""

    setting: AutoscaleSetting
    actions: tuple[tuple[timedelta, int], ...] = ()


def begin_with(state: State, plan: AutoscalePlan) -> None:
    """Take in a setting of a scenario, and put on the timetable what autoscale will want."""
    put_setting(state, plan.setting.key, plan.setting.body, merge=False)
    for at, capacity in plan.actions:
        due = AutoscaleDue(target_of(plan.setting), capacity)
        state.schedule(state.start + at, due)


def put_setting(
    state: State, key: AutoscaleKey, body: Mapping[str, Any], *, merge: bool
) -> AutoscaleSetting:
    """Create or replace a setting, or change the one there is; ArmError 400, 404, 409."""
    existing = state.autoscale.get(_name(key))
    if merge:
        existing = find_setting(state, key)
        body = documents.merge(existing.body, body)
    setting = AutoscaleSetting(existing.key if existing else key, body)
    _check(state, setting)
    state.autoscale[_name(key)] = setting
    target = target_of(setting)
    state.emit("autoscaleSet", target, setting=setting.key.resource_id)
    state.schedule(state.now + _LOOKS_EVERY, AutoscaleDue(target))
    return setting


def delete_setting(state: State, key: AutoscaleKey) -> bool:
    """Delete a setting; False when there was none."""
    gone = state.autoscale.pop(_name(key), None)
    if gone is None:
        return False
    state.emit("autoscaleDeleted", target_of(gone), setting=gone.key.resource_id)
    return True


def find_setting(state: State, key: AutoscaleKey) -> AutoscaleSetting:
    """Return the setting; ArmError 404."""
    found = state.autoscale.get(_name(key))
    if found is None:
        raise ArmError(
            404,
            "ResourceNotFound",
            f"The Resource 'Microsoft.Insights/autoscalesettings/{key.name}' under resource group"
            f" '{key.resource_group}' was not found. For more details please go to"
            " https://aka.ms/ARMResourceNotFoundFix",
        )
    return found


def target_of(setting: AutoscaleSetting) -> ScaleSetKey:
    """Return the scale set the setting is about; ArmError 400 when it names none."""
    name = "targetResourceUri"
    uri = documents.text(setting.body, "properties", name) or ""
    parts = uri.strip("/").split("/")
    folded = [each.casefold() for each in parts]
    if len(parts) != _ID_PARTS or folded[::2] != [
        "subscriptions",
        "resourcegroups",
        "providers",
        "virtualmachinescalesets",
    ]:
        raise documents.invalid_parameter(name, uri)
    return ScaleSetKey(parts[1], parts[3], parts[7])


def look_at(state: State, task: AutoscaleDue) -> None:
    """Let autoscale have what it wants of the set, inside the bounds of its setting."""
    scale_set = state.scale_sets.get(task.key.folded())
    found = next(_enabled_settings(state, task.key), None)
    if scale_set is None or found is None:
        if task.capacity is not None and scale_set is not None:
            state.emit("autoscaleIdle", scale_set.key, wanted=task.capacity)
        return
    bounds = active_bounds(found, state.now)
    held = documents.capacity(scale_set.body)
    wanted = bounds.clamp(held if task.capacity is None else task.capacity)
    if wanted != held:
        _write(state, scale_set.key, task, wanted)
    elif task.capacity is not None:
        state.emit("autoscaleHeld", scale_set.key, wanted=task.capacity, capacity=held)


def _write(state: State, key: ScaleSetKey, task: AutoscaleDue, capacity: int) -> None:
    """Change the capacity as anybody would: refused while an operation runs, and tried again."""
    body = {"sku": {"capacity": capacity}}
    try:
        write_model(state, OperationKind.PATCH_SCALE_SET, key, body, if_match=None, actor=ACTOR)
    except ArmError as refused:
        state.emit("actorRefused", key, by=ACTOR, code=refused.code)
        if refused.message == CONFLICT:
            state.schedule(state.now + _TRIES_AGAIN, task)


def _name(key: AutoscaleKey) -> str:
    return key.resource_id.casefold()


def look_soon(state: State, key: ScaleSetKey) -> None:
    """Let autoscale look at the set at its next round, if a setting is about it."""
    if next(_enabled_settings(state, key), None) is not None:
        state.schedule(state.now + _LOOKS_EVERY, AutoscaleDue(key))


def active_bounds(setting: AutoscaleSetting, now: datetime) -> Bounds:
    """Return the bounds of the profile in force: one whose fixed date it is, else the default."""
    profiles = _profiles(setting.body)
    for profile in profiles:
        window = documents.section(profile, "fixedDate")
        if window and _moment(window, "start") <= now < _moment(window, "end"):
            return _bounds(profile)
    lasting = [each for each in profiles if not each.get("fixedDate")]
    plain = [each for each in lasting if not each.get("recurrence")]
    return _bounds((plain or lasting or profiles)[0])


def _enabled_settings(state: State, key: ScaleSetKey) -> Iterator[AutoscaleSetting]:
    for setting in state.autoscale.values():
        enabled = documents.section(setting.body, "properties").get("enabled", True)
        if enabled is not False and target_of(setting).folded() == key.folded():
            yield setting


def _check(state: State, setting: AutoscaleSetting) -> None:
    body = setting.body
    if not documents.text(body, "location"):
        message = "The location property is required for this definition."
        raise ArmError(400, "LocationRequired", message)
    documents.section(body, "tags")
    enabled = documents.section(body, "properties").get("enabled", True)
    if not isinstance(enabled, bool):
        raise documents.invalid_parameter("enabled", enabled)
    target = target_of(setting)
    for profile in _profiles(body):
        _bounds(profile)
        window = documents.section(profile, "fixedDate")
        if window and _moment(window, "start") >= _moment(window, "end"):
            raise documents.invalid_parameter("fixedDate", window)
        documents.section(profile, "recurrence")
        if not isinstance(profile.get("rules", []), list):
            raise documents.invalid_parameter("rules", profile.get("rules"))
    for other in state.autoscale.values():
        if _name(other.key) != _name(setting.key) and target_of(other).folded() == (
            target.folded()
        ):
            raise ArmError(
                409,
                "Conflict",
                f"The resource '{target.resource_id}' already has the autoscale setting"
                f" '{other.key.name}'.",
            )


def _profiles(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    profiles = documents.section(body, "properties").get("profiles")
    if (
        not isinstance(profiles, list)
        or not profiles
        or not all(isinstance(each, dict) for each in profiles)
    ):
        raise documents.invalid_parameter("profiles", profiles)
    return profiles


def _bounds(profile: Mapping[str, Any]) -> Bounds:
    capacity = documents.section(profile, "capacity")
    names = ("minimum", "maximum", "default")
    minimum, maximum, default = (_count(capacity, name) for name in names)
    if not minimum <= default <= maximum:
        raise documents.invalid_parameter("capacity", dict(capacity))
    return Bounds(minimum, maximum, default)


def _count(capacity: Mapping[str, Any], name: str) -> int:
    """Return a count; the wire has them as texts."""
    value = capacity.get(name)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and int(value) <= _MOST:
        return int(value)
    raise documents.invalid_parameter(f"capacity.{name}", value)


def _moment(window: Mapping[str, Any], name: str) -> datetime:
    text = documents.text(window, name)
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.replace(tzinfo=UTC) if moment.utcoffset() is None else moment
    except (ValueError, OverflowError):
        raise documents.invalid_parameter(f"fixedDate.{name}", text) from None
