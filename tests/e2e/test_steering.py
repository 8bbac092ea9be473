"""A Run steered from other processes: people say go, no, wait, stop, go back; each exit code."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.e2e.door import RUN, WEB, Door, asking, ended, plan_with
from tests.e2e.program import SCENARIOS, serving, wait_until

if TYPE_CHECKING:
    from tests.e2e.program import Program, Simulator

OLD = "22.04.202609010"
APPROVAL = 4
WORK = ("ModelWriteIntended", "UpgradeIntended")


@pytest.fixture(params=["embedded", "served"])
def door(program: Program, request: pytest.FixtureRequest) -> Door:
    """Return either door to the scenario of twelve instances."""
    if request.param == "embedded":
        return Door(program, ("--simulator", str(SCENARIOS / "web-12.yaml")))
    web: Simulator = request.getfixturevalue("web")
    return Door(program, web.arguments, web)


@pytest.fixture
def embedded(program: Program) -> Door:
    """Return the embedded door."""
    return Door(program, ("--simulator", str(SCENARIOS / "web-12.yaml")))


# --- approve and reject ---------------------------------------------------------------------


def test_an_approval_from_elsewhere_lets_a_waiting_apply_go_on(door: Door) -> None:
    """`apply --wait` stays; status says what to type; typed, it goes on to the end."""
    applying = door.start("apply", asking(door.program), "--auto-approve", "--wait")
    wait_until(lambda: "ApprovalAwaited" in door.happened(), applying)
    waiting = door.program.run("status", RUN)
    approved = door.program.run("approve", RUN)

    code, said = ended(applying)

    assert "state      waiting for approval" in waiting.out
    assert f"Waiting: vmssplan approve {RUN} {APPROVAL}" in waiting.out
    assert (approved.code, approved.out) == (0, f"Step {APPROVAL} of {RUN} is approved.\n")
    assert approved.err == ""
    assert (code, "Apply complete!" in said) == (0, True), said
    [given] = [one for one in door.program.journal(RUN) if one["type"] == "ApprovalGiven"]
    assert given["by"] in said
    assert given["digest"] == door.program.journal(RUN)[0]["digest"]


def test_a_no_from_elsewhere_halts_a_waiting_apply(door: Door) -> None:
    """Rejected it is 11 and nothing more is upgraded; asked again, somebody may approve."""
    applying = door.start("apply", asking(door.program), "--auto-approve", "--wait")
    wait_until(lambda: "ApprovalAwaited" in door.happened(), applying)
    rejected = door.program.run("reject", RUN, "--reason", "error rate doubled")

    code, said = ended(applying)
    asked_again = door.run("resume", RUN)
    approved = door.program.run("approve", RUN)
    resumed = door.run("resume", RUN)

    assert (rejected.code, rejected.err) == (0, "")
    assert code == 11, said
    assert f"did not approve step {APPROVAL}: error rate doubled" in said
    assert f"vmssplan rollback {RUN}" in said
    assert asked_again.code == 10, asked_again.text
    assert f"vmssplan resume {RUN}" in approved.err
    assert resumed.code == 0, resumed.text


def test_an_approval_is_for_one_step_of_one_rollout(embedded: Door) -> None:
    """Another digest, another step, or a Run that nobody began is refused, and says why."""
    program = embedded.program
    paused = embedded.run("apply", asking(program), "--auto-approve")
    digest = program.journal(RUN)[0]["digest"]

    another = program.run("approve", RUN, "--digest", f"sha256:{'0' * 64}")
    no_step = program.run("approve", RUN, "3")
    no_run = program.run("approve", "web-jammy-9")
    this = program.run("approve", RUN, str(APPROVAL), "--digest", digest)
    resumed = embedded.run("resume", RUN)
    too_late = program.run("approve", RUN, str(APPROVAL))

    assert paused.code == 10, paused.text
    assert another.code == 5
    assert digest in another.err
    assert f"sha256:{'0' * 64}" in another.err
    assert (no_step.code, "step 3 of web-jammy-1 is no approval" in no_step.err) == (1, True)
    assert f"its approvals are steps: {APPROVAL}" in no_step.err
    assert (no_run.code, "there is no Run 'web-jammy-9'" in no_run.err) == (1, True)
    assert (this.code, resumed.code) == (0, 0), resumed.text
    assert (too_late.code, "has ended" in too_late.err) == (1, True)


# --- pause and abort ------------------------------------------------------------------------


def test_a_paused_apply_starts_nothing_until_it_is_told_to_go_on(door: Door) -> None:
    """What is in flight is finished; then it waits, and goes on as if nothing had been."""
    applying = door.start("apply", plan_with(door.program), "--auto-approve", slowly=True)
    wait_until(lambda: "UpgradeIntended" in door.happened(), applying)
    paused = door.program.run("pause", RUN)
    wait_until(lambda: "RunHeld" in door.happened(), applying)
    # Time that would be enough for more: all that is in flight ends, and is healthy for long.
    wait_until(lambda: is_idle(door.happened()), applying)
    status = door.program.run("status", RUN)
    resumed = door.program.run("resume", RUN)
    wait_until(lambda: went_on(door.happened()), applying)
    aborted = door.program.run("abort", RUN)

    code, said = ended(applying)
    happened = door.happened()
    finished = door.run("resume", RUN)

    assert (paused.code, paused.out) == (0, f"{RUN} starts nothing more.\n")
    assert "state      paused" in status.out
    assert "Paused by " in status.out
    assert (resumed.code, resumed.out) == (0, f"{RUN} goes on.\n")
    held, continued = happened.index("RunHeld"), happened.index("RunContinued")
    assert not set(WORK) & set(happened[held:continued])
    assert (aborted.code, code) == (0, 8), said
    assert finished.code == 0, finished.text
    upgraded = [e for e in door.program.journal(RUN) if e["type"] == "UpgradeIntended"]
    assert len([i for event in upgraded for i in event["instanceIds"]]) == 11


def is_idle(happened: list[str]) -> bool:
    """Tell whether every operation has ended, and every instance is healthy again."""
    requests = sum(happened.count(kind) for kind in WORK)
    instances = happened.count("InstanceUpgraded")
    return happened.count("OperationEnded") == requests and (
        0 < instances == happened.count("InstanceReady")
    )


def went_on(happened: list[str]) -> bool:
    """Tell whether something was started after the Run was told to go on."""
    return (
        "RunContinued" in happened
        and "UpgradeIntended" in happened[happened.index("RunContinued") :]
    )


def test_an_aborted_apply_finishes_what_is_in_flight_and_can_go_on(door: Door) -> None:
    """Exit 8, as after Ctrl-C, and the journal says who; resume does the rest."""
    applying = door.start("apply", plan_with(door.program), "--auto-approve", slowly=True)
    wait_until(lambda: "UpgradeIntended" in door.happened(), applying)
    aborted = door.program.run("abort", RUN)

    code, said = ended(applying)
    happened = door.happened()
    resumed = door.run("resume", RUN)

    assert (aborted.code, aborted.out) == (0, f"{RUN} ends after what is in flight.\n")
    assert code == 8, said
    [cancelled] = [one for one in door.program.journal(RUN) if one["type"] == "CancelRequested"]
    assert f"cancelled by {cancelled['by']}" in said
    assert not set(WORK) & set(happened[happened.index("CancelRequested") :])
    assert happened.count("OperationEnded") == sum(happened.count(kind) for kind in WORK)
    assert resumed.code == 0, resumed.text


@pytest.mark.parametrize("verb", ["pause", "abort"])
def test_only_a_run_that_is_carried_out_can_be_paused_or_aborted(embedded: Door, verb: str) -> None:
    """There is nobody to tell, which is said rather than kept for a later surprise."""
    embedded.run("apply", asking(embedded.program), "--auto-approve")

    told = embedded.program.run(verb, RUN)
    unknown = embedded.program.run(verb, "web-jammy-9")
    approved = embedded.program.run("approve", RUN)
    resumed = embedded.run("resume", RUN)

    assert (told.code, f"nobody carries {RUN} out just now" in told.err) == (1, True)
    assert (unknown.code, "there is no Run 'web-jammy-9'" in unknown.err) == (1, True)
    assert (approved.code, resumed.code) == (0, 0), resumed.text


def test_a_run_that_is_carried_out_and_not_paused_cannot_be_resumed(
    program: Program, web: Simulator
) -> None:
    """Another process holds its scale set, which is 14 and names who."""
    door = Door(program, web.arguments, web)
    applying = door.start("apply", asking(program), "--auto-approve", "--wait")
    wait_until(lambda: "ApprovalAwaited" in door.happened(), applying)

    resumed = door.run("resume", RUN)
    program.run("approve", RUN)
    code, said = ended(applying)

    assert resumed.code == 14, resumed.text
    assert f"process {applying.pid}" in resumed.err
    assert code == 0, said


# --- rollback -------------------------------------------------------------------------------


def test_a_running_apply_turns_round_when_it_is_told_to(door: Door) -> None:
    """The verb is 0 at once; the process that carries it out ends with 12, everything back."""
    path = plan_with(door.program)
    applying = door.start("apply", asking(door.program), "--auto-approve", "--wait")
    wait_until(lambda: "ApprovalAwaited" in door.happened(), applying)
    told = door.program.run("rollback", RUN, "--auto-approve")

    code, said = ended(applying)

    assert told.code == 0, told.text
    assert f"{RUN} turns round after what is in flight" in told.err
    assert code == 12, said
    assert "Rollback complete: " in said
    assert door.versions(path) == {OLD}


@pytest.mark.parametrize("how", ["waiting", "rejected", "complete"])
def test_a_run_that_has_ended_can_be_rolled_back(embedded: Door, how: str) -> None:
    """Where nobody carries it out any more, rollback itself does: exit 12, everything back."""
    program = embedded.program
    path = asking(program)
    embedded.run("apply", path, "--auto-approve")
    if how != "waiting":
        program.run("approve" if how == "complete" else "reject", RUN)
        embedded.run("resume", RUN)

    before = program.run("status", RUN)
    nobody = embedded.run("rollback", RUN)
    back = embedded.run("rollback", RUN, "--auto-approve")
    status = program.run("status", RUN)
    again = embedded.run("rollback", RUN, "--auto-approve")
    resumed = embedded.run("resume", RUN)

    words = {"waiting": "waiting for approval", "rejected": "halted (exit 11)"}
    assert f"state      {words.get(how, 'complete')}" in before.out
    assert (nobody.code, "add --auto-approve" in nobody.err) == (1, True)
    assert back.code == 12, back.text
    touched = 11 if how == "complete" else 2
    assert f"ok={touched} upgraded={touched} skipped={12 - touched} failed=0" in back.out
    assert "state      rolled back" in status.out
    assert embedded.versions(path) == {OLD}
    assert (again.code, f"{RUN} is rolled back already" in again.err) == (12, True)
    assert (resumed.code, f"{RUN} is rolled back already" in resumed.err) == (12, True)


def test_without_a_way_back_a_rollback_is_refused(program: Program) -> None:
    """Where the old image is gone the plan says so, and refuses a Plan that relies on it."""
    scenario = yaml.safe_load((SCENARIOS / "web-12.yaml").read_text("utf-8"))
    effect = {"imageWithdrawn": {"at": "PT1S", "version": OLD}}
    scenario["faults"] = [{"name": "the old image is withdrawn", "effect": effect}]
    path = program.folder / "old-image-gone.yaml"
    path.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    relying = plan_with(program, failure={"onFailure": "rollback"})
    with serving(program.folder, path) as simulator:
        door = Door(program, simulator.arguments, simulator)
        simulator.ask("/clock/advance", {"seconds": 2})

        planned = door.run("plan", WEB)
        refused = door.run("plan", relying)
        applied = door.run("apply", WEB, "--auto-approve")
        back = door.run("rollback", RUN, "--auto-approve")
        unknown = door.run("rollback", "web-jammy-9", "--auto-approve")

    assert "way back      none: " in planned.out
    assert (refused.code, "there is no way back" in refused.err) == (5, True)
    assert applied.code == 0, applied.text
    assert (back.code, f"there is no way back from {RUN}: " in back.err) == (5, True)
    assert OLD in back.err
    assert (unknown.code, "there is no Run 'web-jammy-9'" in unknown.err) == (1, True)


def test_a_rollback_that_was_stopped_goes_on_by_resume(embedded: Door) -> None:
    """Killed on its way back it is still on its way back; nobody is asked there."""
    program = embedded.program
    path = asking(program)
    embedded.run("apply", path, "--auto-approve")
    turning = embedded.start("rollback", RUN, "--auto-approve", slowly=True)
    wait_until(lambda: "UpgradeIntended" in after_turn(embedded.happened()), turning)
    turning.send_signal(signal.SIGKILL)
    turning.communicate()

    status = program.run("status", RUN)
    again = embedded.run("rollback", RUN, "--auto-approve")
    asked = program.run("approve", RUN, str(APPROVAL))
    resumed = embedded.run("resume", RUN)

    assert "state      interrupted" in status.out
    assert "step       way back, " in status.out
    assert (again.code, "on its way back already" in again.err) == (1, True)
    assert (asked.code, "where nobody is asked" in asked.err) == (1, True)
    assert resumed.code == 12, resumed.text
    assert embedded.versions(path) == {OLD}


def after_turn(happened: list[str]) -> list[str]:
    """Return what happened on the way back."""
    is_turned = "RollbackStarted" in happened
    return happened[happened.index("RollbackStarted") :] if is_turned else []
