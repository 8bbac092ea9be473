"""Standard output and standard error for machines: the stream of Events, and logs beside it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from tests.e2e.program import PLANS, ROOT, SCENARIOS
from vmss_simulator.arm.settings import Settings
from vmssplan.report.event_words import TYPES

if TYPE_CHECKING:
    from tests.e2e.program import Program, Result, Simulator

pytestmark = pytest.mark.own_process

PLAN = PLANS / "web-jammy.yaml"
EMBEDDED = ("--simulator", SCENARIOS / "web-12.yaml")


def lines(text: str) -> list[dict[str, Any]]:
    """Return the documents, one a line."""
    return [json.loads(line) for line in text.splitlines()]


def check(program: Program, done: Result) -> list[dict[str, Any]]:
    """Hold standard output against the schema that the program itself prints."""
    schema = json.loads(program.run("schema", "event").out)
    stream = lines(done.out)
    for line in stream:
        Draft202012Validator(schema).validate(line)
    return stream


def test_the_stream_is_what_its_schema_says(program: Program) -> None:
    """From the version line to the outcome every line fits, also where there is nothing to do."""
    done = program.run("apply", PLAN, *EMBEDDED, "--auto-approve", "--json")
    again = program.run("apply", PLAN, *EMBEDDED, "--auto-approve", "--json")

    assert (done.code, again.code, done.err, again.err) == (0, 0, "", "")
    stream = check(program, done)
    assert [stream[0]["type"], stream[1]["type"]] == ["version", "run_start"]
    assert [one["type"] for one in stream[-2:]] == ["run_complete", "outcome"]
    assert stream[-1]["exitCode"] == 0
    assert [one["type"] for one in check(program, again)] == ["version", "outcome"]


def test_every_type_is_in_the_documentation() -> None:
    """docs/events.md names each type of line."""
    text = (ROOT / "docs" / "events.md").read_text("utf-8")

    assert [one for one in TYPES if f"`{one}`" not in text] == []


@pytest.mark.skipif(
    shutil.which("jq") is None and not os.environ.get("CI"), reason="jq is not installed here"
)
def test_the_examples_with_jq_work(program: Program) -> None:
    """What docs/events.md shows reads a real stream, and finds what it says it finds."""
    failing = SCENARIOS / "faults" / "allocation-failed.yaml"
    done = program.run("apply", PLAN, "--simulator", failing, "--auto-approve", "--json")
    text = (ROOT / "docs" / "events.md").read_text("utf-8")
    found = []
    for arguments in re.findall(r"^jq (.*)$", text, re.MULTILINE):
        command = ["jq", *shlex.split(arguments)]
        read = subprocess.run(command, input=done.out, capture_output=True, text=True, check=True)
        found.append(read.stdout)

    assert done.code == 4
    warnings, failures, outcome = found
    assert "FAILED" in warnings
    assert failures.count("\t") >= 2
    assert json.loads(outcome)["exitCode"] == 4


def test_logs_of_a_run_over_https(program: Program, web: Simulator) -> None:
    """All of standard error is JSON; each request carries the Run and Azure's id, and no secret."""
    done = program.run(
        "apply",
        PLAN,
        *web.arguments,
        "--auto-approve",
        "--json",
        "--log-format",
        "json",
        "--log-level",
        "debug",
    )

    assert done.code == 0
    check(program, done)
    records = lines(done.err)
    requests = [one for one in records if one["logger"] == "vmssplan.azure" and "run" in one]
    upgrades = [one for one in requests if one["path"].casefold().endswith("/manualupgrade")]
    assert sorted(i for one in upgrades for i in one["instances"]) == sorted(web.upgrades())
    for one in requests:
        assert {"requestId", "status", "seconds", "method", "path"} <= set(one)
    for one in upgrades:
        assert {"step", "batch", "attempt", "plan", "scaleSet"} <= set(one)
    assert any(one["logger"].startswith("azure.core") for one in records)
    assert Settings().client_secret not in done.text
    assert "Bearer" not in done.text


def test_text_logs_stay_beside_the_result(program: Program) -> None:
    """Asked for, logs are lines on standard error; standard output is what it is without them."""
    quiet = program.run("apply", PLAN, *EMBEDDED, "--auto-approve")
    anew = (*EMBEDDED, "--state-dir", "another")
    talking = program.run("apply", PLAN, *anew, "--auto-approve", VMSSPLAN_LOG_LEVEL="info")

    assert quiet.err == ""
    assert talking.code == quiet.code == 0
    assert talking.out == quiet.out
    assert all(" info vmssplan.run: " in line for line in talking.err.splitlines())
    assert len(talking.err.splitlines()) > 20


def test_even_a_mistyped_command_is_told_in_json(program: Program) -> None:
    """Where the environment asks for JSON, there is nothing else on standard error."""
    for arguments in (
        ("apply", "--bogus"),
        ("bogus",),
        ("apply", "nowhere.yaml", "--auto-approve"),
    ):
        done = program.run(*arguments, VMSSPLAN_LOG_FORMAT="json")
        assert done.code == 1
        [line] = lines(done.err)
        assert (line["level"], line["logger"]) == ("error", "vmssplan.console")
