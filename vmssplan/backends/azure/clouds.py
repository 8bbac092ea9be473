"""The clouds of Azure: where each has its resource manager and its login."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where a cloud's resource manager and its login are, and what tokens are asked for."""

    resource_manager: str
    scope: str
    authority: str


CLOUDS = {
    "AzureCloud": Cloud(
        "https://management.azure.com",
        "https://management.azure.com/.default",
        "https://login.microsoftonline.com",
    ),
    "AzureChinaCloud": Cloud(
        "https://management.chinacloudapi.cn",
        "https://management.chinacloudapi.cn/.default",
        "https://login.chinacloudapi.cn",
    ),
    "AzureUSGovernment": Cloud(
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net/.default",
        "https://login.microsoftonline.us",
    ),
}
"""By the names `az cloud list` uses."""
