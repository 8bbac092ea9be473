"""Chosen instances are shown first, then worked on: on the embedded simulator, and over HTTPS."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.program import PLANS, SCENARIOS
from tests.e2e.spawning import ended, on_terminal
from vmssplan.model import ScaleSetId
from vmssplan.ports import LockHolder
from vmssplan.stores.local import LocalState

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.program import Program, Result, Simulator
    from tests.support.golden import Golden

WEB = PLANS / "web-jammy.yaml"
HERE = ("--simulator", SCENARIOS / "web-12.yaml")
SET = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/myrg"
    "/providers/Microsoft.Compute/virtualMachineScaleSets/web"
)
NEW = "22.04.202611010"
YES = "--auto-approve"


def do(program: Program, *arguments: str | Path) -> Result:
    """Work on the embedded simulator, and expect that it goes well."""
    done = program.run(*arguments, *HERE)
    assert done.code == 0, done.text
    return done


def listed(program: Program, *arguments: str, options: tuple[Any, ...] = HERE) -> dict[str, Any]:
    """Return the instances by id."""
    done = program.run("instances", "list", SET, *arguments, "--json", *options)
    assert done.code == 0, done.text
    return {one["instanceId"]: one for one in json.loads(done.out)["instances"]}


PREVIEWS: dict[str, tuple[str | Path, ...]] = {
    "restart": ("instances", "restart", WEB, "--update-domain", "0,1"),
    "stop-refused": ("instances", "stop", WEB, "--fault-domain", "0,1"),
    "delete": ("instances", "delete", SET, "--ids", "3,7", "--max-unavailable", "1"),
    "protect": ("instances", "protect", SET, "--ids", "1,7", "--scale-set-actions"),
    "start-nothing": ("instances", "start", WEB, "--all"),
    "scale-in": ("scale", WEB, "10"),
    "upgrade": ("instances", "upgrade", WEB, "--update-domain", "0", "--batch-size", "2"),
    "set-model": ("instances", "set-model", SET, "--image-version", NEW),
    "list": ("instances", "list", WEB),
}


@pytest.mark.parametrize("name", PREVIEWS)
def test_the_preview_names_everybody(name: str, program: Program, golden: Golden) -> None:
    """Every instance, who is left alone and why, the floor, and what to type; nothing is done."""
    shown = program.run(*PREVIEWS[name], *HERE)

    assert shown.code == (5 if name == "stop-refused" else 0), shown.text
    text = shown.text.replace(str(PLANS), "plans").replace(str(SCENARIOS), "scenarios")
    golden.check(f"instances-{name}", re.sub(r"sha256:\w{12}\b", "sha256:...", text))
    assert {one["state"] for one in listed(program).values()} == {"current"}


def test_the_preview_as_json_is_the_one_of_the_page(program: Program) -> None:
    """And what was looked at is done, or nothing."""
    asked = ("instances", "restart", WEB, "--ids", "0,5,7")
    shown = json.loads(do(program, *asked, "--json").out)

    assert shown["batches"] == [["0", "5"]]
    assert [one["instanceId"] for one in shown["skipped"]] == ["7"]
    assert shown["command"] == ["vmssplan", *map(str, asked[:3]), *asked[3:]]
    other = program.run(*asked, *HERE, YES, "--require-digest", f"sha256:{'0' * 64}")
    assert (other.code, "was required" in other.err) == (13, True), other.text
    done = do(program, *asked, YES, "--require-digest", shown["digest"], "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [one["type"] for one in lines][-1] == "outcome"
    assert lines[-1]["recap"] == {"ok": 2, "waiting": 0, "skipped": 1, "failed": 0, "pending": 0}
    assert {"@level", "@message", "@module", "@timestamp", "type"} <= set(lines[0])


def test_a_fault_domain_is_stopped_and_started_again(program: Program) -> None:
    """Out of service while it is off; started, it serves again."""
    stopped = do(program, "instances", "stop", WEB, "--fault-domain", "0", YES)

    assert "Stop complete!" in stopped.out
    assert set(listed(program, "--state", "stopped")) == {"0", "9"}
    started = do(program, "instances", "start", WEB, "--state", "stopped", YES)
    assert "ok=2" in started.out
    assert listed(program, "--state", "stopped,unhealthy") == {}


def test_every_other_verb_does_what_it_says(program: Program) -> None:
    """Deallocate, reimage, restart, delete, protect, and back."""
    do(program, "instances", "deallocate", WEB, "--ids", "3,4", YES)
    assert set(listed(program, "--state", "deallocated")) == {"3", "4"}
    do(program, "instances", "delete", WEB, "--state", "deallocated", YES)
    assert len(listed(program)) == 10
    do(program, "instances", "reimage", WEB, "--update-domain", "1", YES)
    do(program, "instances", "protect", SET, "--ids", "1,2", "--scale-in", YES)
    assert set(listed(program, "--state", "protected")) == {"1", "2", "7"}
    do(program, "instances", "protect", SET, "--ids", "1,2", "--no-scale-in", YES)
    do(program, "instances", "protect", SET, "--ids", "7", "--no-scale-set-actions", YES)
    found = listed(program)["7"]["protection"]
    assert not found["scaleSetActions"]


def test_a_set_is_scaled_out_and_in(program: Program) -> None:
    """The new ones are waited for; scaling in is refused where the floor forbids it."""
    wider = do(program, "scale", SET, "14", YES)
    assert "the set has 14 instances; new and in service: 13, 14" in wider.out
    refused = program.run("scale", SET, "12", YES, *HERE)
    assert refused.code == 5
    assert "may leave 12 of 14 in service (14 are now), and the floor is 13" in refused.err
    do(program, "scale", SET, "12", "--max-unavailable", "2", YES)
    assert len(listed(program)) == 12


def test_what_autoscale_makes_of_it_is_told(program: Program) -> None:
    """Before anybody wonders where the instances have gone."""
    scaled = ("--simulator", SCENARIOS / "autoscale.yaml")
    inside = program.run("scale", SET, "10", *scaled)
    outside = program.run("scale", SET, "60", *scaled)
    assert "may change it again" in " ".join(inside.out.split()), inside.text
    assert "will undo it (" in " ".join(outside.out.split()), outside.text


def test_one_update_domain_is_upgraded_as_a_run(program: Program) -> None:
    """The model is written, exactly these are upgraded, and it is a Run like any other."""
    upgraded = do(
        program,
        *("instances", "upgrade", SET, "--update-domain", "0", "--image-version", NEW),
        *("--batch-size", "2", YES),
    )

    assert "Apply complete!" in upgraded.out
    versions = {i: one["image"] for i, one in listed(program).items()}
    assert {i for i, version in versions.items() if version == NEW} == {"0", "5", "10"}
    assert set(listed(program, "--state", "outdated")) == set(versions) - {"0", "5", "10"}
    assert program.journal("web-1")[-1]["type"] == "RunCompleted"
    assert "web-1" in program.run("status").out


def test_the_model_is_set_and_nobody_upgraded(program: Program) -> None:
    """Then a batch at a time, as anybody wants."""
    do(program, "instances", "set-model", SET, "--image-version", NEW, YES)
    assert set(listed(program, "--state", "outdated")) == set(listed(program))
    do(program, "instances", "upgrade", SET, "--ids", "1,2", YES)
    assert set(listed(program, "--state", "current")) == {"1", "2"}
    again = do(program, "instances", "upgrade", SET, "--ids", "1,2", YES)
    assert "0 instances to upgrade" in again.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("restart", WEB), 1, "no instance is selected"),
        (("restart", WEB, "--ids", "99"), 1, "has no instance 99"),
        (("restart", WEB, "--ids", "1,,2"), 1, "is no list"),
        (("restart", WEB, "--update-domain", "x"), 1, "is no domain"),
        (("restart", WEB, "--state", "tired"), 1, "is no state; expected some of operating"),
        (("restart", WEB, "--all", "--batch-size", "0"), 1, "is no amount"),
        (("restart", WEB, "--all", "--max-unavailable", "120%"), 1, "is no amount"),
        (("restart", WEB, "--all", "--pause-between-batches", "soon"), 1, "is no duration"),
        (("restart", WEB, "--all", YES, "--require-digest", "abc"), 1, "is no digest"),
        (("restart", "/subscriptions/x", "--all"), 1, "is no id of a scale set"),
        (("restart", "nothing.yaml", "--all"), 1, "nothing.yaml"),
        (("protect", WEB, "--all"), 1, "from what?"),
        (
            ("protect", WEB, "--all", "--scale-set-actions", "--no-scale-in"),
            1,
            "from scale in, too",
        ),
        (("set-model", WEB), 1, "there is nothing to write"),
        (("set-model", WEB, "--image-version", "0.0.0"), 5, "does not exist"),
        (("upgrade", WEB, "--all", "--no-wait"), 1, "followed to its end"),
        (("stop", WEB, "--all", YES), 5, "would leave 1 of 12 in service"),
    ],
)
def test_mistakes_are_told_before_anything_is_done(
    arguments: tuple[str | Path, ...], code: int, said: str, program: Program
) -> None:
    """What is wrong, and what to type instead."""
    done = program.run("instances", *arguments, *HERE)

    assert (done.code, said in done.err) == (code, True), done.text
    assert "Traceback" not in done.text


def test_a_set_that_another_holds_is_left_alone(program: Program) -> None:
    """Exit 14, naming the holder; nothing is done."""
    state = LocalState(program.folder / ".vmssplan")
    target = ScaleSetId("00000000-0000-0000-0000-000000000001", "myrg", "web")
    since = datetime(2026, 11, 2, tzinfo=UTC)
    with state.hold(target, LockHolder("somebody", "elsewhere", 1, since, "web-jammy-7")):
        refused = program.run("instances", "stop", WEB, "--ids", "1", YES, *HERE)
    assert (refused.code, "web-jammy-7 of somebody on elsewhere" in refused.err) == (14, True)
    assert listed(program, "--state", "stopped") == {}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal")
@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("y", 8)])
def test_on_a_terminal_it_asks(answer: str, code: int, program: Program) -> None:
    """After the whole preview; whatever is not yes means no."""
    terminal = on_terminal(program, "instances", "stop", str(WEB), "--ids", "1", *map(str, HERE))
    terminal.expect("Stop: 1 instance in 1 batch")
    terminal.expect("Only 'yes' goes on:")
    terminal.sendline(answer)
    terminal.expect("Stop complete!" if code == 0 else "Nothing was changed.")
    assert ended(terminal) == code


def test_the_same_guarantees_over_https(program: Program, web: Simulator) -> None:
    """The real SDK against a served simulator: shown, refused, done, never below the floor."""
    there = web.arguments
    refused = program.run("instances", "stop", WEB, "--fault-domain", "0,1", YES, *there)
    stopped = program.run("instances", "stop", WEB, "--fault-domain", "0", YES, *there)
    off = set(listed(program, "--state", "stopped", options=there))
    started = program.run("instances", "start", WEB, "--state", "stopped", YES, *there)
    restarted = program.run("instances", "restart", WEB, "--update-domain", "0", YES, *there)
    deleted = program.run("instances", "delete", WEB, "--ids", "11", YES, *there)
    guarded = program.run("instances", "protect", SET, "--ids", "1", "--scale-in", YES, *there)
    scaled = program.run("scale", WEB, "12", YES, *there)
    left = listed(program, options=there)

    assert (refused.code, web.upgrades()) == (5, [])
    for each in (stopped, started, restarted, deleted, guarded, scaled):
        assert each.code == 0, each.text
    assert off == {"0", "9"}
    assert left["1"]["protection"] == {"scaleIn": True, "scaleSetActions": False}
    assert left["1"]["latestModelApplied"], "protecting it must not make its model its own"
    assert ("11" in left, len(left)) == (False, 12)
    assert web.lowest_in_service() >= 9


VERBS = (
    *("list", "upgrade", "set-model", "reimage", "start"),
    *("stop", "restart", "deallocate", "delete", "protect"),
)


def test_every_verb_shows_how_it_is_typed(program: Program) -> None:
    """In its own help, and all of them in the help of `instances`."""
    helped = program.run("instances", "--help").out
    for verb in VERBS:
        assert f"│ {verb} " in helped, verb
        assert f"Example: vmssplan instances {verb} " in program.run(
            "instances", verb, "--help", COLUMNS="200"
        ).out.replace("\n", " ")
