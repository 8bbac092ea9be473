"""Scenario tests: what is read, how it is judged, and what `vmssplan test` says of it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e.program import PLANS, SCENARIOS
from tests.support.copying import replace
from vmssplan.cli.testing import rehearsed
from vmssplan.documents import to_document
from vmssplan.engine import Event
from vmssplan.engine import events as ev
from vmssplan.errors import DocumentInvalid
from vmssplan.gates import Verdict
from vmssplan.rollout_tests import (
    Bounds,
    EventPattern,
    Expectation,
    Outcome,
    People,
    RolloutTest,
    judge,
    read_tests,
    refused_as_expected,
)

if TYPE_CHECKING:
    from tests.support.in_process import Here
    from vmssplan.rehearsal import Rehearsal
    from vmssplan.rollout import Rollout

WEB = PLANS / "web-jammy.yaml"
DOCUMENT: dict[str, Any] = {
    "apiVersion": "vmssplan/v1",
    "kind": "RolloutTest",
    "metadata": {"name": "it completes"},
    "plan": str(WEB),
    "scenario": str(SCENARIOS / "web-12.yaml"),
    "expect": {"outcome": "complete"},
}


def write(folder: Path, *changes: dict[str, Any], name: str = "tests.yaml") -> Path:
    """Write a file of tests: the everyday one with these keys changed, a document each."""
    path = folder / name
    documents = [{**DOCUMENT, **change} for change in changes or ({},)]
    path.write_text("\n---\n".join(yaml.safe_dump(one) for one in documents), encoding="utf-8")
    return path


def named(name: str, **changes: Any) -> dict[str, Any]:
    """Return the change that gives a test this name, and others."""
    return {"metadata": {"name": name}, **changes}


# --- reading --------------------------------------------------------------------------------


def test_everything_that_is_written_is_read(tmp_path: Path) -> None:
    """Paths are seen from the file."""
    path = write(
        tmp_path,
        {
            "plan": "../web.yaml",
            "scenario": "worlds/web.yaml",
            "with": {"strategy.type": "perZone"},
            "seed": 7,
            "latencies": {"boot": "PT5M"},
            "faults": [{"name": "f", "effect": {"stuck": {}}}],
            "answers": ["Failed", "Successful"],
            "approvals": "refused",
            "expect": {
                "outcome": "halted",
                "exitCode": 11,
                "reason": "no",
                "upgraded": ["0", "5"],
                "touched": 3,
                "inService": {"atLeast": 9},
                "batches": 6,
                "duration": {"atLeast": "PT1M", "atMost": "PT1H"},
                "events": [{"event": "RunHalted", "exitCode": 11}],
                "never": [{"event": "FloorReached"}],
                "gates": 2,
            },
        },
    )

    [one] = read_tests([path])

    assert one == RolloutTest(
        name="it completes",
        file=path,
        line=one.line,
        plan=tmp_path / "../web.yaml",
        scenario=tmp_path / "worlds/web.yaml",
        overrides={"strategy.type": "perZone"},
        faults=({"name": "f", "effect": {"stuck": {}}},),
        latencies={"boot": "PT5M"},
        seed=7,
        answers=(Verdict.FAILED, Verdict.SUCCESSFUL),
        people=People.REFUSED,
        expect=Expectation(
            outcome=Outcome.HALTED,
            exit_code=11,
            reason="no",
            upgraded=frozenset({"0", "5"}),
            touched=3,
            in_service=Bounds(at_least=9),
            batches=6,
            duration=Bounds(timedelta(minutes=1), timedelta(hours=1)),
            events=(EventPattern("RunHalted", {"exitCode": 11}),),
            never=(EventPattern("FloorReached", {}),),
            gates=2,
        ),
    )
    assert path.read_text("utf-8").splitlines()[one.line - 1].strip() == "name: it completes"


def problems(*paths: Path) -> list[str]:
    """Return what is wrong with these files."""
    with pytest.raises(DocumentInvalid) as raised:
        read_tests(paths)
    return [str(one) for one in raised.value.problems]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expect": {}}, "expect"),
        ({"expect": {"outcom": "complete"}}, "expect.outcom: unknown key"),
        ({"expect": {"outcome": "done"}}, "expect.outcome"),
        ({"expect": {"upgraded": "all"}}, "expected a number of instances, or a list"),
        ({"expect": {"duration": {"atMost": "1h"}}}, "expected an ISO 8601 duration"),
        ({"expect": {"exitCode": 256}}, "expect.exitCode"),
        ({"expect": {"events": [{"type": "RunHalted"}]}}, "expect.events[0]"),
        ({"metadata": {}}, "metadata"),
        ({"answers": []}, "answers"),
        ({"answers": ["Perhaps"]}, "answers[0]"),
        ({"seed": -1}, "seed"),
        ({"aprovals": "given"}, "did you mean `approvals`?"),
        ({"apiVersion": "vmssplan/v2"}, "apiVersion"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    """File, line and column, and what was expected."""
    path = write(tmp_path, change)

    [found] = problems(path)

    assert re.match(rf"{re.escape(str(path))}:\d+:\d+: ", found), found
    assert said in found


def test_the_mistakes_of_all_files_are_named_together(tmp_path: Path) -> None:
    """Also those of files that are not there, or hold nothing."""
    first = write(tmp_path, named("a", expect={}), named("b", seed="x"), name="a.yaml")
    (tmp_path / "empty.yaml").write_text("kind: Plan\n")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")

    found = problems(
        first, tmp_path / "empty.yaml", tmp_path / "binary.yaml", tmp_path / "no-such.yaml"
    )

    assert len(found) == 5
    assert "holds no document of kind RolloutTest" in "\n".join(found)
    assert "no such file or folder" in "\n".join(found)
    assert "cannot be read" in "\n".join(found)


def test_other_kinds_in_a_folder_are_passed_by(tmp_path: Path) -> None:
    """A folder may hold Plans beside their tests; one without any test is a mistake."""
    write(tmp_path)
    (tmp_path / "plan.yml").write_text(WEB.read_text("utf-8"))
    (tmp_path / "notes.txt").write_text("kind: RolloutTest")
    (tmp_path / "none").mkdir()

    assert [one.name for one in read_tests([tmp_path])] == ["it completes"]
    assert "holds no document" in problems(tmp_path / "none")[0]


def test_two_tests_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    """A report could not tell them apart; in another folder it can."""
    write(tmp_path, named("same"), name="a.yaml")
    write(tmp_path, named("same"), name="b.yaml")
    (tmp_path / "other").mkdir()

    [found] = problems(tmp_path)
    (tmp_path / "b.yaml").rename(tmp_path / "other" / "b.yaml")

    assert f"another test is called so: {tmp_path / 'a.yaml'}:" in found
    assert len(read_tests([tmp_path])) == 2


# --- judging --------------------------------------------------------------------------------

STORIES = {
    "complete": ("web-jammy", "web-12"),
    "halted": ("web-jammy", "bad-image"),
    "rolled back": ("rollback", "bad-image"),
    "gated": ("gates-and-hooks", "web-12"),
    "windowed": ("sliding-window", "web-12"),
    "throttled": ("web-jammy", "throttled"),
}


@cache
def story(name: str) -> tuple[Rollout, Rehearsal]:
    """Return a Rollout and how it went."""
    plan, scenario = STORIES[name]
    one = RolloutTest(
        name,
        Path("tests.yaml"),
        1,
        PLANS / f"{plan}.yaml",
        SCENARIOS / f"{scenario}.yaml",
        Expectation(),
        {},
    )
    return rehearsed(one)


def true_of(name: str) -> Expectation:
    """Return everything that can be expected of what happened, exactly as it was."""
    rollout, went = story(name)
    outcome = went.state.outcome
    assert outcome is not None
    ready = () if went.state.rollback else went.state.ids(ev_ready())
    touched = {i for e in went.events if isinstance(e, ev.UpgradeIntended) for i in e.instance_ids}
    kind = {0: Outcome.COMPLETE, 12: Outcome.ROLLED_BACK}.get(outcome.exit_code, Outcome.HALTED)
    low, span = went.lowest_in_service, went.makespan
    return Expectation(
        outcome=kind,
        exit_code=int(outcome.exit_code),
        reason=outcome.reason,
        upgraded=frozenset(ready),
        touched=frozenset(touched),
        in_service=Bounds(low, low),
        batches=rollout.batch_count,
        duration=Bounds(span, span),
        gates=sum(isinstance(e, ev.GateMeasured) for e in went.events),
    )


def ev_ready() -> Any:
    """Return the phase of what is done."""
    from vmssplan.engine import Phase  # noqa: PLC0415 - beside its one use

    return Phase.READY


def pattern_of(event: Event, keys: list[str]) -> EventPattern:
    """Return a pattern of this Event with some of its fields."""
    document = to_document(event, Event)
    return EventPattern(document["type"], {key: document[key] for key in keys if key in document})


@settings(max_examples=60)
@given(st.sampled_from(sorted(STORIES)), st.data())
def test_what_happened_is_always_as_expected(name: str, data: st.DataObject) -> None:
    """Any part of the truth holds: figures, and Events in their order with any of their fields."""
    rollout, went = story(name)
    truth = true_of(name)
    chosen = sorted(data.draw(st.sets(st.integers(0, len(went.events) - 1), max_size=5)))
    keys = data.draw(st.lists(st.sampled_from(["at", "step", "instanceId", "instanceIds"])))
    dropped = data.draw(st.sets(st.sampled_from(["outcome", "exit_code", "reason", "upgraded"])))
    numbers = data.draw(st.booleans())
    expect = replace(
        truth,
        events=tuple(pattern_of(went.events[n], keys) for n in chosen),
        **dict.fromkeys(dropped),
    )
    if numbers:
        assert isinstance(truth.touched, frozenset)
        expect = replace(expect, touched=len(truth.touched))

    assert judge(expect, rollout, went) == ()


CHANGES: dict[str, Any] = {
    "outcome": lambda one: replace(
        one,
        outcome=Outcome.HALTED if one.outcome is not Outcome.HALTED else Outcome.COMPLETE,
    ),
    "exitCode": lambda one: replace(one, exit_code=one.exit_code + 1),
    "reason": lambda one: replace(one, reason=one.reason + "!"),
    "upgraded": lambda one: replace(one, upgraded=one.upgraded ^ {"0", "x"}),
    "touched": lambda one: replace(one, touched=len(one.touched) + 1),
    "inService": lambda one: replace(one, in_service=Bounds(one.in_service.at_least + 1)),
    "batches": lambda one: replace(one, batches=one.batches - 1),
    "duration": lambda one: replace(
        one, duration=Bounds(at_most=one.duration.at_most - timedelta(seconds=1))
    ),
    "gates": lambda one: replace(one, gates=one.gates + 1),
    "events[0]": lambda one: replace(one, events=(EventPattern("RunStarted", {"run": "x"}),)),
    "never[0]": lambda one: replace(one, never=(EventPattern("RunStarted", {}),)),
}


@pytest.mark.parametrize("key", CHANGES)
@pytest.mark.parametrize("name", STORIES)
def test_what_did_not_happen_is_named(name: str, key: str) -> None:
    """One thing changed is one failure, under its own key."""
    rollout, went = story(name)

    found = judge(CHANGES[key](true_of(name)), rollout, went)

    assert [one.key for one in found] == [key], found


@settings(max_examples=40)
@given(st.sampled_from(sorted(STORIES)), st.data())
def test_events_in_another_order_fail_where_the_order_breaks(
    name: str, data: st.DataObject
) -> None:
    """The failure knows the last Event that went as expected, for the timeline."""
    rollout, went = story(name)
    late = data.draw(st.integers(1, len(went.events) - 1))
    early = data.draw(st.integers(0, late - 1))
    first, second = went.events[late], went.events[early]
    patterns = tuple(pattern_of(one, ["at", "step", "instanceId"]) for one in (first, second))
    documents = [to_document(one, Event) for one in went.events]
    met = next(n for n, one in enumerate(documents) if patterns[0].matches(one))
    again = any(patterns[1].matches(one) for one in documents[met + 1 :])

    found = judge(Expectation(events=patterns), rollout, went)

    if again:
        assert found == ()
    else:
        [failure] = found
        assert (failure.key, failure.after) == ("events[1]", met)
        is_before = any(patterns[1].matches(one) for one in documents[: met + 1])
        assert failure.got == ("it only before that" if is_before else "none")


def test_a_refusal_is_judged_by_its_code_and_reason() -> None:
    """As expected, otherwise, and where a rollout was expected."""
    expected = Expectation(outcome=Outcome.REFUSED, exit_code=5, reason="floor")

    assert refused_as_expected(expected, 5, "no room above the floor") == ()
    assert [one.key for one in refused_as_expected(expected, 1, "no image")] == [
        "exitCode",
        "reason",
    ]
    [outcome, refusal] = refused_as_expected(Expectation(Outcome.COMPLETE), 5, "no room")
    assert str(outcome) == "outcome: expected complete, got refused"
    assert str(refusal) == "refusal: expected a rollout, got no room"


# --- the verb -------------------------------------------------------------------------------

WRONG = {"outcome": "complete", "events": [{"event": "RunStarted"}, {"event": "FloorReached"}]}


def test_names_durations_and_the_count_are_printed(here: Here) -> None:
    """A line each, in the order of the files; exit 0."""
    write(here.folder, named("first"), named("second", expect={"batches": 6}))

    answer = here.run("test", "tests.yaml")

    first, second, last = answer.out.splitlines()
    assert re.fullmatch(r"ok    first  \(\d+\.\d\d s\)", first)
    assert re.fullmatch(r"ok    second  \(\d+\.\d\d s\)", second)
    assert re.fullmatch(r"2 tests: 2 passed, 0 failed, in \d+\.\d s", last)
    assert answer.code == 0


def test_a_failure_shows_the_timeline_where_it_went_otherwise(here: Here) -> None:
    """Exit 1; what does not hold, its place, and an arrow between what came and what did not."""
    path = write(here.folder, named("good"), named("wrong", expect=WRONG))
    line = path.read_text("utf-8").splitlines().index("  name: wrong") + 1

    answer = here.run("test", "tests.yaml")

    assert answer.code == 1
    assert re.search(rf"(?m)^FAIL  wrong  \(\d+\.\d\d s\)  tests.yaml:{line}$", answer.out)
    assert "        events[1]: expected FloorReached after RunStarted, got none\n" in answer.out
    before, arrow, after = answer.out.partition("--> here it went otherwise than expected")
    assert arrow
    assert "Run rehearsal started: 11 instances" in before.splitlines()[-2]
    assert "Set model.image.version" in after.splitlines()[1]
    assert answer.out.splitlines()[-1].startswith("2 tests: 1 passed, 1 failed, in ")


def test_the_junit_report_is_read_back_as_what_was_printed(here: Here) -> None:
    """Names, files, lines, durations, failures; hostile names stay text."""
    odd = 'a <b> & "c" ]]> test'
    write(here.folder, named("good"), named(odd, expect=WRONG))

    answer = here.run("test", "tests.yaml", "--junit", "report.xml")

    suite = ET.parse(here.folder / "report.xml").getroot()  # noqa: S314 - our own
    good, bad = suite.findall("testcase")
    assert answer.code == 1
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    assert (good.get("name"), bad.get("name")) == ("good", odd)
    assert {good.get("file"), bad.get("classname")} == {"tests.yaml"}
    assert good.find("failure") is None
    failure = bad.find("failure")
    assert failure is not None
    assert failure.get("message") == "events[1]: expected FloorReached after RunStarted, got none"
    assert "--> here it went otherwise than expected" in (failure.text or "")
    assert float(suite.get("time", "")) == pytest.approx(
        sum(float(one.get("time", "")) for one in (good, bad)), abs=0.01
    )


def test_in_parallel_it_is_as_one_after_the_other(here: Here) -> None:
    """The same lines in the same order, but for how long each took."""
    changes = [
        named(f"number {n}", seed=n, expect=WRONG if n % 3 == 0 else {"upgraded": 11})
        for n in range(12)
    ]
    write(here.folder, *changes)

    serial = here.run("test", "tests.yaml", "--jobs", "1")
    parallel = here.run("test", "tests.yaml", "--jobs", "3")

    def without_times(text: str) -> str:
        return re.sub(r"\d+\.\d+ s", "", text)

    assert serial.code == parallel.code == 1
    assert without_times(serial.out) == without_times(parallel.out)
    assert serial.out.count("\nok ") + serial.out.startswith("ok ") == 8


def test_only_some_can_be_asked_for(here: Here) -> None:
    """By a part of their names; none at all is a mistake."""
    write(here.folder, named("one bird"), named("two birds", expect=WRONG))

    assert here.run("test", "tests.yaml", "--only", "one").code == 0
    none = here.run("test", "tests.yaml", "--only", "fish")
    assert (none.code, "no test has 'fish' in its name" in none.err) == (1, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"plan": "no-such.yaml"}, "no-such.yaml: there is no such file"),
        ({"scenario": "no-such.yaml"}, "no-such.yaml: there is no such file"),
        ({"plan": str(SCENARIOS / "web-12.yaml")}, "web-12.yaml"),
        ({"with": {"strategy.typ": "perZone"}}, "strategy.typ"),
        ({"faults": [{"name": "x", "effect": {"nothing": {}}}]}, "faults"),
        ({"latencies": {"boat": "PT1M"}}, "boat"),
    ],
)
def test_a_test_that_cannot_be_run_fails_and_says_why(
    here: Here, change: dict[str, Any], said: str
) -> None:
    """The others are run all the same."""
    write(here.folder, named("impossible", **change), named("good"))

    answer = here.run("test", "tests.yaml")

    assert answer.code == 1
    assert said in answer.out
    assert "ok    good" in answer.out
    assert "1 passed, 1 failed" in answer.out


def test_a_refusal_must_not_hide_a_mistake(here: Here) -> None:
    """A Plan that cannot be read is no refusal that was expected."""
    write(
        here.folder,
        named("typo", **{"with": {"strategy.typ": "perZone"}}, expect={"outcome": "refused"}),
    )

    assert here.run("test", "tests.yaml").code == 1


@pytest.mark.parametrize("place", ["no/such/report.xml", "."])
def test_a_report_that_cannot_be_written_is_1(here: Here, place: str) -> None:
    """With the reason."""
    write(here.folder)

    answer = here.run("test", "tests.yaml", "--junit", place)

    assert (answer.code, "cannot be written" in answer.err) == (1, True)


def test_people_answer_where_they_are_asked(here: Here) -> None:
    """At the approval, and not before: the canary is done by then."""
    base = {"plan": str(PLANS / "gates-and-hooks.yaml")}
    canary = [{"event": "InstanceReady", "instanceId": "0"}]
    given, refused = ([*canary, {"event": kind}] for kind in ("ApprovalGiven", "ApprovalRefused"))
    write(
        here.folder,
        named("given", **base, expect={"outcome": "complete", "events": given}),
        named("refused", **base, approvals="refused", expect={"exitCode": 11, "events": refused}),
        named("missing", **base, approvals="missing", expect={"exitCode": 10, "upgraded": ["0"]}),
    )

    answer = here.run("test", "tests.yaml")

    assert answer.code == 0, answer.out


def test_the_schema_of_the_format_is_the_one_that_is_printed(here: Here) -> None:
    """`vmssplan schema rollouttest` is what editors explain the keys by."""
    printed = json.loads(here.run("schema", "rollouttest").out)

    assert printed["title"] == "vmssplan RolloutTest"
    assert all("description" in one for one in printed["properties"].values())
