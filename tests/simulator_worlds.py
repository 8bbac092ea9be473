"""Small worlds for tests of the simulator's doors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from vmss_simulator.images import Catalogue, Image
from vmss_simulator.options import Options
from vmss_simulator.values import ImageVersion, ScaleSetKey
from vmss_simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.faults import FaultRule

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
START = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
KEY = ScaleSetKey(SUBSCRIPTION, "myrg", "web")
OLD, NEW = "22.04.202610010", "22.04.202611010"
JAMMY = {"publisher": "Canonical", "offer": "ubuntu-server", "sku": "22_04-lts-gen2"}
GALLERY_IMAGE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.Compute"
    "/galleries/golden/images/web"
)
IMAGES = (
    Image("Canonical:ubuntu-server:22_04-lts-gen2", (ImageVersion(OLD), ImageVersion(NEW))),
    Image(
        GALLERY_IMAGE,
        (ImageVersion("1.0.0"), ImageVersion("1.1.0", START, exclude_from_latest=True)),
    ),
)


def model(capacity: int = 3, version: str = OLD, **properties: Any) -> dict[str, Any]:
    """Return the document of a Uniform scale set with application health."""
    return {
        "location": "westeurope",
        "tags": {"team": "web"},
        "sku": {"name": "Standard_D2s_v5", "tier": "Standard", "capacity": capacity},
        "properties": {
            "orchestrationMode": "Uniform",
            "singlePlacementGroup": capacity <= 100,
            # So that the ids are 0 to capacity - 1; what it does has tests of its own.
            "overprovision": False,
            "upgradePolicy": {"mode": "Manual"},
            "virtualMachineProfile": {
                "osProfile": {"computerNamePrefix": "web", "adminUsername": "ops"},
                "storageProfile": {
                    "imageReference": {**JAMMY, "version": version},
                    "osDisk": {
                        "osType": "Linux",
                        "createOption": "FromImage",
                        "caching": "ReadWrite",
                        "managedDisk": {"storageAccountType": "Premium_LRS"},
                        "diskSizeGB": 30,
                    },
                },
                "networkProfile": {
                    "networkInterfaceConfigurations": [
                        {
                            "name": "nic",
                            "properties": {
                                "primary": True,
                                "ipConfigurations": [
                                    {"name": "ip", "properties": {"primary": True}}
                                ],
                            },
                        }
                    ]
                },
                "extensionProfile": {
                    "extensions": [
                        {
                            "name": "health",
                            "properties": {
                                "publisher": "Microsoft.ManagedServices",
                                "type": "ApplicationHealthLinux",
                                "typeHandlerVersion": "2.0",
                                "settings": {"protocol": "http", "port": 80},
                            },
                        }
                    ]
                },
            },
            **properties,
        },
    }


def small_world(
    capacity: int = 3,
    *,
    faults: Sequence[FaultRule] = (),
    options: Options | None = None,
    others: Sequence[str] = (),
) -> World:
    """Return a settled world with the scale set `web`, and further ones of one instance each."""
    world = World(
        start=START,
        seed=7,
        options=options or Options(throttling=False),
        images=Catalogue({image.name.casefold(): image for image in IMAGES}),
        faults=faults,
    )
    world.put_scale_set(KEY, model(capacity))
    for name in others:
        world.put_scale_set(ScaleSetKey(SUBSCRIPTION, "myrg", name), model(1))
    world.advance_to(START + timedelta(hours=2))
    return world
