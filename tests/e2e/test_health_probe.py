"""Health by a probe of the Plan's own, through the whole program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.program import SCENARIOS
from tests.support.http_server import Server, answering

if TYPE_CHECKING:
    from tests.e2e.program import Program

PLAN = """\
apiVersion: vmssplan/v1
kind: Plan
metadata: {name: probed}
target: {subscriptionId: 00000000-0000-0000-0000-000000000001, resourceGroup: myrg, scaleSet: web}
model:
  image: {publisher: Canonical, offer: ubuntu-server, sku: 22_04-lts-gen2, version: 22.04.202611010}
strategy: {type: fixedBatch, batchSize: 4, order: {unhealthyFirst: false, by: [instanceId]}}
health: {source: http, http: {url: "http://ADDRESS/{instanceId}/status/200"}}
"""
SERVICE = ("--simulator", SCENARIOS / "web-12.yaml")


def test_an_instance_that_does_not_answer_stops_the_rollout(program: Program) -> None:
    """What Azure thinks of it does not count; when it answers again the Run goes on."""
    with answering(Server()) as server:
        server.refusing.add("/5/status/200")
        (program.folder / "probed.yaml").write_text(PLAN.replace("ADDRESS", server.address))

        planned = program.run("plan", "probed.yaml", *SERVICE, NO_PROXY="127.0.0.1")
        halted = program.run(
            "apply", "probed.yaml", *SERVICE, "--auto-approve", NO_PROXY="127.0.0.1"
        )
        server.refusing.clear()
        resumed = program.run("resume", "probed-1", *SERVICE, NO_PROXY="127.0.0.1")

    assert "12, 11 in service now" in planned.out
    assert halted.code == 11, halted.text
    assert "instance 5" in halted.out
    assert "http probe failed" in halted.out
    assert resumed.code == 0, resumed.text
