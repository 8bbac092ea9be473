"""The image catalogue: platform images by location, and the three kinds of gallery images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.call import COMPUTE, COMPUTE_IN_GROUP, ApiVersions, Route
from vmss_simulator.arm.intake import invalid_parameter
from vmss_simulator.arm.messages import json_response
from vmss_simulator.arm.statuses import timestamp
from vmss_simulator.errors import ArmError
from vmss_simulator.values import OperationKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.values import ImageVersion

_NOT_FOUND = 404
_VERSIONS = (
    COMPUTE + "/locations/{location}/publishers/{publisher}/artifacttypes/vmimage"
    "/offers/{offer}/skus/{sku}/versions"
)
_GALLERY_VERSIONS = COMPUTE_IN_GROUP + "/galleries/{gallery}/images/{image}/versions"


def list_platform(call: Call) -> Response:
    """Answer the versions of a platform image as a bare list, `$top` and `$orderby` applied."""
    location = call.parameters["location"]
    versions = [each.version for each in call.world.image_catalogue(_platform(call), location)]
    order = call.query.get("$orderby", "").casefold().split()
    if order not in ([], ["name"], ["name", "asc"], ["name", "desc"]):
        raise invalid_parameter("The value of parameter $orderby is invalid.", "$orderby")
    if order[-1:] == ["desc"]:
        versions.reverse()
    top = call.query.get("$top")
    if top is not None:
        if not (top.isascii() and top.isdecimal()) or len(top) > 9:  # noqa: PLR2004 - an int32
            raise invalid_parameter("The value of parameter $top is invalid.", "$top")
        versions = versions[: int(top)]
    with_properties = "properties" in call.query.get("$expand", "").casefold()
    return json_response(
        [_platform_document(call, name, with_properties=with_properties) for name in versions]
    )


def get_platform(call: Call) -> Response:
    """Answer one version of a platform image; `latest` is a version of no image."""
    wanted = {**_platform(call), "version": call.parameters["version"]}
    found = call.world.image_version(wanted, call.parameters["location"])
    document = _platform_document(call, found.version, with_properties=True)
    if found.deprecated_at is not None:
        document["properties"]["imageDeprecationStatus"] = _deprecation(call, found)
    return json_response(document)


def _deprecation(call: Call, version: ImageVersion) -> dict[str, Any]:
    assert version.deprecated_at is not None
    is_over = version.deprecated_at <= call.world.now
    status: dict[str, Any] = {
        "imageState": "Deprecated" if is_over else "ScheduledForDeprecation",
        "scheduledDeprecationTime": timestamp(version.deprecated_at),
    }
    if version.use_instead is not None:
        status["alternativeOption"] = {"type": "Plan", "value": version.use_instead}
    return status


def list_gallery(call: Call) -> Response:
    """Answer the versions of an image in a gallery of the subscription."""
    names = call.parameters
    image_id = (
        f"/subscriptions/{names['subscriptionId']}/resourceGroups/{names['resourceGroup']}"
        f"/providers/Microsoft.Compute/galleries/{names['gallery']}/images/{names['image']}"
    )
    location, versions = image_anywhere(call, image_id)
    return json_response(
        {"value": [gallery_document(image_id, location, version) for version in versions]}
    )


def list_shared(call: Call) -> Response:
    """Answer the versions of an image somebody shared with the subscription."""
    names = call.parameters
    image_id = f"/SharedGalleries/{names['gallery']}/Images/{names['image']}"
    return _public(call, "sharedGalleryImageId", image_id)


def list_community(call: Call) -> Response:
    """Answer the versions of an image in a community gallery."""
    names = call.parameters
    image_id = f"/CommunityGalleries/{names['gallery']}/Images/{names['image']}"
    return _public(call, "communityGalleryImageId", image_id)


def _public(call: Call, form: str, image_id: str) -> Response:
    location = call.parameters["location"]
    versions = call.world.image_catalogue({form: image_id}, location)
    return json_response(
        {
            "value": [
                {
                    "name": each.version,
                    "location": location,
                    "identifier": {"uniqueId": f"{image_id}/Versions/{each.version}"},
                    "properties": _publication(each),
                }
                for each in versions
            ]
        }
    )


def _platform(call: Call) -> dict[str, str]:
    return {name: call.parameters[name] for name in ("publisher", "offer", "sku")}


def _platform_document(call: Call, version: str, *, with_properties: bool) -> dict[str, Any]:
    names = call.parameters
    image_id = (
        f"/Subscriptions/{call.subscription_id}/Providers/Microsoft.Compute"
        f"/Locations/{names['location']}/Publishers/{names['publisher']}"
        f"/ArtifactTypes/VMImage/Offers/{names['offer']}/Skus/{names['sku']}/Versions/{version}"
    )
    document: dict[str, Any] = {"location": names["location"], "name": version, "id": image_id}
    if with_properties:
        windows = "windows" in f"{names['publisher']}{names['offer']}".casefold()
        document["properties"] = {
            "osDiskImage": {"operatingSystem": "Windows" if windows else "Linux"},
            "dataDiskImages": [],
            "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": True},
        }
    return document


def image_anywhere(call: Call, image_id: str) -> tuple[str, Sequence[ImageVersion]]:
    """Return the versions of a managed or gallery image, and a location that has them.

    Their paths name no location, while the catalogue is asked about one. ArmError 404.
    """
    scale_sets = call.world.scale_sets(call.subscription_id)
    locations = sorted({str(each.body.get("location", "")) for each in scale_sets})
    refused: ArmError | None = None
    for location in [*locations, ""]:
        try:
            return location, call.world.image_catalogue({"id": image_id}, location)
        except ArmError as error:
            refused = error
    raise ArmError(
        _NOT_FOUND,
        "ResourceNotFound",
        f"The Resource '{image_id.partition('/providers/')[2]}' was not found.",
    ) from refused


def gallery_document(image_id: str, location: str, version: ImageVersion) -> dict[str, Any]:
    """Return one version of an image in a gallery."""
    return {
        "name": version.version,
        "id": f"{image_id}/versions/{version.version}",
        "type": "Microsoft.Compute/galleries/images/versions",
        "location": location,
        "tags": {},
        "properties": {
            "publishingProfile": {
                "targetRegions": [{"name": location, "regionalReplicaCount": 1}],
                "replicaCount": 1,
                "storageAccountType": "Standard_LRS",
                **_publication(version),
            },
            "storageProfile": {"osDiskImage": {"hostCaching": "ReadWrite"}},
            "provisioningState": "Succeeded",
        },
    }


def _publication(version: ImageVersion) -> dict[str, Any]:
    document: dict[str, Any] = {"excludeFromLatest": version.exclude_from_latest}
    # None: the version was there before the world began.
    if version.published_at is not None:
        document["publishedDate"] = timestamp(version.published_at)
    return document


_PLATFORM_API = ApiVersions("locations/publishers")
_GALLERY_API = ApiVersions("galleries/images/versions")

ROUTES: tuple[Route, ...] = (
    Route("GET", _VERSIONS, list_platform, OperationKind.LIST_IMAGE_VERSIONS, _PLATFORM_API),
    Route(
        "GET",
        _VERSIONS + "/{version}",
        get_platform,
        OperationKind.LIST_IMAGE_VERSIONS,
        _PLATFORM_API,
    ),
    Route("GET", _GALLERY_VERSIONS, list_gallery, OperationKind.LIST_IMAGE_VERSIONS, _GALLERY_API),
    Route(
        "GET",
        COMPUTE + "/locations/{location}/sharedGalleries/{gallery}/images/{image}/versions",
        list_shared,
        OperationKind.LIST_IMAGE_VERSIONS,
        _GALLERY_API,
    ),
    Route(
        "GET",
        COMPUTE + "/locations/{location}/communityGalleries/{gallery}/images/{image}/versions",
        list_community,
        OperationKind.LIST_IMAGE_VERSIONS,
        _GALLERY_API,
    ),
)
