"""`replay` shows a past Run as it was shown, as far as one likes, and asks what else could be."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.program import PLANS, SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.in_process import Here

WEB = (PLANS / "web-jammy.yaml").read_text("utf-8")
GATE = "gates:\n- {after: batch 1, approval: {message: canary looks right}}\n"
ROLLBACK = WEB.replace("onFailure: freeze", "onFailure: rollback")
RUN = "web-jammy-1"
# How a Run goes: its Plan, its world, and what is done until it has ended, with the exit codes.
STORIES = {
    "complete": (WEB, "web-12", ["apply:0"]),
    "unhealthy": (WEB, "bad-image", ["apply:11"]),
    "tried again": (WEB, "bad-image", ["apply:11", "resume:11"]),
    "approved": (WEB + GATE, "web-12", ["apply:10", "approve:0", "resume:0"]),
    "refused, approved": (
        WEB + GATE, "web-12", ["apply:10", "reject:0", "resume:11", "approve:0", "resume:0"]
    ),
    "rolled back by itself": (ROLLBACK, "bad-image", ["apply:12"]),
    "rolled back by hand": (WEB + GATE, "web-12", ["apply:10", "rollback:12"]),
    "throttled": (WEB, "throttled", ["apply:0"]),
    "operation failed": (WEB, "faults/allocation-failed", ["apply:4", "resume:4"]),
    "reply lost": (WEB, "faults/reply-lost", ["apply:0"]),
    "scaled out": (WEB, "faults/scaled-out", ["apply:0"]),
    "stuck": (WEB, "faults/instance-stuck", ["apply:9"]),
}  # fmt: skip


def went(here: Here, name: str, *options: str) -> tuple[str, tuple[str | Path, ...]]:
    """Let a Run go as told; return what the commands that carry it out printed, and the service."""
    plan, scenario, doings = STORIES[name]
    service = ("--simulator", SCENARIOS / f"{scenario}.yaml")
    (here.folder / "web.yaml").write_text(plan, encoding="utf-8")
    assert here.run("plan", "web.yaml", *service, "--out", "r.json").code == 0
    printed = ""
    for doing in doings:
        verb, _, code = doing.partition(":")
        if verb in ("apply", "resume", "rollback"):
            what = ("r.json", "--auto-approve") if verb == "apply" else (RUN,)
            force = ("--auto-approve",) if verb == "rollback" else ()
            answer = here.run(verb, *what, *force, *service, *options)
            printed += answer.out
        else:
            answer = here.run(verb, RUN, *(["--reason", "no"] if verb == "reject" else []))
        assert answer.code == int(code), (doing, answer.text)
    return printed, service


def journaled(here: Here, kind: str) -> list[dict[str, Any]]:
    """Return the Events of that type in the journal."""
    journal = here.folder / ".vmssplan" / "runs" / RUN / "journal.jsonl"
    events = [json.loads(line) for line in journal.read_text("utf-8").splitlines()]
    return [event for event in events if event["type"] == kind]


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("name", STORIES)
def test_it_shows_byte_for_byte_what_was_printed(
    here: Here, name: str, options: tuple[str, ...]
) -> None:
    """Whatever became of the Run, and however often it was gone on with."""
    printed, service = went(here, name, *options)

    shown = here.run("replay", RUN, *service, *options)

    assert shown.code == 0, shown.text
    assert shown.out == printed


def test_a_run_is_found_wherever_its_folder_was_put(here: Here) -> None:
    """By its name, its folder, its journal, and by the folder of an artifact: the same text."""
    printed, service = went(here, "tried again")
    folder = here.folder / ".vmssplan" / "runs" / RUN
    moved = here.folder / "artifact"

    texts = {
        here.run("replay", str(one), *service).out for one in (folder, folder / "journal.jsonl")
    }
    folder.rename(moved)
    texts.add(here.run("replay", str(moved), *service).out)

    assert texts == {printed}


def test_a_killed_run_is_shown_as_far_as_it_came(here: Here) -> None:
    """A torn last line is left out, and there is no end to tell of."""
    printed, service = went(here, "complete")
    journal = here.folder / ".vmssplan" / "runs" / RUN / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[: journal.stat().st_size // 2])

    shown = here.run("replay", RUN, *service)

    assert shown.code == 0
    assert printed.startswith(shown.out)
    assert "Apply complete!" not in shown.out


@pytest.mark.parametrize("at", ["2026-11-02T08:10:00Z", "2026-11-02T08:10:00", "2026-11-02 08:10"])
def test_it_stops_at_the_time_that_is_asked_for(here: Here, at: str) -> None:
    """What happened by then, and nothing after it."""
    printed, service = went(here, "complete")

    shown = here.run("replay", RUN, *service, "--at", at)

    assert printed.startswith(shown.out)
    times = [line[:8] for line in shown.out.splitlines()]
    assert max(times) <= "08:10:00"
    following = printed[len(shown.out) :].splitlines()[0]
    assert following[:8] > "08:10:00"


def test_the_heat_map_is_drawn_after_each_step(here: Here) -> None:
    """The same lines, and one picture a completed step, in which ever more is ready."""
    printed, service = went(here, "complete")
    steps = len(journaled(here, "StepCompleted"))

    shown = here.run("replay", RUN, *service, "--map")

    frames = [line for line in shown.out.splitlines() if " instances ready" in line]
    ready = [int(line.split()[-5]) for line in frames]
    assert len(frames) == steps
    assert ready == sorted(ready)
    assert (ready[0], ready[-1]) == (0, 11)
    assert set(printed.splitlines()) <= set(shown.out.splitlines())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("web-9",), "web-9"),
        (("no/such/folder",), "there is no such journal"),
        (("journal.jsonl",), "there is no such journal"),
        ((RUN, "--at", "noon"), "is no time"),
        ((RUN, "--at", "2020-01-01"), "nothing had happened"),
        ((RUN, "--with", "strategy.type"), "expected KEY=VALUE"),
        ((RUN, "--with", "strategy.type=bigBang"), "strategy.type"),
        ((RUN, "--with", "strategi.type=perZone"), "strategi"),
        ((RUN, "--with", "metadata.name.x=1"), "is no key of a Plan"),
    ],
)
def test_what_cannot_be_shown_is_1_with_a_message(
    here: Here, options: tuple[str, ...], said: str
) -> None:
    """Named, and never a traceback."""
    went(here, "complete")

    answer = here.run("replay", *options)

    assert (answer.code, answer.out) == (1, "")
    assert said in answer.err
    assert answer.err.startswith("Error: ")


def columns(text: str) -> dict[str, tuple[str, str]]:
    """Return what was and what would have been, by the rows of the table."""
    head, *rows = text.partition("\n\n")[0].splitlines()
    middle = head.index("as it was")
    right = head.index("strategy")
    return {row[:middle].strip(): (row[middle:right].strip(), row[right:].strip()) for row in rows}


def test_another_strategy_meets_the_same_failure(here: Here) -> None:
    """The instance that failed fails again, and the smaller batch is stopped with less touched."""
    _, service = went(here, "unhealthy")
    failed = {one["instanceId"] for one in journaled(here, "InstanceFailed")}

    smaller = here.run("replay", RUN, *service, "--with", "strategy.type=perInstance")
    same = here.run("replay", RUN, "--with", "strategy.pauseTimeBetweenBatches=PT2M")

    rows, same_rows = columns(smaller.out), columns(same.out)
    assert smaller.code == 0, smaller.text
    assert rows["exit code"] == ("11", "11")
    assert rows["instances failed"][0] == str(len(failed))
    assert int(rows["instances touched"][1]) < int(rows["instances touched"][0])
    assert same_rows["instances touched"][0] == same_rows["instances touched"][1]
    assert same_rows["instances failed"][0] == same_rows["instances failed"][1]
    assert "strategy.type=perInstance: Apply halted at step" in smaller.out


def test_another_policy_turns_the_same_failure_round(here: Here) -> None:
    """What a rollback would have made of it; several values at once."""
    went(here, "unhealthy")

    asked = here.run(
        "replay",
        RUN,
        "--with",
        "failure.onFailure=rollback",
        "--with",
        "strategy.type=slidingWindow",
    )

    assert columns(asked.out.replace("failure.onFailure", "strategy......."))["exit code"] == (
        "11",
        "12",
    ), asked.text


@pytest.mark.parametrize("name", [name for name in STORIES if name != "reply lost"])
@pytest.mark.parametrize("kind", ["perInstance", "perUpdateDomain", "slidingWindow"])
def test_any_run_can_be_asked_about(here: Here, name: str, kind: str) -> None:
    """However it ended, there is an answer, and its left side is what was."""
    went(here, name)
    last = json.loads(here.run("replay", RUN, "--json").out.splitlines()[-1])

    asked = here.run("replay", RUN, "--with", f"strategy.type={kind}")

    assert asked.code == 0, asked.text
    assert columns(asked.out)["exit code"][0] == str(last["exitCode"])


def test_the_journal_alone_says_when(here: Here) -> None:
    """The times shown are those of the journal, whatever time it is now."""
    went(here, "complete")
    [first] = journaled(here, "RunStarted")

    shown = here.run("replay", RUN)

    assert shown.out.startswith(f"{datetime.fromisoformat(first['at']):%H:%M:%S} ")
