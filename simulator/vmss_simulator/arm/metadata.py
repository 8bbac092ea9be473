"""What describes the cloud itself: where its endpoints are.

Clients read it before they log in, so that it is open to everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_simulator.arm.call import Route
from vmss_simulator.arm.messages import json_response

if TYPE_CHECKING:
    from typing import Any

    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response

CLOUD_NAME = "VmssSimulator"

_AUDIENCES = ["https://management.core.windows.net/", "https://management.azure.com/"]
# Up to 2015-01-01 one object of another shape, until 2022-09-01 a list of clouds, since then one.
_LAST_FLAT = "2015-01-01"
_FIRST_SINGLE = "2022-09-01"


def endpoints(call: Call) -> Response:
    """Answer the cloud's endpoints, all of which are this door.

    `az cloud register` asks with 2022-09-01. What ARM_CLOUD_METADATA_URL names is expected to
    be a list, which is what older versions and a missing one get.
    """
    version = call.query.get("api-version", "")
    if version and version <= _LAST_FLAT:
        return json_response(_flat(call.request.base_url))
    cloud = _cloud(call.request.base_url)
    return json_response(cloud if version >= _FIRST_SINGLE else [cloud])


def _cloud(base: str) -> dict[str, Any]:
    return {
        "name": CLOUD_NAME,
        "portal": base,
        "authentication": {
            "loginEndpoint": base,
            "audiences": _AUDIENCES,
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "graphAudience": base,
        "graph": base,
        "resourceManager": base,
        "gallery": base,
        "batch": base,
        "sqlManagement": base,
        "vmImageAliasDoc": f"{base}/aliases.json",
        "activeDirectoryDataLake": base,
        "media": base,
        "suffixes": {},
    }


def _flat(base: str) -> dict[str, Any]:
    return {
        "galleryEndpoint": base,
        "graphEndpoint": base,
        "portalEndpoint": base,
        "authentication": {"loginEndpoint": base, "audiences": _AUDIENCES},
    }


ROUTES: tuple[Route, ...] = (Route("GET", "/metadata/endpoints", endpoints, None, None),)
