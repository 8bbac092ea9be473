"""The verb that runs a team's scenario tests, in virtual time, over all processors."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vmssplan.cli.connection import NoColorOption
from vmssplan.cli.console import Console
from vmssplan.cli.event_loop import result_of
from vmssplan.errors import DocumentInvalid, ExitCode, Refused, UsageInvalid, VmssplanError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vmssplan.lint import Finding
    from vmssplan.model import Plan
    from vmssplan.rehearsal import Rehearsal
    from vmssplan.rollout import Rollout
    from vmssplan.rollout_tests import RolloutTest

FEW = 8
"""So many tests are done before other processes would have begun."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one test went: what does not hold, the timeline when anything does not, seconds."""

    test: RolloutTest
    failures: tuple[str, ...]
    timeline: tuple[str, ...]
    seconds: float


def run_tests(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Files of RolloutTests, or folders of them."),
    ],
    *,
    only: Annotated[
        str | None, typer.Option("--only", metavar="TEXT", help="Only tests whose name has this.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit report there too.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, help="Processes. Default: one a processor."),
    ] = None,
    no_color: NoColorOption = False,
) -> int:
    """Run scenario tests: Plans against simulated worlds. Exit 1 when any fails.

    Example: vmssplan test plans/tests --junit report.xml
    """
    from vmssplan.report.testing import junit_text, result_text, summary_text
    from vmssplan.rollout_tests import read_tests

    console = Console(no_color=no_color)
    tests = [one for one in read_tests(paths) if only is None or only in one.name]
    if not tests:
        raise UsageInvalid(f"no test has {only!r} in its name")
    begun = time.perf_counter()
    results = []
    for result in _results(tests, jobs or os.cpu_count() or 1):
        console.out(result_text(result, console.paint()))
        results.append(result)
    console.out(summary_text(results, time.perf_counter() - begun, console.paint()))
    if junit is not None:
        try:
            junit.write_text(junit_text(results), encoding="utf-8")
        except OSError as error:
            raise UsageInvalid(f"{junit}: cannot be written: {error.strerror or error}") from error
    return ExitCode.ERROR if any(one.failures for one in results) else ExitCode.SUCCESS


def _results(tests: Sequence[RolloutTest], jobs: int) -> Iterator[Result]:
    if jobs == 1 or len(tests) <= FEW:
        yield from map(_run, tests)
        return
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    with ProcessPoolExecutor(jobs, multiprocessing.get_context(method)) as pool:
        yield from pool.map(_run, tests, chunksize=max(1, len(tests) // (jobs * 4)))


def failures_of(path: Path) -> tuple[str, ...]:
    """Return what does not hold of the tests in this file."""
    from vmssplan.rollout_tests import read_tests

    return tuple(failure for one in read_tests([path]) for failure in _carry_out(one)[0])


def _run(one: RolloutTest) -> Result:
    begun = time.perf_counter()
    failures, timeline = _carry_out(one)
    return Result(one, failures, timeline, time.perf_counter() - begun)


def _carry_out(one: RolloutTest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what does not hold, and the timeline when anything does not."""
    from vmssplan.report.testing import timeline
    from vmssplan.rollout_tests import judge, refused_as_expected

    try:
        rollout, went = rehearsed(one)
    except (DocumentInvalid, UsageInvalid) as error:
        # A mistake in the test's own files is never the refusal that was expected.
        return (f"it cannot be run: {error.message}",), ()
    except VmssplanError as error:
        refused = refused_as_expected(one.expect, int(error.exit_code), error.message)
        return tuple(str(failure) for failure in refused), ()
    failures = judge(one.expect, rollout, went)
    if not failures:
        return (), ()
    last = [failure.after for failure in failures if failure.after is not None]
    marked = min(last) if last else None
    return tuple(str(failure) for failure in failures), timeline(rollout, went.events, marked)


def rehearsed(one: RolloutTest) -> tuple[Rollout, Rehearsal]:
    """Carry a test out; raises what apply would raise before it begins."""
    return result_of(_rehearsed(one))


async def _rehearsed(one: RolloutTest) -> tuple[Rollout, Rehearsal]:
    from vmssplan.backends.probing import probing
    from vmssplan.lint import lint_plan
    from vmssplan.rehearsal import rehearse
    from vmssplan.resolution import compute
    from vmssplan.rollout_tests.scripted import ScriptedAnswers, ScriptedPeople
    from vmssplan.staleness import refusals

    plan = _plan(one.plan, json.dumps(one.overrides, sort_keys=True))
    _refuse(lint_plan(plan))
    simulated, clock = _world(one)
    answers = ScriptedAnswers(one.answers)
    backend = probing(simulated, answers.health(), plan.health)
    rollout, live = await compute(plan, backend, _refuse)
    rolling = await backend.rolling_upgrade_in_progress(plan.target)
    reasons = refusals(rollout, live, rolling_upgrade_in_progress=rolling)
    if reasons:
        raise Refused("; ".join(reasons))
    people = ScriptedPeople(rollout, one.people)
    went = await rehearse(rollout, backend, clock, answers, people, goes_on=people.answer)
    return rollout, went


def _refuse(findings: Sequence[Finding]) -> None:
    from vmssplan.lint import Severity

    errors = [one for one in findings if one.severity is Severity.ERROR]
    if errors:
        raise Refused("; ".join(f"{one.path}: {one.message} [{one.rule}]" for one in errors))


def _world(one: RolloutTest) -> tuple[Any, Any]:
    from dataclasses import replace

    from vmssplan.backends.twin import make_twin

    changes = {"faults": list(one.faults), "latencies": one.latencies}
    scenario = _scenario(one.scenario, json.dumps(changes, sort_keys=True))
    seed = scenario.seed if one.seed is None else one.seed
    twin = make_twin(replace(scenario, seed=seed), seed)
    return twin.backend, twin.clock


@cache
def _plan(path: Path, overrides: str) -> Plan:
    """Return the one Plan in the file, with these values in place of its own."""
    from vmssplan.planfile import read_plan
    from vmssplan.what_if import Override, overridden

    raw = _mapping(path)
    changes = [
        Override(tuple(key.split(".")), value) for key, value in json.loads(overrides).items()
    ]
    return read_plan(json.dumps(overridden(raw, changes)), str(path), os.environ).plan


@cache
def _scenario(path: Path, changes: str) -> Any:
    from vmss_simulator.errors import ScenarioError
    from vmss_simulator.scenario import parse_scenario

    raw, change = _mapping(path), json.loads(changes)
    if change["faults"]:
        raw = {**raw, "faults": [*raw.get("faults", ()), *change["faults"]]}
    if change["latencies"] is not None:
        raw = {**raw, "latencies": change["latencies"]}
    try:
        return parse_scenario(json.dumps(raw), str(path))
    except ScenarioError as error:
        raise UsageInvalid(str(error)) from error


def _mapping(path: Path) -> Mapping[str, Any]:
    from vmssplan.planfile.source import read_documents

    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageInvalid(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageInvalid(f"{path}: cannot be read: {error}") from error
    documents, problems = read_documents(text, str(path))
    if problems:
        raise DocumentInvalid(problems)
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        raise UsageInvalid(f"{path}: expected one document, got {len(documents)}")
    return documents[0].value
