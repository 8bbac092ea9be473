"""`init` prints the role and checks permissions; docs/permissions.md says what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.in_process import logging_put_back
from vmssplan.cli import run
from vmssplan.permissions import NEEDS, WORK_NEEDS, Part, role_document

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PLAN = str(ROOT / "plans" / "web-jammy.yaml")
SCENARIO = ROOT / "simulator" / "scenarios" / "web-12.yaml"
DOC = (ROOT / "docs" / "permissions.md").read_text("utf-8")
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/myrg"


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """Leave logging as it was."""
    with logging_put_back():
        yield


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Return the JSON that init prints."""
    assert run(["init", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_role_is_in_the_form_az_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """Without Plans it has every action there is, for a subscription to be filled in."""
    role = printed(capsys, "--print-role")
    assert role["Actions"] == [need.action for need in NEEDS]
    assert (role["IsCustom"], role["NotActions"], role["DataActions"]) == (True, [], [])
    assert role["AssignableScopes"] == ["/subscriptions/SUBSCRIPTION"]


def test_the_role_of_plans_has_no_more_than_they_need(capsys: pytest.CaptureFixture[str]) -> None:
    """A Plan that upgrades from the marketplace needs neither reimage nor galleries."""
    role = printed(capsys, "--print-role", PLAN)
    assert "Microsoft.Compute/virtualMachineScaleSets/manualUpgrade/action" in role["Actions"]
    assert not [each for each in role["Actions"] if "reimage" in each or "alleries" in each]
    assert role["AssignableScopes"] == ["/subscriptions/00000000-0000-0000-0000-000000000001"]


def test_the_parts_together_are_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """What writes is in the part for the resource group; both can be checked by their holder."""
    whole, group, subscription, work = (
        set(printed(capsys, "--print-role", "--part", part)["Actions"]) for part in Part
    )
    assert work == {need.action for need in WORK_NEEDS}, "no rollout may stop or delete"
    assert not work & whole
    assert group | subscription == whole
    assert group & subscription == {"Microsoft.Authorization/permissions/read"}
    assert all(each.endswith("/read") for each in subscription)


def test_what_is_missing_is_told_with_what_to_ask_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 3, a line an action, and the commands for an administrator."""
    roles = f"roles: [{{scope: {GROUP}, actions: ['*/read']}}]\n"
    scenario = tmp_path / "narrow.yaml"
    scenario.write_text(SCENARIO.read_text("utf-8") + roles, "utf-8")
    options = ["--simulator", str(scenario), "--state-dir", str(tmp_path / "state")]
    assert run(["init", "--check-permissions", PLAN, *options]) == 3
    said = capsys.readouterr()
    assert re.search(r"yes +Microsoft.Compute/virtualMachineScaleSets/read ", said.out)
    assert re.search(r"NO +Microsoft.Compute/virtualMachineScaleSets/write ", said.out)
    assert f'--role "vmssplan rollouts" --scope {GROUP}\n' in said.out
    assert f'--role "vmssplan lookups" --scope {GROUP.partition("/resourceGroups")[0]}' in said.out
    assert "may not be listed" in said.err, "nothing is granted on the subscription"


@pytest.mark.parametrize(
    "arguments",
    [[], ["--print-role", "--check-permissions", PLAN], ["--check-permissions"]],
)
def test_it_has_to_be_told_what_to_prepare(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """One thing at a time, and a check needs a Plan."""
    assert run(["init", *arguments]) == 1
    assert "--check-permissions" in capsys.readouterr().err


def test_the_document_has_every_permission() -> None:
    """Its table and its roles are those of the program."""
    for need in (*NEEDS, *WORK_NEEDS):
        assert f"| `{need.action}` | {need.reach.value} | {need.purpose} |" in DOC
    assert DOC.count("| `Microsoft.") == len((*NEEDS, *WORK_NEEDS))
    roles = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOC, re.DOTALL)]
    scopes = ["/subscriptions/SUBSCRIPTION"]
    parts = (Part.GROUP, Part.SUBSCRIPTION, Part.INSTANCES)
    assert roles == [role_document(NEEDS, scopes, part) for part in parts]
