"""Moving in, as a user does it: a Plan from the live set, a strategy from another tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.program import SCENARIOS

if TYPE_CHECKING:
    from tests.e2e.program import Program

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"


def test_a_plan_from_the_live_set_changes_nothing_yet(program: Program) -> None:
    """It is valid, and planning it finds no changes."""
    simulator = ("--simulator", SCENARIOS / "web-12.yaml")
    written = program.run(
        "init",
        "--from-live",
        "myrg/web",
        "--subscription",
        SUBSCRIPTION,
        "--out",
        "w.yaml",
        *simulator,
    )
    assert written.code == 0, written.text
    assert program.run("validate", "w.yaml").code == 0
    planned = program.run("plan", "w.yaml", "--detailed-exitcode", *simulator)
    assert planned.code == 0, planned.text
    assert "No changes" in planned.out


def test_a_file_that_is_there_is_not_written_over(program: Program) -> None:
    """Somebody may have worked on it."""
    (program.folder / "w.yaml").write_text("mine", encoding="utf-8")
    refused = program.run(
        "init",
        "--from-live",
        "myrg/web",
        "--subscription",
        SUBSCRIPTION,
        "--out",
        "w.yaml",
        "--simulator",
        SCENARIOS / "web-12.yaml",
    )
    assert refused.code == 1
    assert "is there already" in refused.err
    assert (program.folder / "w.yaml").read_text(encoding="utf-8") == "mine"


def test_a_set_is_named_by_its_id_or_by_group_and_name(program: Program) -> None:
    """Anything else says what was expected."""
    bad = program.run("init", "--from-live", "web", "--simulator", SCENARIOS / "web-12.yaml")
    assert bad.code == 1
    assert "--subscription" in bad.err
    identifier = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/myrg/providers/Microsoft.Compute"
        "/virtualMachineScaleSets/web"
    )
    good = program.run("init", "--from-live", identifier, "--simulator", SCENARIOS / "web-12.yaml")
    assert good.code == 0, good.text
    assert "kind: Plan" in good.out


def test_a_strategy_is_imported_with_its_integers(program: Program) -> None:
    """And with what is lost, as comments of YAML."""
    (program.folder / "d.yaml").write_text(
        "spec: {strategy: {rollingUpdate: {maxUnavailable: 25%, maxSurge: 1}}}\n", encoding="utf-8"
    )
    imported = program.run("import-strategy", "--from", "kubernetes", "d.yaml", "--size", "12")
    assert imported.code == 0, imported.text
    assert "# availability.maxUnavailable: 25% is 3" in imported.out
    assert "# - maxSurge is not carried over" in imported.out
    assert "type: slidingWindow" in imported.out


def test_a_file_without_a_policy_is_refused(program: Program) -> None:
    """With what was expected."""
    (program.folder / "play.yaml").write_text("- {hosts: web}\n", encoding="utf-8")
    refused = program.run("import-strategy", "--from", "ansible", "play.yaml")
    assert refused.code == 1
    assert "serial" in refused.err
    assert "a play with serial" in refused.err
