"""A Backend that also asks the application how each instance is.

Where the Plan's health source is a probe of its own, the service cannot say what is healthy. So
every look at the set asks the instances too, and those above see one observation and need not
know where it came from.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from vmssplan.gates import Verdict
from vmssplan.model import RUNNING, HealthSource, HttpProbe, ProbeScope, placeholders
from vmssplan.ports import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vmssplan.model import (
        AutoscaleSetting,
        CommandProbe,
        Deprecation,
        Health,
        ImageReference,
        Instance,
        ModelFields,
        OperationReport,
        PlatformImage,
        ScaleSet,
        ScaleSetId,
    )
    from vmssplan.ports import Backend, OperationHandle, Pacing, Probes

ADDRESS = "privateIpAddress"


def probing(
    inner: Backend,
    probes: Probes,
    health: Health,
    *,
    also_asked: Iterable[HttpProbe | CommandProbe] = (),
    run: str = "",
) -> Backend:
    """Return a Backend whose observations hold all that these probes need and find.

    `also_asked` are the probes of gates and hooks: their addresses may name those of instances.
    `inner` itself comes back where nothing has to be added.
    """
    probe = _probe_of(health)
    asked = (*also_asked, *((probe,) if probe else ()))
    wants_addresses = any(
        isinstance(each, HttpProbe) and ADDRESS in placeholders(each.url) for each in asked
    )
    if probe is None and not wants_addresses:
        return inner
    return ProbingBackend(inner, probes, probe, wants_addresses=wants_addresses, run=run)


def _probe_of(health: Health) -> HttpProbe | CommandProbe | None:
    if health.source is HealthSource.HTTP:
        return health.http
    if health.source is HealthSource.COMMAND:
        return health.command
    return None


class ProbingBackend:
    """`ports.Backend` over another: `observe` fills `probed_healthy` and `private_ip_address`.

    Only instances that run and are not being operated on are asked; the others are out of service
    whatever they would answer. `probe` is None where only addresses are wanted.
    """

    def __init__(
        self,
        inner: Backend,
        probes: Probes,
        probe: HttpProbe | CommandProbe | None,
        *,
        wants_addresses: bool,
        run: str = "",
    ) -> None:
        self._inner = inner
        self._probes = probes
        self._probe = None if probe is None else replace(probe, scope=ProbeScope.INSTANCE)
        self._wants_addresses = wants_addresses
        self._run = run
        self._addresses: dict[str, str] = {}

    async def observe(self, target: ScaleSetId) -> tuple[ScaleSet, Pacing]:
        """Read the set, then ask each instance that can answer."""
        seen, pacing = await self._inner.observe(target)
        instances = seen.instances
        if self._wants_addresses:
            instances = await self._addressed(target, instances)
        if self._probe is not None:
            instances = await self._probed(self._probe, target, instances)
        return replace(seen, instances=instances), pacing

    async def _addressed(
        self, target: ScaleSetId, instances: Sequence[Instance]
    ) -> tuple[Instance, ...]:
        """Fill in the addresses; read again only for what is new or may have got another one."""
        known = {
            one.vm_id: self._addresses[one.vm_id]
            for one in instances
            if _can_answer(one) and one.vm_id in self._addresses
        }
        if any(_can_answer(one) and one.vm_id not in known for one in instances):
            found = await self._inner.addresses(target)
            known |= {
                one.vm_id: found[one.instance_id]
                for one in instances
                if one.instance_id in found and _can_answer(one)
            }
        self._addresses = known
        return tuple(
            structs.replace(one, private_ip_address=known.get(one.vm_id)) for one in instances
        )

    async def _probed(
        self, probe: HttpProbe | CommandProbe, target: ScaleSetId, instances: Sequence[Instance]
    ) -> tuple[Instance, ...]:
        async with asyncio.TaskGroup() as asking:
            answers = [
                (one, asking.create_task(self._is_healthy(probe, target, one)))
                if _can_answer(one)
                else (one, None)
                for one in instances
            ]
        return tuple(
            structs.replace(one, probed_healthy=None if answer is None else answer.result())
            for one, answer in answers
        )

    async def _is_healthy(
        self, probe: HttpProbe | CommandProbe, target: ScaleSetId, instance: Instance
    ) -> bool:
        subject = Subject(target, "health", self._run, None, (instance,))
        measurement = await self._probes.measure(probe, subject)
        return measurement.verdict is Verdict.SUCCESSFUL

    async def operation_report(self, operation: OperationHandle) -> tuple[OperationReport, Pacing]:
        """Read the status of an operation."""
        return await self._inner.operation_report(operation)

    async def rolling_upgrade_in_progress(self, target: ScaleSetId) -> bool:
        """Tell whether Azure's own rolling upgrade is running."""
        return await self._inner.rolling_upgrade_in_progress(target)

    async def image_versions(self, image: ImageReference, location: str) -> Sequence[str]:
        """List the versions that `latest` may mean, oldest first."""
        return await self._inner.image_versions(image, location)

    async def image_deprecation(self, image: PlatformImage, location: str) -> Deprecation | None:
        """Pass on."""
        return await self._inner.image_deprecation(image, location)

    async def sizes(self, target: ScaleSetId) -> Sequence[str]:
        """Pass on."""
        return await self._inner.sizes(target)

    async def write_model(
        self, target: ScaleSetId, fields: ModelFields, etag: str
    ) -> OperationHandle | None:
        """PATCH only these fields."""
        return await self._inner.write_model(target, fields, etag)

    async def upgrade_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Start the manual upgrade of these instances."""
        return await self._inner.upgrade_instances(target, instance_ids)

    async def reimage_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Start the reimage of these instances."""
        return await self._inner.reimage_instances(target, instance_ids)

    async def autoscale_settings(self, target: ScaleSetId) -> Sequence[AutoscaleSetting]:
        """List the autoscale settings that scale this set."""
        return await self._inner.autoscale_settings(target)

    async def write_autoscale(self, setting: AutoscaleSetting) -> None:
        """Give the profiles named there these capacities."""
        await self._inner.write_autoscale(setting)

    async def addresses(self, target: ScaleSetId) -> Mapping[str, str]:
        """Return the private address of each instance, by instance id."""
        return await self._inner.addresses(target)

    async def aclose(self) -> None:
        """Let go of the service."""
        await self._inner.aclose()


def _can_answer(instance: Instance) -> bool:
    return instance.power_state == RUNNING and not instance.is_busy
