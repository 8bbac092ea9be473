"""What `azblob://ACCOUNT/CONTAINER/PREFIX` means, and with which identity it is opened.

A secret comes from the environment only, under the names that the Azure CLI reads too, and goes
nowhere but to the SDK.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.storage.blob import ContainerClient

from vmssplan.errors import UsageInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTION_STRING = "AZURE_STORAGE_CONNECTION_STRING"
KEY = "AZURE_STORAGE_KEY"
SAS_TOKEN = "AZURE_STORAGE_SAS_TOKEN"  # noqa: S105 - the name of a variable
EXPECTED = "expected azblob://ACCOUNT/CONTAINER[/PREFIX]"

BLOB_SUFFIXES = {
    "AzureCloud": "blob.core.windows.net",
    "AzureChinaCloud": "blob.core.chinacloudapi.cn",
    "AzureUSGovernment": "blob.core.usgovcloudapi.net",
}
AUTHORITIES = {
    "AzureCloud": "https://login.microsoftonline.com",
    "AzureChinaCloud": "https://login.chinacloudapi.cn",
    "AzureUSGovernment": "https://login.microsoftonline.us",
}
PATIENCE: dict[str, Any] = {
    # An append waits for its answer, so better a few quick tries than the SDK's minute of pauses.
    "initial_backoff": 1,
    "increment_base": 2,
    "random_jitter_range": 1,
    "retry_total": 3,
    "connection_timeout": 10,
    "read_timeout": 20,
}


@dataclass(frozen=True, slots=True)
class BlobPlace:
    """A folder in a container; `prefix` is empty or ends with a slash."""

    endpoint: str
    account: str
    container: str
    prefix: str

    def __str__(self) -> str:
        """Name it in messages."""
        return f"{self.endpoint}/{self.container}/{self.prefix}".rstrip("/")


def parse_place(text: str, cloud: str) -> BlobPlace:
    """Read `azblob://ACCOUNT/CONTAINER[/PREFIX]` or `azblob+https://HOST/...`, or UsageInvalid.

    With an explicit endpoint the account is the first label of the host, or, where the host is an
    IP address or a name without dots as emulators have, the first part of the path.
    """
    url = urlsplit(text)
    if url.query or url.fragment or url.username is not None:
        raise UsageInvalid(
            "--state holds a secret or something else after the address",
            hint=f"{EXPECTED}, and a SAS token in {SAS_TOKEN}",
        )
    parts = [part for part in url.path.split("/") if part]
    host = url.hostname or ""
    if url.scheme == "azblob":
        if cloud not in BLOB_SUFFIXES:
            raise UsageInvalid(f"{cloud!r} is no cloud; expected one of {', '.join(BLOB_SUFFIXES)}")
        account, endpoint = host, f"https://{host}.{BLOB_SUFFIXES[cloud]}"
    elif _has_account_in_path(host):
        account = parts.pop(0) if parts else ""
        endpoint = f"{url.scheme.removeprefix('azblob+')}://{url.netloc}/{account}"
    else:
        account = host.partition(".")[0]
        endpoint = f"{url.scheme.removeprefix('azblob+')}://{url.netloc}"
    if url.scheme not in ("azblob", "azblob+http", "azblob+https"):
        raise UsageInvalid(f"{text!r} is no place for state; {EXPECTED}")
    if re.fullmatch(r"[a-z0-9-]{3,63}", account) is None:
        raise UsageInvalid(f"{text!r} has no storage account; {EXPECTED}")
    if not parts or re.fullmatch(r"[a-z0-9](-?[a-z0-9]){2,62}", parts[0]) is None:
        raise UsageInvalid(
            f"{text!r} has no container", hint=f"{EXPECTED}; containers have small letters"
        )
    return BlobPlace(endpoint, account, parts[0], "".join(f"{part}/" for part in parts[1:]))


def open_container(place: BlobPlace, cloud: str, environment: Mapping[str, str]) -> ContainerClient:
    """Return the SDK's client of the container; no request is made yet. Raises UsageInvalid."""
    return ContainerClient(
        place.endpoint,
        place.container,
        credential=_credential(place, cloud, environment),
        **PATIENCE,
    )


def _credential(place: BlobPlace, cloud: str, environment: Mapping[str, str]) -> Any:
    given = environment.get(CONNECTION_STRING)
    if given:
        fields = dict(part.split("=", 1) for part in given.split(";") if "=" in part)
        account = fields.get("AccountName", place.account)
        if account != place.account:
            raise UsageInvalid(
                f"{CONNECTION_STRING} is for the account {account!r}, --state for {place.account!r}"
            )
        if "AccountKey" in fields:
            return _key(place, fields["AccountKey"], CONNECTION_STRING)
        if "SharedAccessSignature" in fields:
            return AzureSasCredential(fields["SharedAccessSignature"])
        raise UsageInvalid(f"{CONNECTION_STRING} has no AccountKey and no SharedAccessSignature")
    if key := environment.get(KEY):
        return _key(place, key, KEY)
    if token := environment.get(SAS_TOKEN):
        return AzureSasCredential(token)
    if not place.endpoint.startswith("https:"):
        raise UsageInvalid(
            f"a login is not sent over http, which {place.endpoint} is",
            hint=f"use https, or a key in {KEY} for an emulator",
        )
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - half a second to import

    return DefaultAzureCredential(authority=AUTHORITIES.get(cloud))


def _key(place: BlobPlace, key: str, source: str) -> AzureNamedKeyCredential:
    try:
        base64.b64decode(key, validate=True)
    except binascii.Error as error:
        raise UsageInvalid(f"{source} holds no storage account key") from error
    return AzureNamedKeyCredential(place.account, key)


def _has_account_in_path(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return True
