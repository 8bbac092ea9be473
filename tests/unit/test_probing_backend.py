"""What a look at the set holds when the application is asked for its health."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.probes import FakeProbes
from tests.support.service import FakeClock, FakeService, with_instance
from tests.support.values import NEW, NEW_IMAGE, TARGET, instance, minutes, scale_set
from vmssplan.backends.probing import probing
from vmssplan.gates import Measurement, Verdict
from vmssplan.model import (
    CommandProbe,
    Health,
    HealthSource,
    HttpProbe,
    ModelFields,
    ProbeScope,
)

if TYPE_CHECKING:
    from vmssplan.model import ScaleSet
    from vmssplan.ports import Backend

AT_ITS_ADDRESS = HttpProbe("http://{privateIpAddress}:8080/")
BY_COMMAND = Health(HealthSource.COMMAND, command=CommandProbe(("./is-healthy.sh",)))
BY_HTTP = Health(HealthSource.HTTP, http=AT_ITS_ADDRESS)


async def seen(backend: Backend) -> ScaleSet:
    """Return what a look shows."""
    found, _ = await backend.observe(TARGET)
    return found


@pytest.mark.parametrize(
    ("verdict", "is_healthy"), [(each, each is Verdict.SUCCESSFUL) for each in Verdict]
)
async def test_only_a_success_is_health(verdict: Verdict, *, is_healthy: bool) -> None:
    """Failed, no answer yet and errors are all no health."""
    probes = FakeProbes(otherwise=Measurement(verdict, ""))

    found = await seen(probing(FakeService(scale_set(2)), probes, BY_COMMAND))

    assert [one.probed_healthy for one in found.instances] == [is_healthy] * 2
    assert found.in_service_count(HealthSource.COMMAND) == (2 if is_healthy else 0)


async def test_each_instance_is_asked_alone_and_each_time() -> None:
    """Whatever scope the probe has; and nothing is remembered from one look to the next."""
    probes = FakeProbes()
    probes.answers["1",] = [Measurement(Verdict.FAILED, "")]
    backend = probing(FakeService(scale_set(3)), probes, BY_COMMAND, run="run-1")

    first, second = await seen(backend), await seen(backend)

    assert [one.probed_healthy for one in first.instances] == [True, False, True]
    assert [one.probed_healthy for one in second.instances] == [True, True, True]
    asked = [
        (probe.scope, about.target, about.occasion, about.run, about.batch, len(about.instances))
        for probe, about in probes.asked
    ]
    assert asked == [(ProbeScope.INSTANCE, TARGET, "health", "run-1", None, 1)] * 6


async def test_who_cannot_answer_is_not_asked() -> None:
    """A stopped instance and one that is operated on are out of service anyway."""
    probes = FakeProbes()
    members = (
        instance("0", power_state="deallocated"),
        instance("1", provisioning_state="Updating"),
        instance("2", provisioning_state="Failed"),
    )

    found = await seen(probing(FakeService(scale_set(members)), probes, BY_COMMAND))

    assert [one.probed_healthy for one in found.instances] == [None, None, True]


async def test_addresses_are_filled_in_for_whoever_asks_by_them() -> None:
    """The probe of an instance knows where that instance is; so do the gates."""
    probes, service = FakeProbes(), FakeService(scale_set(2))

    await seen(probing(service, probes, BY_HTTP))
    found = await seen(probing(service, probes, Health(), also_asked=(AT_ITS_ADDRESS,)))

    expected = ["10.0.0.4", "10.0.0.5"]
    assert [about.instances[0].private_ip_address for _, about in probes.asked] == expected
    assert [one.private_ip_address for one in found.instances] == expected
    assert [one.probed_healthy for one in found.instances] == [None, None]


async def test_addresses_are_read_again_only_after_something_happened() -> None:
    """Not at every look, but when an instance is new, or was operated on."""
    clock = FakeClock()
    service = FakeService(scale_set(2), clock)
    backend = probing(service, FakeProbes(), BY_HTTP)

    await seen(backend)
    await seen(backend)
    assert len(service.asked("addresses")) == 1

    await service.upgrade_instances(TARGET, ["1"])
    found = await seen(backend)
    assert found.by_id()["1"].private_ip_address is None
    assert len(service.asked("addresses")) == 1

    clock.time += minutes(5)
    found = await seen(backend)
    assert found.by_id()["1"].private_ip_address == "10.0.0.5"
    assert len(service.asked("addresses")) == 2

    service.change(lambda live: with_instance(live, "1", vm_id="another"))
    await seen(backend)
    assert len(service.asked("addresses")) == 3


@pytest.mark.parametrize(
    ("health", "also_asked"),
    [
        (Health(), ()),
        (Health(http=AT_ITS_ADDRESS), ()),
        (Health(), (HttpProbe("https://example.com"), CommandProbe(("./smoke.sh",)))),
        (Health(HealthSource.HTTP), ()),
    ],
)
def test_where_nothing_is_added_nothing_is_between(
    health: Health, also_asked: tuple[HttpProbe | CommandProbe, ...]
) -> None:
    """The service itself is used where no probe is."""
    service = FakeService(scale_set())

    assert probing(service, FakeProbes(), health, also_asked=also_asked) is service


async def test_all_else_is_left_to_the_service() -> None:
    """Writes, reports and the other reads go through as they are."""
    service = FakeService(scale_set(2))
    backend = probing(service, FakeProbes(), BY_COMMAND)

    written = await backend.write_model(TARGET, ModelFields(image=NEW_IMAGE), '"1"')
    upgraded = await backend.upgrade_instances(TARGET, ["0"])
    await backend.reimage_instances(TARGET, ["1"])
    assert await backend.autoscale_settings(TARGET) == ()
    assert await backend.addresses(TARGET) == {"0": "10.0.0.4", "1": "10.0.0.5"}
    assert await backend.image_versions(NEW_IMAGE, "westeurope") == [f"westeurope:{NEW}"]
    assert await backend.rolling_upgrade_in_progress(TARGET) is False
    assert written is not None
    assert upgraded is not None
    await backend.operation_report(upgraded)
    await backend.aclose()

    assert [(kind, ids) for _, kind, ids in service.requests] == [
        ("write", ()),
        ("upgrade", ("0",)),
        ("reimage", ("1",)),
        ("autoscale", ()),
        ("addresses", ()),
        ("report", ()),
    ]
