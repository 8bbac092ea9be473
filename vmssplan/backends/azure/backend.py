"""`ports.Backend` over the asynchronous SDK clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

from azure.core import MatchConditions
from azure.core.rest import HttpRequest
from azure.mgmt.compute.aio import ComputeManagementClient

from vmssplan.backends.arm_documents import (
    read_addresses,
    read_deprecation,
    read_operation,
    read_scale_set,
    write_model,
)
from vmssplan.backends.autoscale_documents import place_of
from vmssplan.backends.azure.answers import Heard
from vmssplan.backends.azure.clouds import CLOUDS
from vmssplan.backends.azure.failures import translated
from vmssplan.backends.azure.images import list_versions
from vmssplan.backends.azure.logs import CleanLoggingPolicy
from vmssplan.backends.azure.request_log import RequestLog
from vmssplan.backends.azure.starting import started
from vmssplan.errors import NotFound, UsageInvalid
from vmssplan.model import (
    Deprecation,
    ImageReference,
    ModelFields,
    OperationReport,
    OperationStatus,
    PlatformImage,
    ScaleSet,
    ScaleSetId,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from azure.core.credentials_async import AsyncTokenCredential
    from azure.mgmt.monitor.aio import MonitorManagementClient

    from vmssplan.model import AutoscaleSetting, ListedScaleSet, Told
    from vmssplan.operating import Protection, Switch
    from vmssplan.permissions import Permission
    from vmssplan.ports import OperationHandle, Pacing

_CONNECT_SECONDS = 20
_READ_SECONDS = 120
_ACCEPTED = 202
_INTERFACES_VERSION = "2018-10-01"
_MAY_NOT_SEE_ADDRESSES = (
    "probes of every instance need the permission"
    " Microsoft.Compute/virtualMachineScaleSets/networkInterfaces/read"
)
_ROLLING = frozenset({"rollingforward", "rollingback"})


class AzureBackend:
    """`ports.Backend` over the asynchronous SDK clients, one of a kind a subscription.

    `endpoint` and `scope` say where Azure Resource Manager is; `transport` puts the SDK on
    something else than sockets. The credential is closed with the backend.
    """

    def __init__(
        self,
        credential: AsyncTokenCredential,
        *,
        endpoint: str = CLOUDS["AzureCloud"].resource_manager,
        scope: str = CLOUDS["AzureCloud"].scope,
        ca_file: Path | None = None,
        transport: Any = None,
    ) -> None:
        self._credential = credential
        self._endpoint = endpoint.rstrip("/")
        self._options: dict[str, Any] = {
            "credential_scopes": [scope],
            "retry_total": 0,
            "http_logging_policy": CleanLoggingPolicy(),
            "per_retry_policies": [RequestLog()],
            "connection_timeout": _CONNECT_SECONDS,
            "read_timeout": _READ_SECONDS,
        }
        if ca_file is not None:
            self._options["connection_verify"] = str(ca_file)
        if transport is not None:
            self._options["transport"] = transport
        self._clients: dict[str, ComputeManagementClient] = {}
        self._monitors: dict[str, MonitorManagementClient] = {}
        self._subscription_id: str | None = None

    @classmethod
    def connect(
        cls,
        *,
        cloud: str = "AzureCloud",
        endpoint: str | None = None,
        ca_file: Path | None = None,
    ) -> Self:
        """Use whoever is logged in here (DefaultAzureCredential); sends nothing yet.

        `endpoint` replaces the cloud's own resource manager. Raises UsageInvalid for a cloud
        that there is not.
        """
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415 - half a second

        known = CLOUDS.get(cloud)
        if known is None:
            raise UsageInvalid(f"{cloud!r} is no cloud; expected one of {', '.join(CLOUDS)}")
        return cls(
            DefaultAzureCredential(authority=known.authority),
            endpoint=endpoint or known.resource_manager,
            scope=known.scope,
            ca_file=ca_file,
        )

    @classmethod
    def connect_simulator(
        cls,
        *,
        endpoint: str,
        ca_file: Path | None,
        tenant_id: str,
        client_id: str,
        client_secret: str,
    ) -> Self:
        """Log in to a simulator with a client secret, as a service principal does to Azure."""
        from azure.identity.aio import ClientSecretCredential  # noqa: PLC0415 - half a second

        trust = {} if ca_file is None else {"connection_verify": str(ca_file)}
        credential = ClientSecretCredential(
            tenant_id,
            client_id,
            client_secret,
            # Logins are at the server itself, whichever of its worlds the path of the endpoint is.
            authority=f"https://{urlsplit(endpoint).netloc}",
            disable_instance_discovery=True,
            retry_total=0,
            **trust,
        )
        return cls(credential, endpoint=endpoint, ca_file=ca_file)

    async def observe(self, target: ScaleSetId) -> tuple[ScaleSet, Pacing]:
        """Read the set and one list of its instances with their instance views."""
        self._subscription_id = target.subscription_id
        client = self._client(target.subscription_id)
        heard = Heard()
        with translated(is_read=True):
            await client.virtual_machine_scale_sets.get(
                target.resource_group, target.name, raw_response_hook=heard
            )
            raw = heard.last_document()
            vms: list[dict[str, Any]] = []
            pages = client.virtual_machine_scale_set_vms.list(
                target.resource_group, target.name, expand="instanceView", raw_response_hook=heard
            ).by_page()
            async for _ in pages:
                vms += heard.last_document().get("value") or []
        return read_scale_set(raw, target, vms), heard.pacing()

    async def operation_report(self, operation: OperationHandle) -> tuple[OperationReport, Pacing]:
        """Read the status of an operation, by either kind of address Azure names.

        `Azure-AsyncOperation` answers a document; `Location` 202 while it runs and 200 after.
        """
        heard = Heard()
        with translated(is_read=True):
            response = await self._latest_client().send_request(
                HttpRequest("GET", operation.address), raw_response_hook=heard
            )
            response.raise_for_status()
        if response.status_code == _ACCEPTED:
            return OperationReport(OperationStatus.IN_PROGRESS), heard.pacing()
        if not response.content:
            return OperationReport(OperationStatus.SUCCEEDED), heard.pacing()
        return read_operation(response.json()), heard.pacing()

    async def rolling_upgrade_in_progress(self, target: ScaleSetId) -> bool:
        """Tell whether Azure's own rolling upgrade is running; 404 means there never was one."""
        client = self._client(target.subscription_id)
        heard = Heard()
        try:
            with translated(is_read=True):
                await client.virtual_machine_scale_set_rolling_upgrades.get_latest(
                    target.resource_group, target.name, raw_response_hook=heard
                )
        except NotFound:
            return False
        properties = heard.last_document().get("properties") or {}
        code = str((properties.get("runningStatus") or {}).get("code") or "")
        return code.casefold() in _ROLLING

    async def image_versions(self, image: ImageReference, location: str) -> Sequence[str]:
        """List the versions that `latest` may mean, oldest first.

        The platform's and other people's images are asked for in the subscription of the scale
        set observed last.
        """
        with translated(is_read=True):
            return await list_versions(self._client, self._latest_client, image, location)

    async def image_deprecation(self, image: PlatformImage, location: str) -> Deprecation | None:
        """Read the `imageDeprecationStatus` of an exact version; None for nothing.

        Asked in the subscription of the scale set observed last, as its versions are.
        """
        heard = Heard()
        with translated(is_read=True):
            await self._latest_client().virtual_machine_images.get(
                location,
                image.publisher,
                image.offer,
                image.sku,
                image.version,
                raw_response_hook=heard,
            )
        return read_deprecation(heard.last_document())

    async def sizes(self, target: ScaleSetId) -> Sequence[str]:
        """List the sizes that the set may have (`skus` of the set)."""
        client = self._client(target.subscription_id)
        with translated(is_read=True):
            listed = client.virtual_machine_scale_sets.list_skus(target.resource_group, target.name)
            return [each.sku.name async for each in listed if each.sku and each.sku.name]

    async def write_model(
        self, target: ScaleSetId, fields: ModelFields, etag: str
    ) -> OperationHandle | None:
        """PATCH only these fields, with If-Match; None when it was done at once."""
        body: Any = write_model(fields)
        sets = self._client(target.subscription_id).virtual_machine_scale_sets
        return await started(
            sets.begin_update,
            target.resource_group,
            target.name,
            body,
            etag=etag,
            match_condition=MatchConditions.IfNotModified,
        )

    async def upgrade_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Start the manual upgrade of these instances, in one call."""
        body: Any = {"instanceIds": list(instance_ids)}
        sets = self._client(target.subscription_id).virtual_machine_scale_sets
        return await started(sets.begin_update_instances, target.resource_group, target.name, body)

    async def reimage_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Start the reimage of these instances, in one call."""
        body: Any = {"instanceIds": list(instance_ids)}
        sets = self._client(target.subscription_id).virtual_machine_scale_sets
        return await started(sets.begin_reimage, target.resource_group, target.name, body)

    async def autoscale_settings(self, target: ScaleSetId) -> Sequence[AutoscaleSetting]:
        """List the autoscale settings that scale this set, disabled ones too."""
        from vmssplan.backends.azure.autoscale import find_settings  # noqa: PLC0415 - rarely needed

        return await find_settings(self._monitor(target.subscription_id), target)

    async def write_autoscale(self, setting: AutoscaleSetting) -> None:
        """Give the profiles named there these capacities, and change nothing else of it."""
        from vmssplan.backends.azure.autoscale import write_setting  # noqa: PLC0415 - rarely needed

        subscription_id, _, _ = place_of(setting)
        await write_setting(self._monitor(subscription_id), setting)

    async def addresses(self, target: ScaleSetId) -> Mapping[str, str]:
        """Return the private address of each instance's primary interface, by instance id.

        Empty for a Flexible set: the network provider, which answers below the set's own path,
        knows Uniform sets only (azure-cli#27341).
        """
        address = f"{quote(target.resource_id)}/networkInterfaces"
        request = HttpRequest("GET", address, params={"api-version": _INTERFACES_VERSION})
        client = self._client(target.subscription_id)
        listed: list[dict[str, Any]] = []
        try:
            with translated(is_read=True, when_forbidden=_MAY_NOT_SEE_ADDRESSES):
                while True:
                    response = await client.send_request(request)
                    response.raise_for_status()
                    page = response.json()
                    listed += page.get("value") or []
                    if not page.get("nextLink"):
                        break
                    request = HttpRequest("GET", page["nextLink"])
        except NotFound:
            return {}
        return read_addresses(listed)

    async def permissions(self, scope: str) -> Sequence[Permission]:
        """List what the caller may do there: a resource, a resource group or a subscription."""
        from vmssplan.backends.azure.access import list_permissions  # noqa: PLC0415 - rarely needed

        return await list_permissions(self._client(scope.split("/")[2]), scope)

    async def scale_sets(self, subscription_id: str) -> Sequence[ListedScaleSet]:
        """List the scale sets of a subscription, as Azure orders them."""
        from vmssplan.backends.azure.directory import list_scale_sets  # noqa: PLC0415 - for pages

        return await list_scale_sets(self._client(subscription_id))

    async def told(self, target: ScaleSetId, instance_id: str) -> Sequence[Told]:
        """Read every status of one instance's view, in Azure's own words."""
        from vmssplan.backends.azure.directory import read_view  # noqa: PLC0415 - for pages

        return await read_view(self._client(target.subscription_id), target, instance_id)

    async def switch_instances(
        self, target: ScaleSetId, switch: Switch, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Turn these instances on or off, in one call."""
        from vmssplan.backends.azure import instance_work  # noqa: PLC0415 - rarely needed

        client = self._client(target.subscription_id)
        return await instance_work.switch_instances(client, target, switch, instance_ids)

    async def delete_instances(
        self, target: ScaleSetId, instance_ids: Sequence[str]
    ) -> OperationHandle | None:
        """Delete these instances, in one call."""
        from vmssplan.backends.azure import instance_work  # noqa: PLC0415 - rarely needed

        client = self._client(target.subscription_id)
        return await instance_work.delete_instances(client, target, instance_ids)

    async def protect_instance(
        self, target: ScaleSetId, instance_id: str, protection: Protection
    ) -> OperationHandle | None:
        """Write the whole protection policy of one instance, and nothing else of it."""
        from vmssplan.backends.azure import instance_work  # noqa: PLC0415 - rarely needed

        client = self._client(target.subscription_id)
        return await instance_work.protect_instance(client, target, instance_id, protection)

    async def write_capacity(
        self, target: ScaleSetId, capacity: int, etag: str
    ) -> OperationHandle | None:
        """PATCH only the capacity, with If-Match."""
        from vmssplan.backends.azure import instance_work  # noqa: PLC0415 - rarely needed

        client = self._client(target.subscription_id)
        return await instance_work.set_capacity(client, target, capacity, etag)

    async def aclose(self) -> None:
        """Close the clients and the credential."""
        for client in self._clients.values():
            await client.close()
        for monitor in self._monitors.values():
            await monitor.close()
        await self._credential.close()

    def _client(self, subscription_id: str) -> ComputeManagementClient:
        client = self._clients.get(subscription_id)
        if client is None:
            client = ComputeManagementClient(
                self._credential, subscription_id, self._endpoint, **self._options
            )
            self._clients[subscription_id] = client
        return client

    def _monitor(self, subscription_id: str) -> MonitorManagementClient:
        client = self._monitors.get(subscription_id)
        if client is None:
            from azure.mgmt.monitor.aio import MonitorManagementClient  # noqa: PLC0415 - heavy

            client = MonitorManagementClient(
                self._credential, subscription_id, self._endpoint, **self._options
            )
            self._monitors[subscription_id] = client
        return client

    def _latest_client(self) -> ComputeManagementClient:
        if self._subscription_id is None:
            raise ValueError("no scale set was observed yet, so no subscription is known")
        return self._client(self._subscription_id)
