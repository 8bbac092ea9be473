"""A snapshot of a live set is a scenario in which the same things happen by themselves."""

from __future__ import annotations

from datetime import timedelta

from tests.support.values import TARGET
from tests.worlds import make_world
from vmss_simulator.scenario import parse_scenario
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.model import AutomaticRepairs, PlatformActions
from vmssplan.report.snapshot import snapshot_text


async def test_repairs_and_spot_machines_come_along() -> None:
    """What acts by itself in the live set acts in the simulated one."""
    world = make_world(
        model={
            "properties": {
                "automaticRepairsPolicy": {"enabled": True, "gracePeriod": "PT30M"},
                "virtualMachineProfile": {"priority": "Spot"},
            }
        }
    )
    live, _ = await SimulatedBackend(world).observe(TARGET)

    again = parse_scenario(snapshot_text(live, [], world.now)).world()

    seen, _ = await SimulatedBackend(again).observe(TARGET)
    assert seen.platform == PlatformActions(
        repairs=AutomaticRepairs(timedelta(minutes=30), "Replace"), spot=True
    )
    assert seen.platform == live.platform
