"""Where a server answers and how to log in: for the ready file, and for who starts a server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmss_simulator.private_files import write_private

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server answers and how to log in; what the ready file says.

    The credentials are the same for every simulator and are no secret.
    """

    endpoint: str
    ca_file: str
    admin_url: str
    subscription_id: str
    tenant_id: str
    client_id: str
    client_secret: str
    identity_header: str

    def document(self) -> dict[str, str]:
        """Return the ready file's JSON object."""
        return {
            "endpoint": self.endpoint,
            "caFile": self.ca_file,
            "adminUrl": self.admin_url,
            "subscriptionId": self.subscription_id,
            "tenantId": self.tenant_id,
            "clientId": self.client_id,
            "clientSecret": self.client_secret,
        }


def write_ready_file(path: Path, endpoint: Endpoint) -> None:
    """Write the ready file in one piece, readable by its owner only."""
    write_private(path, json.dumps(endpoint.document(), indent=2) + "\n")
