"""A team's rules on the command line: what they deny is refused, what is not judged is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PLANS, SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.program import Program

PLAN = PLANS / "web-jammy.yaml"
SERVICE = ("--simulator", SCENARIOS / "web-12.yaml")
HEAD = "apiVersion: vmssplan/v1\nkind: Policy\nrules:\n"
SMALL = (
    "  - {id: small-batches, severity: deny, message: one at a time, path: strategy.batchSize,"
    " cel: 'rollout.bounds.maxUnavailable == 1'}\n"
)
FLOOR = (
    "  - {id: named-floor, severity: deny, message: say what must hold,"
    " schema: {properties: {availability: {required: [minInService]}}}}\n"
)
WARNS = "  - {id: look, severity: warn, message: look at it, cel: 'live.location == \"x\"'}\n"


@pytest.fixture
def policy(program: Program) -> Path:
    """Return a Policy that denies by the Plan and by the Rollout, and warns of the set."""
    path = program.folder / "policy.yaml"
    path.write_text(HEAD + SMALL + FLOOR + WARNS)
    return path


def test_plan_refuses_what_the_policy_denies(program: Program, policy: Path) -> None:
    """Exit 5, each rule with its id and its place in the Plan; a warning only warns."""
    ended = program.run("plan", PLAN, *SERVICE, VMSSPLAN_POLICY=str(policy))

    assert ended.code == 5
    assert "strategy.batchSize: one at a time [small-batches]" in ended.err
    assert f"{PLAN}:" in ended.err
    assert "availability: say what must hold [named-floor]" in ended.err
    assert "Warning" in ended.err
    assert "look at it [look]" in ended.err


def test_validate_judges_the_plan_and_names_what_it_cannot_judge(
    program: Program, policy: Path
) -> None:
    """Rules about the Rollout and the live set are not passed over in silence."""
    ended = program.run("validate", PLAN, "--policy", policy)

    assert ended.code == 5
    assert "[named-floor]" in ended.err
    assert "not judged here: small-batches, look" in ended.err
    assert "[small-batches]" not in ended.err


def test_apply_holds_a_saved_rollout_against_it(program: Program, policy: Path) -> None:
    """What was planned without the Policy is not carried out with it, and nothing is touched."""
    saved = program.folder / "rollout.json"
    program.run("plan", PLAN, *SERVICE, "--out", saved)
    ended = program.run("apply", saved, *SERVICE, "--auto-approve", "--policy", policy)

    assert ended.code == 5
    assert "one at a time [small-batches]" in ended.err
    assert "not judged here: named-floor" in ended.err
    assert program.run("plan", PLAN, *SERVICE, "--detailed-exitcode").code == 2


def test_an_expression_that_fails_lets_nothing_pass(program: Program, policy: Path) -> None:
    """Exit 1 with the place in the Policy, whatever its severity."""
    policy.write_text(HEAD + "  - {id: a, severity: warn, message: m, cel: 'plan.none == 1'}\n")
    ended = program.run("apply", PLAN, *SERVICE, "--auto-approve", "--policy", policy)

    assert ended.code == 1
    assert f"{policy}:4:46: rules[0].cel: it cannot be told whether it holds" in ended.err


def test_the_rules_of_the_lint_are_listed(program: Program) -> None:
    """One a line, with its severity."""
    ended = program.run("validate", "--rules")

    assert ended.code == 0
    assert any(line.split()[:2] == ["floor-stuck", "error"] for line in ended.out.splitlines())
