"""The script that turns a shell towards a simulator."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from vmss_simulator.endpoint import Endpoint
from vmss_simulator.environment import shell_script

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the script is for POSIX shells")
ENDPOINT = Endpoint(
    endpoint="https://127.0.0.1:8443",
    ca_file="/it's a folder/$HOME/ca.pem",
    admin_url="https://127.0.0.1:8443/_sim",
    subscription_id="sub",
    tenant_id="tenant",
    client_id="client",
    client_secret="a 'secret' \"with\" $signs `and` more\\",  # noqa: S106 - made up
    identity_header="header",
)
SHELLS = [each for each in ("sh", "bash", "dash", "zsh") if shutil.which(each)]
NO_AZ = "The SDKs talk to the simulator at https://127.0.0.1:8443; there is no az here."


def source(shell: str, folder: Path, commands: str = "env -0", **extra: str) -> tuple[str, str]:
    """Source the script twice in a shell without az; return what was said, and the rest."""
    path = folder / "env of mine.sh"
    text = shell_script(
        ENDPOINT,
        path=str(path),
        config_folder=str(folder / "it's azure"),
        aliases={"OTHER_NAME": "AZURE_RESOURCE_MANAGER_URL"},
    )
    path.write_text(text, encoding="utf-8")
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name in (shell, "env"):
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to(str(shutil.which(name)))
    done = subprocess.run(
        [programs / shell, "-euc", f'. "$SCRIPT"; . "$SCRIPT"; {commands}'],
        env={"PATH": str(programs), "SCRIPT": str(path), **extra},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    first, second, rest = done.stdout.split("\n", 2)
    assert first == second
    return first, rest


def variables(shell: str, folder: Path, **extra: str) -> dict[str, str]:
    """Return the variables of the shell after sourcing the script."""
    _, printed = source(shell, folder, **extra)
    return dict(each.split("=", 1) for each in printed.split("\0") if each)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gets_every_value_unharmed(shell: str, tmp_path: Path) -> None:
    """Quotes, dollars and spaces in paths and secrets arrive as they are, in every shell."""
    found = variables(shell, tmp_path)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        assert found[name] == ENDPOINT.ca_file
    assert found["AZURE_CLIENT_SECRET"] == ENDPOINT.client_secret
    assert found["AZURE_CLIENT_ID"] == "client"
    assert found["AZURE_TENANT_ID"] == "tenant"
    assert found["AZURE_SUBSCRIPTION_ID"] == "sub"
    assert (
        found["AZURE_AUTHORITY_HOST"] == found["AZURE_RESOURCE_MANAGER_URL"] == (ENDPOINT.endpoint)
    )
    assert found["OTHER_NAME"] == ENDPOINT.endpoint
    assert found["IDENTITY_ENDPOINT"] == "https://127.0.0.1:8443/msi/token"
    assert found["AZURE_CONFIG_DIR"] == str(tmp_path / "it's azure")
    assert found["AZURE_CORE_INSTANCE_DISCOVERY"] == "false"


def test_without_az_the_script_says_so(tmp_path: Path) -> None:
    """A shell without az is set up for the SDKs, and is told that there is no az."""
    assert source("sh", tmp_path, commands=":") == (NO_AZ, "")


def test_other_ways_to_log_in_are_cleared(tmp_path: Path) -> None:
    """What the libraries would find first is gone."""
    found = variables("sh", tmp_path, MSI_ENDPOINT="http://x", AZURE_USERNAME="me", KEPT="yes")
    assert "MSI_ENDPOINT" not in found
    assert "AZURE_USERNAME" not in found
    assert found["KEPT"] == "yes"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "127.0.0.1"),
        ({"no_proxy": "corp"}, "127.0.0.1,corp"),
        ({"no_proxy": "a,127.0.0.1,b"}, "a,127.0.0.1,b"),
        ({"NO_PROXY": "corp"}, "127.0.0.1,corp"),
    ],
)
def test_a_proxy_is_passed_by(before: dict[str, str], after: str, tmp_path: Path) -> None:
    """The simulator is reached directly, and sourcing twice adds it once."""
    found = variables("sh", tmp_path, **before)
    assert found["no_proxy"] == found["NO_PROXY"] == after


def test_a_failing_az_is_told_and_harms_nothing(tmp_path: Path) -> None:
    """Where az cannot log in the script says so, and the shell lives on."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "az").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (programs / "az").chmod(0o755)
    path = tmp_path / "env.sh"
    path.write_text(
        shell_script(ENDPOINT, path="env.sh", config_folder=str(tmp_path)), encoding="utf-8"
    )
    done = subprocess.run(
        [str(shutil.which("sh")), "-euc", f". {path}; echo alive"],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "alive\n"
    assert done.stderr == (
        "az cannot log in at https://127.0.0.1:8443: is the simulator running?\n"
    )
