"""Short builders of domain values; every default is the everyday case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.support.copying import replace
from vmssplan.model import (
    Amount,
    AutoscaleProfile,
    AutoscaleSetting,
    Availability,
    HealthState,
    ImageReference,
    Instance,
    ModelFields,
    Plan,
    PlatformImage,
    ScaleSet,
    ScaleSetId,
    Strategy,
    StrategyType,
    UpgradeMode,
    pinned,
)
from vmssplan.rollout import Rollout, compute_rollout

if TYPE_CHECKING:
    from collections.abc import Iterable

START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
TARGET = ScaleSetId("00000000-0000-0000-0000-000000000001", "myrg", "web")
OLD, NEW = "1.9.0", "1.10.0"
OLD_IMAGE = PlatformImage("Contoso", "server", "gen2", OLD)
NEW_IMAGE = PlatformImage("Contoso", "server", "gen2", NEW)
SIZE = "Standard_D2s_v5"


def instance(instance_id: str, **changes: Any) -> Instance:
    """Return a healthy instance on the old image, in the domains its number says."""
    number = int(instance_id) if instance_id.isdecimal() else 0
    usual = Instance(
        instance_id=instance_id,
        vm_id=f"vm-{instance_id}",
        image=OLD_IMAGE,
        exact_version=OLD,
        vm_size=SIZE,
        latest_model_applied=True,
        application_health=HealthState.HEALTHY,
        update_domain=number % 5,
        fault_domain=number % 3,
        zone=str(1 + number % 3),
    )
    return replace(usual, **changes)


def current(instance_id: str, **changes: Any) -> Instance:
    """Return a healthy instance that runs the new image already."""
    new = {"image": NEW_IMAGE, "exact_version": NEW}
    return instance(instance_id, **{**new, **changes})


def instances(count: int) -> tuple[Instance, ...]:
    """Return that many healthy instances on the old image."""
    return tuple(instance(str(number)) for number in range(count))


def scale_set(members: int | Iterable[Instance] = 4, **changes: Any) -> ScaleSet:
    """Return a settled set on the old image with application health."""
    usual = ScaleSet(
        id=TARGET,
        location="westeurope",
        etag='"1"',
        model=ModelFields(OLD_IMAGE, SIZE, UpgradeMode.MANUAL),
        has_application_health=True,
        instances=instances(members) if isinstance(members, int) else tuple(members),
    )
    return replace(usual, **changes)


def strategy(kind: str = "perInstance", *sizes: int | str, **changes: Any) -> Strategy:
    """Return a strategy; sizes as the Plan writes them, `2` or `"20%"`."""
    return Strategy(StrategyType(kind), tuple(amount(size) for size in sizes), **changes)


def amount(size: int | str) -> Amount:
    """Return the amount that is written `2` or `"20%"`."""
    return Amount(size) if isinstance(size, int) else Amount(int(size.rstrip("%")), percent=True)


def at_most(size: int | str, *, operations: int = 1) -> Availability:
    """Return `maxUnavailable: size`."""
    return Availability(max_unavailable=amount(size), max_concurrent_operations=operations)


def plan(image: ImageReference | None = NEW_IMAGE, **changes: Any) -> Plan:
    """Return a Plan that brings the set to the new image, one instance at a time."""
    return replace(Plan("web", TARGET, ModelFields(image=image)), **changes)


def autoscale_setting(least: int = 2, most: int = 20, *, enabled: bool = True) -> AutoscaleSetting:
    """Return an autoscale setting of one profile."""
    return AutoscaleSetting(
        f"{TARGET.resource_id}-autoscale",
        "web-autoscale",
        enabled,
        (AutoscaleProfile("default", least, most, least),),
    )


def rollout(
    live: ScaleSet | None = None,
    settings: tuple[AutoscaleSetting, ...] = (),
    missing_image: str | None = None,
    **changes: Any,
) -> Rollout:
    """Compute the Rollout of `plan(**changes)`; `latest` is the new version."""
    made = plan(**changes)
    wanted, image = made.model, made.model.image
    if isinstance(image, PlatformImage) and image.version == "latest":
        wanted = replace(made.model, image=pinned(image, NEW))
    return compute_rollout(made, live or scale_set(), wanted, settings, missing_image)


def seconds(number: float) -> timedelta:
    """Return that many seconds."""
    return timedelta(seconds=number)


def minutes(number: float) -> timedelta:
    """Return that many minutes."""
    return timedelta(minutes=number)
