"""No secret that Azure's answers can carry reaches a file, the terminal or a log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import Program, Result
from tests.support.planting import MARK, PlantingDoor
from tests.worlds import NEW, WEB, make_world
from vmss_simulator.arm.settings import CLIENT_SECRET, Settings, TokenPolicy
from vmss_simulator.effects import FailWork, RefuseRequest
from vmss_simulator.faults import FaultRule
from vmss_simulator.server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAN = f"""\
apiVersion: vmssplan/v1
kind: Plan
metadata: {{name: web}}
target: {{subscriptionId: {WEB.subscription_id}, resourceGroup: myrg, scaleSet: web}}
model:
  image: {{publisher: Contoso, offer: server, sku: gen2, version: {NEW}}}
strategy: {{type: fixedBatch, batchSize: 2}}
availability: {{maxUnavailable: 2}}
"""
FAULTS = (
    FaultRule(
        "one fails",
        FailWork("VMExtensionProvisioningError", "The extension failed."),
        operations=("upgrade",),
        instance_ids=("3",),
        times=1,
    ),
    FaultRule("busy", RefuseRequest(409, "Conflict", "Busy."), operations=("upgrade",), nth=1),
)
FORBIDDEN = FaultRule(
    "forbidden", RefuseRequest(403, "AuthorizationFailed", "No."), operations=("getScaleSet",)
)


@dataclass(frozen=True, slots=True)
class Session:
    """The program before a door that plants, with logs as loud as can be."""

    program: Program
    door: PlantingDoor
    options: tuple[str, ...]

    def run(self, *arguments: str | Path, to_service: bool = True) -> Result:
        """Run a command; what it prints is free of secrets."""
        options = self.options if to_service else ()
        loud = {"VMSSPLAN_DEBUG": "1", "VMSSPLAN_LOG_LEVEL": "debug"}
        done = self.program.run(*arguments, *options, **loud)
        assert found_in(done.text, self.door) == [], arguments
        return done


def found_in(text: str, door: PlantingDoor) -> list[str]:
    """Return the lines with a planted secret, an access token or the client's secret in them."""
    secrets = [MARK, CLIENT_SECRET, *door.tokens]
    return [line for line in text.splitlines() if any(each in line for each in secrets)]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Serve four instances with a door that plants."""
    world = make_world(capacity=4)
    world.add_faults(FAULTS)
    settings = Settings(subscription_ids=world.subscription_ids(), tokens=TokenPolicy.ISSUED)
    door = PlantingDoor(world, settings, wall_time=lambda: datetime.now(UTC))
    for name in ("serve", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "work" / "web.yaml").write_text(PLAN, "utf-8")
    with serving(door, folder=tmp_path / "serve") as running:
        ca_file = str(tmp_path / "serve" / "ca.pem")
        options = ("--endpoint", running.endpoint.endpoint, "--ca-file", ca_file)
        yield Session(Program(tmp_path / "work"), door, options)


def test_a_session_of_commands_keeps_no_planted_secret(session: Session) -> None:
    """Validate, plan, show, apply, status, resume, snapshot: nothing planted is anywhere after."""
    folder = session.program.folder
    codes = [
        session.run("validate", "web.yaml", to_service=False).code,
        session.run("plan", "web.yaml", "--out", "rollout.json").code,
        session.run("plan", "web.yaml", "--json").code,
        session.run("show", "rollout.json", "--json", to_service=False).code,
        session.run("apply", "rollout.json", "--auto-approve", "--json").code,
        session.run("status", to_service=False).code,
        session.run("plan", "web.yaml").code,
        session.run("resume").code,
        session.run("status", "web-1", to_service=False).code,
        session.run("snapshot", "web.yaml", "--out", "live.yaml").code,
        session.run("report", "web-1", "--out", "report.html", to_service=False).code,
    ]
    assert codes == [0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0]
    journal = (folder / ".vmssplan/runs/web-1/journal.jsonl").read_text("utf-8")
    assert "VMExtensionProvisioningError" in journal
    assert "sig=***" in journal, "the failure was told with secrets in it"
    session.door.world.add_faults([FORBIDDEN])
    refused = session.run("plan", "web.yaml")
    assert refused.code == 3
    assert "Request URL" in refused.err, "the SDK's own log is there"
    assert "AuthorizationFailed" in refused.err
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {
        "rollout.json",
        "journal.jsonl",
        "live.yaml",
        "report.html",
    }
    for path in files:
        assert found_in(path.read_text("utf-8"), session.door) == [], path
    assert session.door.tokens, "the program logged in"


def test_the_door_plants_in_what_is_known_to_hold_secrets() -> None:
    """What the test above looks for is there, in the fields that the SDK has for secrets."""
    door = PlantingDoor(make_world(capacity=1))
    answered = door.respond(
        "GET", WEB.resource_id, "api-version=2026-04-01", {"authorization": "Bearer any"}
    )
    properties = json.loads(answered.body)["properties"]["virtualMachineProfile"]
    system, extension = properties["osProfile"], properties["extensionProfile"]["extensions"][0]
    windows, linux = system["windowsConfiguration"], system["linuxConfiguration"]
    for place in (
        system["customData"],
        system["adminPassword"],
        system["secrets"][0]["vaultCertificates"][0]["certificateUrl"],
        linux["ssh"]["publicKeys"][0]["keyData"],
        windows["additionalUnattendContent"][0]["content"],
        properties["userData"],
        extension["properties"]["settings"]["key"],
        extension["properties"]["protectedSettings"]["key"],
        extension["properties"]["protectedSettingsFromKeyVault"]["secretUrl"],
        properties["diagnosticsProfile"]["bootDiagnostics"]["storageUri"],
        answered.headers["set-cookie"],
    ):
        assert MARK in place
