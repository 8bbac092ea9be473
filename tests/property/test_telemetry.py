"""Spans tell exactly what the journal tells: the same steps, times, ends and failures."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import Event as Mark
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tests.support.runs import Killed, Killer, MemoryJournal, MortalBackend, compute, executor
from tests.support.strategies import world_plans, worlds
from tests.support.values import START, plan, strategy
from tests.unit.test_event_schema import ROLLOUT, instances_of
from tests.worlds import make_world
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.cli.run_log import RunLog
from vmssplan.engine import Event, RunState, evolve, replay
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode, Refused
from vmssplan.model import Failure, OnFailure
from vmssplan.rollout import Rollout, digest
from vmssplan.telemetry import Numbers, RunIds, RunTelemetry

if TYPE_CHECKING:
    from vmss_simulator.world import World
    from vmssplan.model import Plan

RUN = "web-1"


@dataclass
class Collected:
    """What an SDK in memory has been given, by one process of a Run or several."""

    rollout: Rollout
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def watcher(self) -> RunTelemetry:
        """Return the watcher of a new process."""
        ids = RunIds()
        tracers = TracerProvider(
            id_generator=ids, span_limits=SpanLimits(max_events=10_000), shutdown_on_exit=False
        )
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        meters = MeterProvider([self.reader], shutdown_on_exit=False)
        numbers = Numbers(self.rollout, meters.get_meter("test"))
        return RunTelemetry(RUN, ids, tracers.get_tracer("test"), numbers)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """All spans that ended, in the order in which they did."""
        return self.exporter.get_finished_spans()

    @property
    def roots(self) -> list[ReadableSpan]:
        """The spans of the Run itself, one a process."""
        return [span for span in self.spans if span.parent is None]

    @property
    def steps(self) -> list[ReadableSpan]:
        """The spans of steps."""
        return [span for span in self.spans if span.parent is not None]

    def measured(self) -> dict[str, list[Any]]:
        """Return the data points of each instrument."""
        data = self.reader.get_metrics_data()
        resources = data.resource_metrics if data else []
        scopes = [scope for one in resources for scope in one.scope_metrics]
        return {one.name: list(one.data.data_points) for scope in scopes for one in scope.metrics}


def carried_out(
    world: World, rollout: Rollout, journal: MemoryJournal, collected: Collected, killer: Killer
) -> None:
    """Begin or go on with a Run in that world, watched."""
    clock = SimulatedClock(world)
    journal.killer = killer
    begun = executor(rollout, MortalBackend(SimulatedBackend(world), killer), clock, journal)
    watcher = begun.watcher = collected.watcher()
    opening: Event = ev.RunStarted(clock.now(), RUN, digest(rollout))
    if journal.events:
        opening = ev.RunResumed(clock.now())
    try:
        asyncio.run(begun.run(opening))
    except Killed:
        watcher.close()


def nanoseconds(event: Event) -> int:
    """Return when it happened, as spans have it."""
    return round(event.at.timestamp() * 1_000_000) * 1_000


def told(span: ReadableSpan | Mark) -> dict[str, Any]:
    """Return the attributes."""
    return dict(span.attributes or {})


def computed(world: dict[str, Any], wanted: Plan) -> Rollout:
    """Plan on a fine day, where there is something to do: the faults are for the Run."""
    try:
        rollout = compute(make_world(**{**world, "faults": []}), wanted)
    except Refused:
        assume(condition=False)
        raise
    assume(rollout.has_changes)
    return rollout


@settings(max_examples=40)
@given(worlds(), world_plans())
def test_spans_are_the_steps(world: dict[str, Any], wanted: Plan) -> None:
    """One span a step begun, from its beginning to its end, below the span of the Run."""
    simulated = make_world(**world)
    rollout = computed(world, wanted)
    journal, collected = MemoryJournal(), Collected(rollout)
    carried_out(simulated, rollout, journal, collected, Killer())

    [root] = collected.roots
    begun = journal.of(ev.StepStarted)
    ended = {event.step: event for event in journal.of(ev.StepCompleted)}
    last = journal.events[-1]
    assert [told(span)["vmssplan.step"] for span in collected.steps] == [one.step for one in begun]
    assert [span.start_time for span in collected.steps] == [nanoseconds(one) for one in begun]
    assert [span.end_time for span in collected.steps] == [
        nanoseconds(ended.get(one.step, last)) for one in begun
    ]
    assert (root.start_time, root.end_time) == (nanoseconds(journal.events[0]), nanoseconds(last))
    for span in collected.steps:
        assert span.parent is not None
        assert span.parent.span_id == root.context.span_id
        assert span.context.trace_id == root.context.trace_id


@settings(max_examples=40)
@given(worlds(), world_plans())
def test_failures_are_errors(world: dict[str, Any], wanted: Plan) -> None:
    """A step has error status where an instance failed in it or the Run stopped in it."""
    simulated = make_world(**world)
    rollout = computed(world, wanted)
    journal, collected = MemoryJournal(), Collected(rollout)
    carried_out(simulated, rollout, journal, collected, Killer())

    failing, step = set(), 0
    for event in journal.events:
        match event:
            case ev.StepStarted(step=number):
                step = number
            case ev.StepCompleted():
                step = 0
            case ev.InstanceFailed() | ev.RunHalted():
                failing.add(step)
    [root] = collected.roots
    outcome = replay(rollout, journal.events).outcome
    assert outcome is not None
    assert failing - {0} == {
        told(span)["vmssplan.step"]
        for span in collected.steps
        if span.status.status_code is StatusCode.ERROR
    }
    assert told(root)["vmssplan.outcome.exit_code"] == int(outcome.exit_code)
    is_bad = outcome.exit_code is not ExitCode.SUCCESS
    assert (root.status.status_code is StatusCode.ERROR) == is_bad


@settings(max_examples=40)
@given(worlds(), world_plans())
def test_numbers_are_those_of_the_journal(world: dict[str, Any], wanted: Plan) -> None:
    """Counters and histograms count what the journal has; the floor is the Rollout's."""
    simulated = make_world(**world)
    rollout = computed(world, wanted)
    journal, collected = MemoryJournal(), Collected(rollout)
    carried_out(simulated, rollout, journal, collected, Killer())

    measured = collected.measured()
    for name, kind in {
        "vmssplan.instances.upgraded": ev.InstanceUpgraded,
        "vmssplan.instances.failed": ev.InstanceFailed,
        "vmssplan.instances.skipped": ev.InstanceSkipped,
        "vmssplan.requests.deferred": ev.RequestDeferred,
    }.items():
        assert sum(one.value for one in measured.get(name, [])) == len(journal.of(kind)), name
    durations = measured.get("vmssplan.step.duration", [])
    assert sum(one.count for one in durations) == len(journal.of(ev.StepCompleted))
    [floor] = measured["vmssplan.instances.floor"]
    [serving] = measured["vmssplan.instances.in_service"]
    assert floor.value == rollout.bounds.floor
    assert 0 <= serving.value <= rollout.bounds.total


@settings(max_examples=25)
@given(worlds(faulty=False), world_plans(), st.data())
def test_a_resumed_run_goes_on_in_its_trace(
    world: dict[str, Any], wanted: Plan, data: st.DataObject
) -> None:
    """Killed anywhere and resumed, a Run is one trace, and the second part links to the first."""
    counter, counted = Killer(), make_world(**world)
    rollout = computed(world, wanted)
    carried_out(counted, rollout, MemoryJournal(), Collected(rollout), counter)
    simulated = make_world(**world)
    journal, collected = MemoryJournal(), Collected(rollout)
    # The first two moments are before and after the journal has RunStarted, which nobody saw yet.
    moment = data.draw(st.integers(3, counter.moments - 1))
    carried_out(simulated, rollout, journal, collected, Killer(moment))
    first_part = list(journal.events)
    carried_out(simulated, rollout, journal, collected, Killer())

    first, second = collected.roots
    assert {span.context.trace_id for span in collected.spans} == {first.context.trace_id}
    assert [link.context.span_id for link in second.links] == [first.context.span_id]
    assert first.status.status_code is StatusCode.ERROR
    assert told(second)["vmssplan.resumed"]
    assert second.start_time == nanoseconds(journal.events[len(first_part)])


def test_what_a_step_tells() -> None:
    """A span names its kind, batch and instances, and what befell them as marks on it."""
    world = make_world(capacity=4)
    rollout = compute(world, plan(strategy=strategy("fixedBatch", 2)))
    journal, collected = MemoryJournal(), Collected(rollout)
    carried_out(world, rollout, journal, collected, Killer())

    upgrade = next(one for one in collected.steps if one.name == "vmssplan.step.UpgradeBatch")
    ids = list(next(iter(journal.of(ev.UpgradeIntended))).instance_ids)
    attributes = told(upgrade)
    assert attributes["vmssplan.batch"] == 1
    assert attributes["vmssplan.instances.count"] == len(ids)
    assert list(attributes["vmssplan.instances"]) == ids
    marks = {(one.name, told(one).get("vmssplan.instance_id")) for one in upgrade.events}
    assert {("InstanceUpgraded", one) for one in ids} <= marks
    root = told(collected.roots[0])
    assert root["vmssplan.scale_set.id"] == rollout.target.resource_id
    assert root["vmssplan.strategy"] == "fixedBatch"
    assert root["vmssplan.digest"] == digest(rollout)


def test_the_way_back_is_told_too() -> None:
    """A Run that turns round is one trace: the failed step, then the steps of the way back."""
    fault = {
        "name": "sick",
        "match": {"instanceIds": ["1"]},
        "effect": {"neverHealthy": {}},
        "when": {"times": 1},
    }
    world = make_world(capacity=3, faults=[fault])
    rollout = compute(world, plan(failure=Failure(on_failure=OnFailure.ROLLBACK)))
    journal, collected = MemoryJournal(), Collected(rollout)
    carried_out(world, rollout, journal, collected, Killer())

    [root] = collected.roots
    ways = [told(span)["vmssplan.way_back"] for span in collected.steps]
    turned = ways.index(True)
    failed = [span.status.status_code is StatusCode.ERROR for span in collected.steps]
    assert told(root)["vmssplan.outcome.exit_code"] == int(ExitCode.ROLLED_BACK)
    assert ways == sorted(ways)
    assert failed == [number == turned - 1 for number in range(len(failed))]
    assert told(collected.steps[turned])["vmssplan.step"] == 1
    assert "RollbackStarted" in [mark.name for mark in root.events]


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_event_can_be_told(kind: type) -> None:
    """Whatever an Event holds, whoever looks on beside the screen takes it."""
    rollout = ROLLOUT
    state = evolve(RunState.begin(rollout), ev.RunStarted(START, RUN, digest(rollout)))
    state = evolve(state, ev.StepStarted(START, 2))

    @settings(max_examples=15)
    @given(instances_of(kind))
    def is_taken(event: Event) -> None:
        log, telemetry = RunLog(RUN, rollout), Collected(rollout).watcher()
        for watcher in (log, telemetry):
            watcher.happened(ev.RunStarted(START, RUN, digest(rollout)), state)
            watcher.happened(ev.StepStarted(START, 2), state)
            watcher.happened(event, state)
        telemetry.close()

    is_taken()


def test_the_trace_is_the_runs() -> None:
    """Another Run, or another Rollout, is another trace; the same is the same anywhere."""
    made: dict[tuple[str, str], tuple[int, int]] = {}
    for run, rollout_digest in (("web-1", "a"), ("web-2", "a"), ("web-1", "b"), ("web-1", "a")):
        ids = RunIds()
        ids.begin(run, rollout_digest, is_resumed=False)
        known = (ids.generate_trace_id(), ids.generate_span_id())
        assert made.setdefault((run, rollout_digest), known) == known
    assert len(set(made.values())) == 3
