"""The real service: `ports.Backend` over azure-mgmt-compute; only here azure is imported.

The SDK neither retries nor polls here: every wait is the executor's, on its own clock. A
long-running operation is the address its first answer names, read one request at a time.
Azure's errors end here; what leaves is an error of `errors`, raised from Azure's own.
Requests are logged without bodies, tokens and queries.
"""

from vmssplan.backends.azure.backend import AzureBackend
from vmssplan.backends.azure.clouds import CLOUDS, Cloud

__all__ = ["CLOUDS", "AzureBackend", "Cloud"]
