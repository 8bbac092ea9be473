"""Logging in with the real az: by hand, by the script a server writes, and wrongly."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.az.client import CLOUD, FOLDER, Az, clean_environment

if TYPE_CHECKING:
    from tests.e2e.program import Simulator

SHELLS = ["sh", "bash", *(["zsh"] if shutil.which("zsh") else [])]


def test_cloud_and_account_are_the_simulators(az: Az, simulator: Simulator) -> None:
    """After registering and logging in, cloud, account, token and locations are the simulator's."""
    cloud = az("cloud", "show", "--name", CLOUD)
    ready = simulator.ready
    assert cloud["endpoints"]["resourceManager"] == ready["endpoint"]
    assert cloud["endpoints"]["activeDirectory"] == ready["endpoint"]
    (account,) = az("account", "list")
    assert (account["id"], account["tenantId"]) == (ready["subscriptionId"], ready["tenantId"])
    assert account["user"] == {"name": ready["clientId"], "type": "servicePrincipal"}
    token = az("account", "get-access-token")
    assert (token["tenant"], token["tokenType"]) == (ready["tenantId"], "Bearer")
    names = az("account", "list-locations", "--query", "[].name")
    assert "westeurope" in names
    assert az("provider", "show", "--namespace", "Microsoft.Compute")["registrationState"] == (
        "Registered"
    )


def test_resource_groups_are_there_and_are_made(az: Az) -> None:
    """A scale set's group is there; others are created, tagged, found and deleted."""
    assert az("group", "list", "--query", "[].name") == ["fleet"]
    assert az("group", "exists", "--name", "other") is False
    made = az("group", "create", "--name", "other", "--location", "westus", "--tags", "a=b")
    assert (made["location"], made["tags"]) == ("westus", {"a": "b"})
    assert az("group", "exists", "--name", "OTHER") is True
    assert az("group", "show", "--name", "other") == made
    az("group", "delete", "--name", "other", "--yes")
    assert "(ResourceGroupNotFound)" in az.refused("group", "show", "--name", "other").text


def test_wrong_secret_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    """A wrong secret ends the login with the service's own code, and nobody is logged in."""
    az = Az(clean_environment(simulator, tmp_path))
    ready = simulator.ready
    az("cloud", "register", "--name", CLOUD, "--endpoint-resource-manager", ready["endpoint"])
    az("cloud", "set", "--name", CLOUD)
    login = ("login", "--service-principal", "--username", ready["clientId"])
    refused = az.refused(*login, "--password", "guess", "--tenant", ready["tenantId"])
    assert "AADSTS7000215" in refused.text
    assert "az login" in az.refused("vmss", "list").text


@pytest.mark.skipif(os.name == "nt", reason="the script is for POSIX shells")
@pytest.mark.parametrize("shell", SHELLS)
def test_sourced_script_sets_a_shell_up(simulator: Simulator, tmp_path: Path, shell: str) -> None:
    """Sourcing env.sh, even twice, is all a shell needs to work on the simulator with az."""
    script = Path(simulator.ready["caFile"]).parent / "env.sh"
    environment = clean_environment(simulator, tmp_path)
    environment["PATH"] = f"{FOLDER}{os.pathsep}{environment['PATH']}"
    commands = f". '{script}' && . '{script}' >&2 && az vmss list --output json"
    done = subprocess.run(
        [shell, "-euc", commands],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said, _, listed = done.stdout.partition("\n")
    assert said == f"az and the SDKs talk to the simulator at {simulator.ready['endpoint']}."
    assert "api" in [each["name"] for each in json.loads(listed)]


def test_managed_identity_logs_in(simulator: Simulator, tmp_path: Path) -> None:
    """`az login --identity` gets its token from the address an App Service would name."""
    environment = clean_environment(simulator, tmp_path)
    environment["IDENTITY_ENDPOINT"] = f"{simulator.ready['endpoint']}/msi/token"
    environment["IDENTITY_HEADER"] = "simulator-identity-header"
    az = Az(environment)
    endpoint = simulator.ready["endpoint"]
    az("cloud", "register", "--name", CLOUD, "--endpoint-resource-manager", endpoint)
    az("cloud", "set", "--name", CLOUD)
    (account,) = az("login", "--identity")
    assert account["tenantId"] == simulator.ready["tenantId"]
    assert az("vmss", "list", "--query", "[].name") is not None
