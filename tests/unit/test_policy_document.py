"""What docs/policy.md shows is so."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.values import rollout, scale_set
from vmssplan.planfile import read_plan
from vmssplan.policy.judging import TIME_LIMIT_SECONDS, judge
from vmssplan.policy.loading import read_policy
from vmssplan.policy.worker import MOST_MEMORY_BYTES
from vmssplan.schema_files import schema

DOCUMENT = (Path(__file__).parents[2] / "docs" / "policy.md").read_text("utf-8")
PLAN = """\
apiVersion: vmssplan/v1
kind: Plan
metadata: {name: prod-web}
target: {subscriptionId: 00000000-0000-0000-0000-000000000001, resourceGroup: myrg, scaleSet: web}
model: {image: {publisher: Contoso, offer: server, sku: gen2, version: latest}}
autoscale: ignore
"""


def test_the_example_finds_what_it_is_for() -> None:
    """Each of its rules, at its place, in a Plan that breaks them all."""
    (block,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    loaded, live = read_plan(PLAN, "plan.yaml", {}), scale_set(4)
    found = judge(read_policy(block, "policy.yaml"), loaded, live, rollout(live))

    assert [f"{one.severity} {one.rule} {one.path}" for one in found] == [
        "error pinned-autoscale autoscale",
        "error exact-versions model.image.version",
        "error a-fifth-at-most availability",
        "warning time-to-notice health.minHealthyTime",
    ]


def test_the_keys_and_the_bounds_are_told() -> None:
    """Nothing a rule can say is left out, and the numbers are those of the program."""
    keys = schema("policy")["properties"]["rules"]["items"]["properties"]

    assert [key for key in keys if f"`{key}`" not in DOCUMENT] == []
    assert f"at most {TIME_LIMIT_SECONDS:g} seconds" in DOCUMENT
    assert f"at most {MOST_MEMORY_BYTES // 1024**3} GiB" in DOCUMENT
