"""The real Azure CLI as a program, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.e2e.program import Simulator

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv-az" / ("Scripts" if os.name == "nt" else "bin")
PROGRAM = FOLDER / ("az.bat" if os.name == "nt" else "az")
CLOUD = "VmssSimulator"
GROUP = "fleet"
_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Refusal:
    """How az ended a command that did not succeed."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Az:
    """az with its own environment, towards one simulator."""

    environment: Mapping[str, str]

    def __call__(self, *arguments: str | Path) -> Any:
        """Run a command that succeeds; return the JSON it prints, None when it prints none."""
        done = self._run(*arguments)
        assert done.returncode == 0, f"az {' '.join(map(str, arguments))}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *arguments: str | Path) -> Refusal:
        """Run a command that az reports as failed."""
        done = self._run(*arguments)
        assert done.returncode != 0, done.stdout
        return Refusal(done.returncode, done.stderr)

    def _run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *map(str, arguments), "--only-show-errors", "--output", "json"],
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )


def clean_environment(simulator: Simulator, folder: Path) -> dict[str, str]:
    """Return what az needs to trust a simulator, with a configuration of its own and no login."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AZURE_", "ARM_", "IDENTITY_", "MSI_", "VMSSPLAN_"))
        and not name.casefold().endswith("_proxy")
    }
    return {
        **kept,
        "AZURE_CONFIG_DIR": str(folder),
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
        "REQUESTS_CA_BUNDLE": simulator.ready["caFile"],
    }


@dataclass(frozen=True, slots=True)
class ScaleSetOf:
    """The commands of `az vmss` on one scale set."""

    az: Az
    name: str

    def __call__(self, *verb_and_options: str) -> Any:
        """Run `az vmss VERB` on the set."""
        return self.az("vmss", *verb_and_options, "--resource-group", GROUP, "--name", self.name)

    def refused(self, *verb_and_options: str) -> Refusal:
        """Run `az vmss VERB` on the set, which fails."""
        return self.az.refused(
            "vmss", *verb_and_options, "--resource-group", GROUP, "--name", self.name
        )

    def instances(self, query: str) -> Any:
        """Return what a query finds in the list of instances, with their instance views."""
        return self("list-instances", "--expand", "instanceView", "--query", query)

    def power(self) -> dict[str, str]:
        """Return the power state of every instance by its id."""
        query = "[].[instanceId, instanceView.statuses[?starts_with(code, 'Power')] | [0].code]"
        return dict(self.instances(query))

    def versions(self) -> dict[str, str]:
        """Return the exact image version of every instance by its id."""
        found = self("list-instances", "--query", "[].[instanceId, storageProfile.imageReference]")
        return {number: reference["exactVersion"] for number, reference in found}


def create(az: Az, name: str, body: Mapping[str, Any], folder: Path) -> ScaleSetOf:
    """Make a scale set by put and wait until it is there.

    `az vmss create` deploys a template with a network and a load balancer, which a simulator of
    scale sets has not; `az rest` sends the set alone.
    """
    document = folder / f"{name}.json"
    document.write_text(json.dumps(body), encoding="utf-8")
    subscription = az("account", "show")["id"]
    path = (
        f"/subscriptions/{subscription}/resourceGroups/{GROUP}/providers/Microsoft.Compute"
        f"/virtualMachineScaleSets/{name}?api-version=2026-04-01"
    )
    az("rest", "--method", "put", "--url", path, "--body", f"@{document}")
    made = ScaleSetOf(az, name)
    made("wait", "--created", "--interval", "1", "--timeout", "60")
    return made
