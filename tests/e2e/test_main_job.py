"""The main job: plan, show, apply, plan again; in-process and over HTTPS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PLANS, SCENARIOS

if TYPE_CHECKING:
    from tests.e2e.program import Program, Simulator

pytestmark = pytest.mark.own_process

WEB = PLANS / "web-jammy.yaml"
WEB_SET = ("--simulator", SCENARIOS / "web-12.yaml")


def test_a_reviewed_rollout_is_applied_and_leaves_nothing_to_do(program: Program) -> None:
    """What plan saved, show prints and apply carries out; planning again finds no changes."""
    planned = program.run("plan", WEB, *WEB_SET, "--out", "r.json")
    shown = program.run("show", "r.json")
    applied = program.run("apply", "r.json", *WEB_SET, "--auto-approve")
    again = program.run("plan", WEB, *WEB_SET, "--detailed-exitcode")

    assert planned.code == 0
    assert planned.out.startswith(shown.out.rstrip("\n"))
    assert (applied.code, "Apply complete!" in applied.out) == (0, True)
    assert "ok=11 upgraded=11 skipped=1 failed=0 pending=0" in applied.out
    assert (again.code, "No changes." in again.out) == (0, True)


def test_the_same_job_runs_through_the_real_sdk_over_https(
    program: Program, web: Simulator
) -> None:
    """Against a simulator's server every command answers as in-process."""
    planned = program.run("plan", WEB, *web.arguments, "--out", "r.json", "--detailed-exitcode")
    applied = program.run("apply", "r.json", *web.arguments, "--auto-approve")
    again = program.run("plan", WEB, *web.arguments, "--detailed-exitcode")

    assert (planned.code, applied.code, again.code) == (2, 0, 0), applied.text
    assert len(web.upgrades()) == len(set(web.upgrades())) == 11
    assert web.lowest_in_service() == 10


def test_the_served_certificate_is_found_without_an_option(
    program: Program, web: Simulator
) -> None:
    """A simulator served from the same folder needs no --ca-file."""
    planned = program.run("plan", WEB, "--endpoint", web.ready["endpoint"])

    assert planned.code == 0, planned.text


def test_both_doors_write_the_same_journal(program: Program, web: Simulator) -> None:
    """The journal of a Run over HTTPS is, byte for byte, the one of the Run in-process."""
    program.run("apply", WEB, *web.arguments, "--auto-approve", "--state-dir", "https")
    program.run("apply", WEB, *WEB_SET, "--auto-approve", "--state-dir", "direct")

    journal = "runs/web-jammy-1/journal.jsonl"
    over_https = (program.folder / "https" / journal).read_bytes()
    in_process = (program.folder / "direct" / journal).read_bytes()
    assert over_https == in_process
    assert len(in_process.splitlines()) > 50


def test_json_output_is_one_event_a_line(program: Program) -> None:
    """With --json every line of apply is a JSON object, the last one the outcome."""
    applied = program.run("apply", WEB, *WEB_SET, "--auto-approve", "--json")

    lines = [json.loads(line) for line in applied.out.splitlines()]
    assert applied.code == 0
    assert all({"@level", "@message", "@timestamp", "type"} <= line.keys() for line in lines[:-1])


def test_a_snapshot_is_a_scenario_on_which_the_same_plan_means_the_same(program: Program) -> None:
    """Planning against the snapshot of a live set names the same instances in the same batches."""
    taken = program.run("snapshot", WEB, *WEB_SET, "--out", "live.yaml")
    live = json.loads(program.run("plan", WEB, *WEB_SET, "--json").out)
    twin = json.loads(program.run("plan", WEB, "--simulator", "live.yaml", "--json").out)

    assert taken.code == 0
    assert twin["rollout"]["steps"] == live["rollout"]["steps"]
    assert twin["rollout"]["instances"] == live["rollout"]["instances"]
