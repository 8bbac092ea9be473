"""`vmssplan drift` for schedules: what somebody else did between two Runs, and what is no drift."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.arm import SomebodyElse
from tests.e2e.program import PLANS, SCENARIOS, Program, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

WEB = PLANS / "web-jammy.yaml"
WEB_SET = ("--simulator", SCENARIOS / "web-12.yaml")
OLDEST, OLD, NEW, NEWER = "22.04.202608040", "22.04.202609010", "22.04.202611010", "22.04.202612010"
SETS = """
  - resourceGroup: myrg
    name: {name}
    vmSize: Standard_D2s_v5
    image: {{publisher: Canonical, offer: ubuntu-server, sku: 22_04-lts-gen2, version: "{version}"}}
    applicationHealth: true
    capacity: 4
"""
WORLD = """
apiVersion: vmss-simulator/v1
kind: Scenario
seed: 3
start: "2026-11-02T08:00:00Z"
images:
  platform:
    - publisher: Canonical
      offer: ubuntu-server
      sku: 22_04-lts-gen2
      versions:
        - "22.04.202608040"
        - "22.04.202609010"
        - "22.04.202611010"
        - {version: "22.04.202612010", publishedAt: "2026-11-12T00:00:00Z"}
scaleSets:
"""


@pytest.fixture
def sets(program: Program) -> str:
    """Write a world of two sets, and a Plan for each; that of `web` follows latest."""
    text = WORLD + "".join(SETS.format(name=name, version=OLD) for name in ("web", "shop"))
    (program.folder / "world.yaml").write_text(text)
    (program.folder / "plans").mkdir()
    for name in ("web", "shop"):
        plan = WEB.read_text("utf-8").replace("name: web-jammy", f"name: {name}")
        if name == "web":
            plan = plan.replace(f"version: {NEW}", "version: latest")
        plan = plan.replace("scaleSet: web", f"scaleSet: {name}")
        (program.folder / "plans" / f"{name}.yaml").write_text(plan)
    return "world.yaml"


@contextmanager
def applied(program: Program, scenario: str) -> Iterator[tuple[SomebodyElse, tuple[str, ...]]]:
    """Serve the scenario, apply the Plan of `web` there, and give way to somebody else."""
    with serving(program.folder, program.folder / scenario, "--any-token") as simulator:
        there = simulator.arguments
        done = program.run("apply", "plans/web.yaml", *there, "--auto-approve")
        assert done.code == 0, done.text
        yield SomebodyElse(simulator), there


def web_of(program: Program, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and what was found of `web`."""
    result = program.run("drift", "plans/web.yaml", "--json", *arguments)
    document: dict[str, Any] = json.loads(result.out)
    assert document["exitCode"] == result.code
    return result.code, document["scaleSets"][0]


def drifted(found: dict[str, Any]) -> dict[str, list[tuple[str, str, str | None]]]:
    """Return the instances that drifted, by state: name, what was left, and what is now."""
    states: dict[str, list[tuple[str, str, str | None]]] = {}
    for one in found["instances"]:
        if one["isDrift"]:
            states.setdefault(one["state"], []).append((one["instanceId"], one["was"], one["now"]))
    return states


def test_a_set_that_was_never_applied_is_drift_and_an_applied_one_is_not(program: Program) -> None:
    """Without a Run every difference counts; right after one there is none."""
    before = program.run("drift", WEB, *WEB_SET)
    program.run("apply", WEB, *WEB_SET, "--auto-approve")
    after = program.run("drift", WEB, *WEB_SET)

    assert (before.code, after.code) == (7, 0), before.text + after.text
    assert "No Run of it is known here" in before.out
    assert f"live  {OLD}" in before.out
    assert f"Plan  {NEW}" in before.out
    assert "No drift of web since web-jammy-1." in after.out
    assert after.out.splitlines()[-1] == "Summary: 1 scale set: 1 in sync."


def test_a_changed_model_is_7_with_all_three_values(program: Program, sets: str) -> None:
    """Somebody wrote another version, and brought an instance to it."""
    with applied(program, sets) as (somebody, there):
        somebody.set_version(OLDEST)
        somebody.upgrade("1")
        told = program.run("drift", "plans/web.yaml", *there)
        code, found = web_of(program, *there)

    assert code == told.code == 7
    [field] = [one for one in found["fields"] if one["isDrift"]]
    assert (field["path"], field["state"]) == ("model.image.version", "changedOutside")
    assert (field["base"], field["live"], field["desired"]) == (NEW, OLDEST, NEW)
    assert drifted(found) == {"changed": [("1", NEW, OLDEST)]}
    assert f"changed outside: runs {OLDEST}, web-1 left {NEW}" in told.out
    assert "To see the way back: vmssplan plan plans/web.yaml --endpoint" in told.out


def test_an_instance_on_the_old_model_is_7_although_the_model_is_right(
    program: Program, sets: str
) -> None:
    """Brought to another model, and the model put back: only the instance tells."""
    with applied(program, sets) as (somebody, there):
        somebody.set_version(OLD)
        somebody.upgrade("0", "2")
        somebody.set_version(NEW)
        code, found = web_of(program, *there)

    assert code == 7
    assert drifted(found) == {"changed": [("0", NEW, OLD), ("2", NEW, OLD)]}
    assert not any(one["isDrift"] for one in found["fields"])


def test_protection_is_drift_the_number_of_instances_is_not(program: Program, sets: str) -> None:
    """Somebody protects an instance, deletes one, and scales out: all told, one is drift."""
    with applied(program, sets) as (somebody, there):
        somebody.delete("3")
        somebody.scale(5)
        without_protection = web_of(program, *there)
        somebody.protect("1")
        code, found = web_of(program, *there)

    assert (without_protection[0], code) == (0, 7)
    assert [name for name, *_ in drifted(found)["protection"]] == ["1"]
    told = {one["state"]: one["instanceId"] for one in found["instances"] if not one["isDrift"]}
    assert told["gone"] == "3"
    assert "new" in told


def test_a_plan_that_changed_is_pending_and_no_drift(program: Program, sets: str) -> None:
    """The live set is what the Run left; that the Plan wants more is for the next apply."""
    with applied(program, sets) as (somebody, there):
        path = program.folder / "plans" / "web.yaml"
        path.write_text(path.read_text("utf-8").replace("version: latest", f"version: {OLD}"))
        pending = program.run("drift", "plans/web.yaml", *there)
        somebody.set_version(OLDEST)
        both, found = web_of(program, *there)
        somebody.set_version(OLD)
        converged = web_of(program, *there)

    assert pending.code == 0
    assert "pending: the Plan changed, and is not applied yet" in pending.out
    assert "Summary: 1 scale set: 1 with changes pending." in pending.out
    assert both == 7
    assert [one["state"] for one in found["fields"] if one["isDrift"]] == ["bothChanged"]
    assert converged[0] == 0
    assert "converged" in {one["state"] for one in converged[1]["fields"]}


def test_a_newer_image_behind_latest_is_told_and_no_drift(program: Program, sets: str) -> None:
    """`latest` means what the last Run pinned it to."""
    with applied(program, sets) as (somebody, there):
        somebody.wait(hours=24 * 30)
        told = program.run("drift", "plans/web.yaml", *there)
        code, found = web_of(program, *there)

    assert (told.code, code) == (0, 0)
    assert found["newerVersion"] == NEWER
    assert f"a newer version is available: {NEWER}" in told.out


def test_a_halted_run_is_told_and_its_half_done_work_is_no_drift(program: Program) -> None:
    """What our own unfinished Run did nobody else has done; the way on is named."""
    program.run("apply", WEB, *WEB_SET, "--auto-approve")
    other = WEB.read_text("utf-8").replace(NEW, OLDEST)
    (program.folder / "other.yaml").write_text(other)
    applying = program.start("apply", "other.yaml", *WEB_SET, "--auto-approve", "--speed", "600x")
    program.wait_for("web-jammy-2", 12, applying)
    applying.send_signal(signal.SIGINT)
    applying.communicate()

    result = program.run("drift", "other.yaml", *WEB_SET)

    assert (applying.returncode, result.code) == (8, 0), result.text
    assert "web-jammy-2 is not finished (exit 8)" in result.out
    assert "left unfinished by web-jammy-2" in result.out
    assert "To finish it: vmssplan resume web-jammy-2 --simulator" in result.out


def test_while_a_run_is_in_progress_nothing_is_compared(program: Program) -> None:
    """Half-done work would look like drift, so it says who is at work, and 14."""
    applying = program.start("apply", WEB, *WEB_SET, "--auto-approve", "--speed", "60x")
    program.wait_for("web-jammy-1", 5, applying)

    told = program.run("drift", WEB, *WEB_SET)
    as_json = program.run("drift", WEB, *WEB_SET, "--format", "json")

    applying.send_signal(signal.SIGINT)
    applying.communicate()
    assert (told.code, as_json.code) == (14, 14), told.text
    assert "A Run is in progress, so nothing was compared: web-jammy-1 of " in told.out
    assert "To see how far it is: vmssplan status web-jammy-1" in told.out
    assert json.loads(as_json.out)["scaleSets"][0]["run"] == "web-jammy-1"


def test_a_folder_of_plans_ends_with_the_worst_of_them(program: Program, sets: str) -> None:
    """Every set is told of; one that cannot be compared does not hide another that drifted."""
    with applied(program, sets) as (_, there):
        drift = program.run("drift", "plans", *there)
        lost = (program.folder / "plans" / "web.yaml").read_text("utf-8")
        lost = lost.replace("scaleSet: web", "scaleSet: lost").replace("name: web", "name: lost")
        (program.folder / "plans" / "lost.yaml").write_text(lost)
        error = program.run("drift", "plans", *there)

    assert (drift.code, error.code) == (7, 1), drift.text + error.text
    assert "Summary: 2 scale sets: 1 drifted, 1 in sync." in drift.out
    assert "Summary: 3 scale sets: 1 not compared, 1 drifted, 1 in sync." in error.out
    assert "Error: lost: " in error.err
    assert "Traceback" not in error.text


def test_the_comment_of_an_issue_is_markdown(program: Program) -> None:
    """It begins with a marker to find it again, and has the values in a table."""
    comment = program.run("drift", WEB, *WEB_SET, "--format", "markdown")

    assert comment.code == 7
    assert comment.out.startswith("<!-- vmssplan drift -->\n**Summary: ")
    assert (
        f"| `model.image.version` | not what the Plan wants |  | `{OLD}` | `{NEW}` |" in comment.out
    )


def test_plan_can_be_told_to_expect_nothing(program: Program) -> None:
    """`plan --expect-no-changes` is 7 where there is something to do, and 0 where there is not."""
    before = program.run("plan", WEB, *WEB_SET, "--expect-no-changes")
    program.run("apply", WEB, *WEB_SET, "--auto-approve")
    after = program.run("plan", WEB, *WEB_SET, "--expect-no-changes")

    assert (before.code, after.code) == (7, 0), before.text + after.text
    assert "none were expected" in before.err
