"""Images as resources of a group: managed images, and what is in galleries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_simulator.arm.call import COMPUTE_IN_GROUP, ApiVersions, Route
from vmss_simulator.arm.images import gallery_document, image_anywhere
from vmss_simulator.arm.messages import json_response
from vmss_simulator.errors import ArmError
from vmss_simulator.values import OperationKind

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response

_GALLERY = COMPUTE_IN_GROUP + "/galleries/{gallery}"


def get_managed(call: Call) -> Response:
    """Answer a managed image."""
    image_id = _id(call, f"images/{call.parameters['image']}")
    location, _ = image_anywhere(call, image_id)
    return json_response(
        {
            "name": call.parameters["image"],
            "id": image_id,
            "type": "Microsoft.Compute/images",
            "location": location,
            "tags": {},
            "properties": {
                "storageProfile": {
                    "osDisk": {
                        "osType": "Linux",
                        "osState": "Generalized",
                        "diskSizeGB": 30,
                        "caching": "ReadWrite",
                        "storageAccountType": "Standard_LRS",
                    },
                    "dataDisks": [],
                    "zoneResilient": False,
                },
                "hyperVGeneration": "V2",
                "provisioningState": "Succeeded",
            },
        }
    )


def get_gallery_image(call: Call) -> Response:
    """Answer an image definition of a gallery."""
    names = call.parameters
    image_id = _id(call, f"galleries/{names['gallery']}/images/{names['image']}")
    location, _ = image_anywhere(call, image_id)
    return json_response(
        {
            "name": names["image"],
            "id": image_id,
            "type": "Microsoft.Compute/galleries/images",
            "location": location,
            "tags": {},
            "properties": {
                "osType": "Linux",
                "osState": "Generalized",
                "hyperVGeneration": "V2",
                "architecture": "x64",
                "identifier": {
                    "publisher": names["gallery"],
                    "offer": names["image"],
                    "sku": names["image"],
                },
                "provisioningState": "Succeeded",
            },
        }
    )


def get_gallery_version(call: Call) -> Response:
    """Answer one version of an image in a gallery; `latest` is a version of no image."""
    names = call.parameters
    image_id = _id(call, f"galleries/{names['gallery']}/images/{names['image']}")
    location, versions = image_anywhere(call, image_id)
    for each in versions:
        if each.version == names["version"]:
            return json_response(gallery_document(image_id, location, each))
    raise _not_found(f"{image_id}/versions/{names['version']}")


def _id(call: Call, tail: str) -> str:
    return (
        f"/subscriptions/{call.subscription_id}/resourceGroups/{call.parameters['resourceGroup']}"
        f"/providers/Microsoft.Compute/{tail}"
    )


def _not_found(resource_id: str) -> ArmError:
    name = resource_id.partition("/providers/")[2]
    return ArmError(404, "ResourceNotFound", f"The Resource '{name}' was not found.")


_KIND = OperationKind.LIST_IMAGE_VERSIONS
_GALLERY_API = ApiVersions("galleries")

ROUTES: tuple[Route, ...] = (
    Route("GET", COMPUTE_IN_GROUP + "/images/{image}", get_managed, _KIND, ApiVersions("images")),
    Route("GET", _GALLERY + "/images/{image}", get_gallery_image, _KIND, _GALLERY_API),
    Route(
        "GET",
        _GALLERY + "/images/{image}/versions/{version}",
        get_gallery_version,
        _KIND,
        _GALLERY_API,
    ),
)
