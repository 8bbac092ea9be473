"""What docs/gates.md shows is so: its Plans are Plans, and its script judges as it says."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path

import pytest

from tests.support.values import TARGET
from vmssplan.durations import format_duration
from vmssplan.gates import Verdict
from vmssplan.lint import lint_plan
from vmssplan.model import PLACEHOLDERS, CommandProbe, Counting
from vmssplan.planfile import load_plans
from vmssplan.ports import Subject
from vmssplan.probes import RealProbes
from vmssplan.probes.telling import variables_of
from vmssplan.schema_files import schema

DOCUMENT = (Path(__file__).parents[2] / "docs" / "gates.md").read_text("utf-8")
HEAD = f"""\
apiVersion: vmssplan/v1
kind: Plan
metadata: {{name: web}}
target: {{subscriptionId: {TARGET.subscription_id}, resourceGroup: myrg, scaleSet: web}}
model: {{vmSize: Standard_D2s_v5}}
"""
SUBJECT = Subject(TARGET, "gate", "web-1", 1, ())


def blocks(language: str) -> list[str]:
    """Return the fenced blocks in that language."""
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_each_example_is_part_of_a_plan(tmp_path: Path, block: str) -> None:
    """It loads, and there is nothing to say against it."""
    path = tmp_path / "plan.yaml"
    path.write_text(HEAD + block)

    (loaded,) = load_plans([path], {})

    assert lint_plan(loaded.plan) == ()


@pytest.mark.parametrize("field", [each.name for each in fields(Counting)])
def test_the_defaults_are_those_of_the_program(field: str) -> None:
    """The table, the schema and the model say the same."""
    head, *rest = field.split("_")
    key = head + "".join(part.capitalize() for part in rest)
    value = getattr(Counting(), field)
    default = value if isinstance(value, int) else format_duration(value)

    assert f"| `{key}` | {f'`{default}`' if isinstance(default, str) else default} |" in DOCUMENT
    assert schema("plan")["properties"]["gates"]["items"]["properties"][key]["default"] == default


def test_every_variable_and_placeholder_is_told() -> None:
    """Nothing a program or an address can use is left out."""
    told = [*variables_of(SUBJECT), *(f"{{{name}}}" for name in PLACEHOLDERS)]

    assert [word for word in told if f"`{word}`" not in DOCUMENT] == []


AZ = """\
#!/bin/sh
case "$*" in
  *{broken}*) exit 1 ;;
  *"--resource {gateway} "*FailedRequests*) echo {failed} ;;
  *"--resource {gateway} "*TotalRequests*) echo {total} ;;
esac
"""
GATEWAY = (
    f"/subscriptions/{TARGET.subscription_id}/resourceGroups/myrg"
    "/providers/Microsoft.Network/applicationGateways/web"
)


@pytest.mark.skipif(os.name != "posix", reason="the script of the document is for a POSIX shell")
@pytest.mark.parametrize(
    ("failed", "total", "broken", "verdict"),
    [
        ("0", "1000.0", "no-such-metric", Verdict.SUCCESSFUL),
        ("9.0", "1000.0", "no-such-metric", Verdict.SUCCESSFUL),
        ("10.0", "1000.0", "no-such-metric", Verdict.FAILED),
        ("0", "99.0", "no-such-metric", Verdict.INCONCLUSIVE),
        ("0", "0", "no-such-metric", Verdict.INCONCLUSIVE),
        ("0", "1000.0", "TotalRequests", Verdict.INCONCLUSIVE),
    ],
)
async def test_the_gate_that_asks_azure_monitor(
    tmp_path: Path, failed: str, total: str, broken: str, verdict: Verdict
) -> None:
    """One in a hundred is too many; too few requests and no answer are inconclusive."""
    text = AZ.format(broken=broken, failed=failed, total=total, gateway=GATEWAY)
    (script,) = (block for block in blocks("sh") if block.startswith("#!"))
    for name, content in (("az", text), ("gate-errors.sh", script)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o700)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    said: list[str] = []

    probe = CommandProbe((str(tmp_path / "gate-errors.sh"),))
    found = await RealProbes(environment, said.append).measure(probe, SUBJECT)

    assert found.verdict is verdict, said
