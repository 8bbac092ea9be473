"""Forecasts end to end: told by `plan`, true to `apply`, compared, and learned from Runs."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from jsonschema import Draft202012Validator

from vmssplan.backends.twin import Twins, twin_scenario
from vmssplan.forecast.trial import AllIsWell, rehearse_as_applied
from vmssplan.schema_files import schema
from vmssplan.stores.formats import journal_lines
from vmssplan.stores.local import load_rollout

if TYPE_CHECKING:
    from tests.support.in_process import Here

ROOT = Path(__file__).parent.parent.parent
WANTED = {"VMSSPLAN_NO_FORECAST": "0"}
"""The other tests leave it out, because it takes time."""
WEB = ROOT / "simulator" / "scenarios" / "web-12.yaml"
PLAN = """\
apiVersion: vmssplan/v1
kind: Plan
metadata: {name: web}
target: {subscriptionId: 00000000-0000-0000-0000-000000000001, resourceGroup: myrg, scaleSet: web}
model:
  image:
    {publisher: Canonical, offer: ubuntu-server, sku: 22_04-lts-gen2, version: 22.04.202611010}
"""
STRATEGIES = {
    "perInstance": "{type: perInstance}",
    "perUpdateDomain": "{type: perUpdateDomain, pauseTimeBetweenBatches: PT1M}",
    "ramp": "{type: fixedBatch, batchSize: [1, 4]}",
    "slidingWindow": "{type: slidingWindow, batchSize: 3}",
    "reimage": "{type: fixedBatch, batchSize: 50%, method: reimage}",
}
LATENCIES = "latencies:\n  upgrade: {median: PT3M, p95: PT7M}\n  health: PT35S\n"


def write_plan(
    folder: Path, strategy: str = "{type: fixedBatch, batchSize: 25%}", **more: str
) -> Path:
    """Write a Plan with that strategy."""
    path = folder / "web.yaml"
    further = "".join(f"{key}: {value}\n" for key, value in more.items())
    path.write_text(f"{PLAN}strategy: {strategy}\n{further}", encoding="utf-8")
    return path


def rehearsed(rollout_file: Path, twin: Path, seed: int, run: str) -> bytes:
    """Return the journal that a rehearsal of a saved Rollout with that seed would leave."""
    document = yaml.safe_load(twin.read_text(encoding="utf-8"))
    stage = Twins(twin_scenario({**document, "seed": 0})).twin(seed)
    rollout = load_rollout(rollout_file)
    went = asyncio.run(rehearse_as_applied(rollout, stage, run, AllIsWell()))
    return b"".join(journal_lines(went.events))


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_apply_with_a_seed_is_the_rehearsal_with_it(
    here: Here, tmp_path: Path, name: str
) -> None:
    """Their journals are equal, byte for byte, with calibrated latencies too."""
    plan = write_plan(tmp_path, STRATEGIES[name])
    (tmp_path / "latencies.yaml").write_text(LATENCIES, encoding="utf-8")
    twin, saved = tmp_path / "twin.yaml", tmp_path / "rollout.json"
    live = ("--simulator", WEB)
    took = here.run(
        "snapshot", plan, "--seed", "7", "--latencies", "latencies.yaml", "--out", twin, *live
    )
    assert took.code == 0, took.text
    assert here.run("plan", plan, "--out", saved, "--no-forecast", *live).code == 0

    applied = here.run("apply", saved, "--auto-approve", "--simulator", twin)

    assert applied.code == 0, applied.text
    journal = next(here.folder.glob(".vmssplan/runs/web-1/*.jsonl"))
    assert journal.read_bytes() == rehearsed(saved, twin, 7, "web-1")
    assert journal.read_bytes() != rehearsed(saved, twin, 8, "web-1")


def test_a_plan_tells_what_to_expect(here: Here, tmp_path: Path) -> None:
    """How long, what limits it, which budget is tightest, and what a bad image would hit."""
    plan = write_plan(tmp_path)

    told = here.run("plan", plan, "--simulator", WEB, "--forecast-seeds", "3", **WANTED)

    assert told.code == 0, told.text
    text = " ".join(told.out.split())
    assert "rehearsed 3 times on a twin of the live set, with assumed latencies" in text
    assert "limited by upgrades" in text
    assert "barriers between batches cost" in text
    assert "the tightest documented budget is GetVMScaleSetResource" in text
    assert "3 of 12 instances are hit before it is stopped" in text
    assert "1 with the strategy fixedBatch:1/25%" in text
    assert "Predicted: " in told.out


def test_one_seed_is_told_as_one(here: Here, tmp_path: Path) -> None:
    """It may be rehearsed a single time."""
    told = here.run(
        "plan", write_plan(tmp_path), "--simulator", WEB, "--forecast-seeds", "1", **WANTED
    )
    assert "rehearsed   1 time on a twin" in told.out


@pytest.mark.parametrize("arguments", [["--no-forecast"], ["--no-forecast", "--json"]])
def test_no_forecast_is_none(here: Here, tmp_path: Path, arguments: list[str]) -> None:
    """Neither in the text nor in the document."""
    told = here.run("plan", write_plan(tmp_path), "--simulator", WEB, *arguments)
    assert "rehearsed" not in told.out
    assert '"forecast"' not in told.out


def test_machines_read_the_forecast_beside_the_rollout(here: Here, tmp_path: Path) -> None:
    """It fits the schema, is no part of the digest, and the document can be applied."""
    plan = write_plan(tmp_path)
    told = here.run("plan", plan, "--simulator", WEB, "--json", "--forecast-seeds", "2", **WANTED)
    document: dict[str, Any] = json.loads(told.out)
    Draft202012Validator(schema("rollout")).validate(document)
    assert document["forecast"]["seeds"] == 2
    assert document["forecast"]["badImage"]["hitP50"] == 3
    assert document["forecast"]["alternative"]["strategy"] == "fixedBatch:1/25%"
    without = json.loads(here.run("plan", plan, "--simulator", WEB, "--json", "--no-forecast").out)
    assert {**without, "forecast": document["forecast"]} == document

    saved = tmp_path / "printed.json"
    saved.write_text(told.out, encoding="utf-8")
    assert here.run("apply", saved, "--auto-approve", "--simulator", WEB).code == 0
    after = here.run("plan", plan, "--simulator", WEB, **WANTED)
    assert "rehearsed" not in after.out, "nothing is left to do"


def test_gates_and_people_are_taken_to_agree(here: Here, tmp_path: Path) -> None:
    """A Plan with an approval and a gate is rehearsed to its end, and that is said."""
    gates = (
        "\n  - {after: batch 1, approval: {message: proceed}}"
        '\n  - {after: each batch, http: {url: "https://example.invalid/", expectStatus: 200}}'
    )
    plan = write_plan(tmp_path, gates=gates)
    told = here.run("plan", plan, "--simulator", WEB, "--forecast-seeds", "2", **WANTED)
    assert told.code == 0, told.text
    text = " ".join(told.out.split())
    assert "approvals, gates and hooks are taken to pass at once" in text
    assert "ended with exit code" not in text


def test_a_forecast_that_does_not_come_to_an_end_says_so(here: Here, tmp_path: Path) -> None:
    """Where health takes longer than the deadline, the outcome is told by exit code."""
    (tmp_path / "slow.yaml").write_text("latencies: {health: PT30M}\n", encoding="utf-8")
    told = here.run(
        *("plan", write_plan(tmp_path), "--simulator", WEB),
        *("--forecast-seeds", "2", "--latencies", "slow.yaml"),
        **WANTED,
    )
    assert told.code == 0, told.text
    assert "2 ended with exit code 11 of 2" in " ".join(told.out.split())


def test_strategies_are_compared(here: Here, tmp_path: Path) -> None:
    """The Plan's own first, then the others; the drawing has a row for each."""
    svg = tmp_path / "compared.svg"
    told = here.run(
        *("compare", write_plan(tmp_path), "--simulator", WEB, "--forecast-seeds", "2"),
        *("--strategies", "perInstance,slidingWindow:2,fixedBatch:1/25%", "--svg", svg),
    )
    assert told.code == 0, told.text
    rows = [line.split("  ")[0] for line in told.out.splitlines()[1:5]]
    assert rows == ["fixedBatch:25% *", "perInstance", "slidingWindow:2", "fixedBatch:1/25%"]
    drawn = ET.fromstring(svg.read_text(encoding="utf-8"))  # noqa: S314 - our own
    texts = [one.text or "" for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert all(row in texts for row in rows)


def test_machines_read_a_comparison(here: Here, tmp_path: Path) -> None:
    """One entry a strategy; the Plan's floor holds for each."""
    plan = write_plan(tmp_path, availability="{maxUnavailable: 25%}")
    told = here.run(
        *("compare", plan, "--simulator", WEB, "--forecast-seeds", "2", "--json"),
        *("--strategies", "perInstance,fixedBatch:100%"),
    )
    own, one, whole = json.loads(told.out)["strategies"]
    assert (own["isOfPlan"], own["batches"]) == (True, 4)
    assert (one["batches"], one["badImage"]["hitP50"], one["badImage"]["isStopped"]) == (
        11,
        1,
        True,
    )
    assert whole["batches"] == 4, "the floor of the Plan holds for every strategy"


@pytest.mark.parametrize(
    ("strategies", "why"),
    [
        ("perMoon", "'perMoon' is no strategy; there are perInstance"),
        ("fixedBatch", "fixedBatch needs a size"),
        ("fixedBatch:0", "fixedBatch needs a size"),
        ("perZone:3", "perZone takes no size"),
        ("slidingWindow:1/2", "slidingWindow takes one size"),
    ],
)
def test_a_strategy_that_is_none_is_named(
    here: Here, tmp_path: Path, strategies: str, why: str
) -> None:
    """With what there is instead."""
    told = here.run("compare", write_plan(tmp_path), "--simulator", WEB, "--strategies", strategies)
    assert told.code == 1
    assert why in told.err


def test_latencies_are_learned_and_used(here: Here, tmp_path: Path) -> None:
    """What a Run took is written for its owner only, and the next plan rests on it."""
    plan = write_plan(tmp_path)
    nothing = here.run("calibrate")
    assert (nothing.code, "no Runs to learn from" in nothing.err) == (1, True)
    assert here.run("apply", plan, "--auto-approve", "--simulator", WEB).code == 0

    learned = here.run("calibrate")

    assert learned.code == 0, learned.text
    assert "Learned from 1 Run:" in learned.out
    assert "11 samples" in learned.out
    file = here.folder / ".vmssplan" / "latencies.yaml"
    assert file.stat().st_mode & 0o777 == 0o600
    afresh = shutil.copy(WEB, tmp_path / "afresh.yaml")
    again = here.run("plan", plan, "--simulator", afresh, "--forecast-seeds", "1", **WANTED)
    assert "with the latencies of .vmssplan/latencies.yaml" in " ".join(again.out.split())


def test_nobody_learns_from_a_run_that_is_not_there(here: Here, tmp_path: Path) -> None:
    """It is named."""
    here.run("apply", write_plan(tmp_path), "--auto-approve", "--simulator", WEB)
    told = here.run("calibrate", "web-9")
    assert told.code == 1
    assert "there is no Run web-9" in told.err
