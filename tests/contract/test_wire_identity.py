"""azure-identity, unmodified, against the HTTPS door: every way it logs in, and is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    ClientSecretCredential,
    CredentialUnavailableError,
    DefaultAzureCredential,
    EnvironmentCredential,
    ManagedIdentityCredential,
)
from azure.mgmt.compute import ComputeManagementClient

from tests.contract.wire_clients import AnyToken
from tests.simulator_worlds import KEY, SUBSCRIPTION, small_world
from vmss_simulator.arm.settings import TokenPolicy
from vmss_simulator.environment import shell_script
from vmss_simulator.server import make_door, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmss_simulator.endpoint import Endpoint

MANAGEMENT = "https://management.azure.com/.default"
UNMODIFIED = """
import asyncio, os
from azure.identity import DefaultAzureCredential
from azure.identity.aio import DefaultAzureCredential as AsyncDefaultAzureCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute.aio import ComputeManagementClient as AsyncComputeManagementClient

there = (os.environ["AZURE_SUBSCRIPTION_ID"], os.environ["AZURE_RESOURCE_MANAGER_URL"])
with DefaultAzureCredential() as login, ComputeManagementClient(login, *there) as client:
    print(*[each.name for each in client.virtual_machine_scale_sets.list_all()])

async def main():
    async with AsyncDefaultAzureCredential() as login:
        async with AsyncComputeManagementClient(login, *there) as client:
            print(*[each.name async for each in client.virtual_machine_scale_sets.list_all()])

asyncio.run(main())
"""


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    """Serve a world that takes no tokens but its own, as `simulator serve` does."""
    door = make_door(small_world(), tokens=TokenPolicy.ISSUED)
    with serving(door, folder=tmp_path) as running:
        yield running.endpoint


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return the environment without anything a credential could find in it."""
    for name in list(os.environ):
        if name.startswith(("AZURE_", "IDENTITY_", "IMDS_", "MSI_")):
            monkeypatch.delenv(name)
    return monkeypatch


def names(endpoint: Endpoint, credential: Any) -> list[str | None]:
    """Return the scale sets a credential can list."""
    with ComputeManagementClient(
        credential, SUBSCRIPTION, endpoint.endpoint, connection_verify=endpoint.ca_file
    ) as client:
        return [each.name for each in client.virtual_machine_scale_sets.list_all()]


def test_client_secret(endpoint: Endpoint) -> None:
    """A service principal with the right secret lists the scale sets."""
    with ClientSecretCredential(
        endpoint.tenant_id,
        endpoint.client_id,
        endpoint.client_secret,
        authority=endpoint.endpoint,
        disable_instance_discovery=True,
        connection_verify=endpoint.ca_file,
    ) as credential:
        assert names(endpoint, credential) == [KEY.name]


def test_unknown_tenant_is_refused(endpoint: Endpoint) -> None:
    """A tenant there is not is an authentication error, not a missing page."""
    with (
        ClientSecretCredential(
            "30000000-0000-4000-8000-000000000003",
            endpoint.client_id,
            endpoint.client_secret,
            authority=endpoint.endpoint,
            disable_instance_discovery=True,
            connection_verify=endpoint.ca_file,
        ) as credential,
        pytest.raises(ClientAuthenticationError),
    ):
        credential.get_token(MANAGEMENT)


@pytest.mark.parametrize("named", [False, True])
def test_managed_identity_of_an_app_service(
    endpoint: Endpoint, bare: pytest.MonkeyPatch, *, named: bool
) -> None:
    """IDENTITY_ENDPOINT and IDENTITY_HEADER are all an application needs."""
    bare.setenv("IDENTITY_ENDPOINT", f"{endpoint.endpoint}/msi/token")
    bare.setenv("IDENTITY_HEADER", endpoint.identity_header)
    who: Any = {"client_id": endpoint.client_id} if named else {}
    with ManagedIdentityCredential(connection_verify=endpoint.ca_file, **who) as credential:
        assert names(endpoint, credential) == [KEY.name]


@pytest.mark.parametrize("named", [False, True])
def test_managed_identity_of_a_virtual_machine(
    endpoint: Endpoint, bare: pytest.MonkeyPatch, *, named: bool
) -> None:
    """AZURE_POD_IDENTITY_AUTHORITY_HOST stands for the instance metadata service."""
    bare.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", endpoint.endpoint)
    who: Any = {"identity_config": {"object_id": endpoint.client_id}} if named else {}
    with ManagedIdentityCredential(connection_verify=endpoint.ca_file, **who) as credential:
        assert names(endpoint, credential) == [KEY.name]


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param(("IDENTITY_ENDPOINT", "IDENTITY_HEADER"), id="app service"),
        pytest.param(("AZURE_POD_IDENTITY_AUTHORITY_HOST",), id="virtual machine"),
    ],
)
def test_an_identity_nobody_assigned_is_unavailable(
    endpoint: Endpoint, bare: pytest.MonkeyPatch, variables: tuple[str, ...]
) -> None:
    """An identity that is not there is no login, in either flavour."""
    values = {
        "IDENTITY_ENDPOINT": f"{endpoint.endpoint}/msi/token",
        "IDENTITY_HEADER": endpoint.identity_header,
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": endpoint.endpoint,
    }
    for name in variables:
        bare.setenv(name, values[name])
    with (
        ManagedIdentityCredential(
            client_id="nobody", connection_verify=endpoint.ca_file
        ) as credential,
        pytest.raises((CredentialUnavailableError, ClientAuthenticationError)),
    ):
        credential.get_token(MANAGEMENT)


@pytest.mark.skipif(os.name == "nt", reason="the script is for POSIX shells")
def test_credentials_from_the_scripts_environment(
    endpoint: Endpoint, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What env.sh sets is enough for EnvironmentCredential and DefaultAzureCredential."""
    for name, value in sourced(endpoint, tmp_path).items():
        if name.startswith(("AZURE_", "IDENTITY_", "REQUESTS_")):
            bare.setenv(name, value)
    with EnvironmentCredential(disable_instance_discovery=True) as credential:
        assert names(endpoint, credential) == [KEY.name]
    with DefaultAzureCredential() as credential:
        assert names(endpoint, credential) == [KEY.name]


@pytest.mark.skipif(os.name == "nt", reason="the script is for POSIX shells")
def test_an_unmodified_program_in_a_sourced_shell(endpoint: Endpoint, tmp_path: Path) -> None:
    """A program that names nobody and no certificate works, synchronous and asynchronous."""
    done = subprocess.run(
        [sys.executable, "-c", UNMODIFIED],
        env=sourced(endpoint, tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "web\nweb\n"), done.stderr


def test_a_made_up_token_is_refused(endpoint: Endpoint) -> None:
    """A server that was not told otherwise takes no token it did not give."""
    with pytest.raises(ClientAuthenticationError, match="InvalidAuthenticationToken"):
        names(endpoint, AnyToken())


def test_an_expired_token_is_refused(tmp_path: Path) -> None:
    """A token outlives its lifetime on the wall clock by nothing, whatever virtual time is."""
    door = make_door(
        small_world(),
        speed=0.001,
        tokens=TokenPolicy.ISSUED,
        token_lifetime=timedelta(seconds=1),
    )
    with serving(door, folder=tmp_path) as running:
        end = running.endpoint
        with ClientSecretCredential(
            end.tenant_id,
            end.client_id,
            end.client_secret,
            authority=end.endpoint,
            disable_instance_discovery=True,
            connection_verify=end.ca_file,
        ) as login:
            kept = login.get_token(MANAGEMENT)
        with pytest.raises(ClientAuthenticationError, match="ExpiredAuthenticationToken"):
            list_until_refused(end, Kept(kept))


def list_until_refused(endpoint: Endpoint, credential: Any) -> None:
    """List the scale sets again and again, until an error ends it."""
    while names(endpoint, credential):
        pass


class Kept:
    """A credential that goes on using one token."""

    def __init__(self, token: Any) -> None:
        self._token = token

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        """Return the token."""
        return self._token


def sourced(endpoint: Endpoint, folder: Path) -> dict[str, str]:
    """Return the environment of a shell that sourced the script, without az on its path."""
    path = folder / "env.sh"
    text = shell_script(endpoint, path=str(path), config_folder=str(folder / "azure"))
    path.write_text(text, encoding="utf-8")
    printed = subprocess.run(
        ["/bin/sh", "-euc", f". '{path}' && /usr/bin/env -0"],
        env={"PATH": str(folder), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    found = dict(each.split("=", 1) for each in printed.partition("\n")[2].split("\0") if each)
    return {**found, "PYTHONPATH": os.pathsep.join(sys.path)}
