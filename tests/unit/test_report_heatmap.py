"""The heat map and the live screen: what is where, and that it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.copying import replace
from tests.support.reports import (
    RUN,
    begun,
    flexible,
    guarded,
    guarded_batch,
    people,
    regional,
    spread,
    twelve,
    way_back,
    with_phases,
    zonal,
)
from tests.support.values import (
    START,
    current,
    instance,
    instances,
    minutes,
    rollout,
    scale_set,
    seconds,
    strategy,
)
from vmssplan.engine import Outcome, Phase, Progress, RunState, evolve, replay
from vmssplan.engine import events as ev
from vmssplan.engine.state import People
from vmssplan.errors import ExitCode
from vmssplan.model import HealthState, ModelFields
from vmssplan.report.grid import grid_lines, legend_lines
from vmssplan.report.heatmap import CellState, Symbols, heat_map
from vmssplan.report.live import known_in_service, live_lines
from vmssplan.report.pace import remaining
from vmssplan.report.paint import PLAIN, Tone
from vmssplan.report.segments import Segment, cropped, length, line, painted
from vmssplan.report.step_list import step_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from tests.support.golden import Golden
    from vmssplan.model import ScaleSet
    from vmssplan.report.segments import Line
    from vmssplan.rollout import Rollout

UNICODE, ASCII = Symbols.unicode(), Symbols.ascii()


def batches(live: ScaleSet) -> Rollout:
    """Return a Rollout that takes a fifth of the set at a time."""
    return rollout(
        live, strategy=strategy("fixedBatch", "20%", pause_time_between_batches=minutes(2))
    )


def drawn(made: Rollout, width: int, height: int, symbols: Symbols = UNICODE) -> str:
    """Return the map of a Run in which everything happens at once, and its legend."""
    heat = heat_map(spread(made))
    lines = grid_lines(heat, symbols, width, height)
    return painted([*lines, (), *legend_lines(heat, symbols, width)], PLAIN)


MAPS = {
    "1": (batches(regional(1)), 80, 12),
    "12": (twelve(), 80, 12),
    "100": (batches(regional(100)), 80, 12),
    "100-high": (batches(regional(100)), 80, 40),
    "1000": (batches(regional(1000)), 80, 12),
    "1000-high": (batches(regional(1000)), 80, 36),
    "1000-wide": (batches(regional(1000)), 200, 48),
    "zonal": (batches(zonal(18)), 80, 12),
    "flexible": (batches(flexible(10)), 80, 12),
    "flexible-500": (batches(flexible(500)), 80, 12),
    "narrow": (batches(regional(100)), 30, 12),
    "narrow-1000": (batches(regional(1000)), 40, 12),
    "low": (batches(regional(100)), 80, 1),
}


@pytest.mark.parametrize("name", MAPS)
def test_maps(name: str, golden: Golden) -> None:
    """Small and large, regional, zonal and Flexible sets all have a readable map."""
    golden.check(f"heatmap-{name}", drawn(*MAPS[name]))


def test_ascii(golden: Golden) -> None:
    """A terminal without Unicode gets other symbols, and no other information."""
    golden.check("heatmap-ascii", drawn(twelve(), 80, 12, ASCII))


@pytest.mark.parametrize("symbols", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_states_differ_without_colour(symbols: Symbols) -> None:
    """No two states share a symbol, and every symbol is one character."""
    assert set(symbols.by_state) == set(CellState)
    assert len(set(symbols.by_state.values())) == len(CellState)
    assert all(len(symbol) == 1 for symbol in symbols.by_state.values())


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("size", [(1, 1), (10, 3), (24, 80), (80, 24), (200, 60)], ids=str)
def test_maps_fit(name: str, size: tuple[int, int]) -> None:
    """A map is never larger than it may be."""
    made, _, _ = MAPS[name]
    heat = heat_map(spread(made))

    assert_fits(grid_lines(heat, UNICODE, *size), *size)
    assert_fits(legend_lines(heat, UNICODE, size[0]), size[0], 4)


def test_every_instance_is_in_the_map() -> None:
    """Each is there once, where its domains are."""
    made = twelve()
    heat = heat_map(RunState.begin(made))

    assert sorted(cell.instance_id for cell in heat.all_cells) == sorted(
        one.instance_id for one in made.instances
    )
    assert [cell.instance_id for cell in heat.at("UD 1", "FD 0")] == ["6"]
    assert heat.at("UD 9", "FD 0") == ()
    assert heat.rows == ("UD 0", "UD 1", "UD 2", "UD 3", "UD 4")


def test_unknown_places_come_last() -> None:
    """An instance without a domain has a place of its own, at the end."""
    homeless = replace(instance("2"), update_domain=None, fault_domain=None)
    heat = heat_map(RunState.begin(rollout(regional([homeless, *instances(2)]))))

    assert heat.rows == ("UD 0", "UD 1", "UD ?")
    assert heat.columns == ("FD 0", "FD 1", "FD ?")


def test_states() -> None:
    """The Run says how an instance stands; the observation adds who is out of service."""
    sick = HealthState.UNHEALTHY
    members = [*instances(7), current("7"), instance("8", protected_from_scale_set_actions=True)]
    made = rollout(regional(members))
    phases = dict(zip("0123456", [*Phase, Phase.READY], strict=True))
    state = with_phases(made, phases)

    assert states_of(state, None) == {
        "0": CellState.PENDING,
        "1": CellState.OPERATING,
        "2": CellState.AWAITING,
        "3": CellState.READY,
        "4": CellState.FAILED,
        "5": CellState.SKIPPED,
        "6": CellState.READY,
        "7": CellState.CURRENT,
        "8": CellState.SKIPPED,
    }
    ill = regional([replace(one, application_health=sick) for one in members[:8]])
    assert states_of(state, ill) == {
        "0": CellState.SICK,
        "1": CellState.OPERATING,
        "2": CellState.AWAITING,
        "3": CellState.SICK,
        "4": CellState.FAILED,
        "5": CellState.SICK,
        "6": CellState.SICK,
        "7": CellState.SICK,
        "8": CellState.SICK,
    }


def states_of(state: RunState, live: ScaleSet | None) -> dict[str, CellState]:
    """Return the state of each instance in the map."""
    cells = heat_map(state, live).all_cells
    return {cell.instance_id: cell.state for cell in sorted(cells, key=lambda c: c.instance_id)}


# --- the live screen ------------------------------------------------------------------------

RECENT = [f"08:0{n}:00  step {n}/9  something that takes {'very ' * 12}long" for n in range(9)]


def frame(made: Rollout, width: int, height: int, recent: Sequence[str] = RECENT) -> list[Line]:
    """Return a frame, seven minutes into the Run."""
    state = replace(spread(made), step_started_at=START)
    now = START + minutes(7)
    return live_lines(state, None, now, START, width, height, recent)


@pytest.mark.parametrize(
    ("name", "made", "width", "height"),
    [
        ("12", twelve(), 80, 24),
        ("100", batches(regional(100)), 80, 24),
        ("1000", batches(regional(1000)), 80, 24),
        ("1000-wide", batches(regional(1000)), 200, 60),
        ("zonal", batches(zonal(18)), 80, 24),
        ("window", rollout(scale_set(9), strategy=strategy("slidingWindow", 3)), 80, 24),
    ],
)
def test_frames(name: str, made: Rollout, width: int, height: int, golden: Golden) -> None:
    """The screen shows the map, the counters, the floor, the time and the last events."""
    golden.check(f"live-{name}", painted(frame(made, width, height), PLAIN))


@pytest.mark.parametrize("size", [(20, 5), (80, 24), (100, 30), (200, 60)], ids=str)
@pytest.mark.parametrize("count", [1, 12, 100, 1000])
def test_frames_fit(size: tuple[int, int], count: int) -> None:
    """A frame never wraps and never scrolls."""
    assert_fits(frame(batches(regional(count)), *size), *size)
    assert_fits(frame(batches(flexible(count)), *size, ()), *size)


def test_what_only_the_journal_tells_of_those_in_service() -> None:
    """Without a look at the set, an instance is out from its operation until it is well again."""
    made = twelve()
    awaiting = Progress(Phase.AWAITING, 2, START)
    state = with_phases(made, {"0": Phase.OPERATING, "5": Phase.FAILED, "10": Phase.READY})
    unwell = replace(state, progress={**state.progress, "1": awaiting})
    well = {**state.progress, "1": replace(awaiting, healthy_since=START)}

    assert known_in_service(RunState.begin(made)) == made.bounds.in_service
    assert known_in_service(state) == made.bounds.in_service - 2
    assert known_in_service(unwell) == made.bounds.in_service - 3
    assert known_in_service(replace(state, progress=well)) == made.bounds.in_service - 2


def test_the_steps_around_the_open_one() -> None:
    """What is done, open and to come is told by a sign; what does not fit is far from it."""
    state = replace(with_phases(twelve(), {}, step=5), step_started_at=START)

    whole = painted(step_lines(state, 80, 30), PLAIN).splitlines()
    some = painted(step_lines(state, 80, 6), PLAIN).splitlines()

    assert [one[0] for one in whole] == ["S", *"====>", *"    "]
    assert [one.split()[1] for one in some[1:4]] == ["3", "4", "5"]
    assert (len(some), step_lines(state, 80, 3)) == (6, [])


def activity(state: RunState) -> str:
    """Return the line that says what is going on."""
    lines = live_lines(state, None, START, START, 100, 30)
    return painted(lines[1:2], PLAIN).rstrip()


def test_activity() -> None:
    """The second line says what goes on, or what holds it up."""
    made = twelve()
    last = ev.RequestDeferred(
        START, ev.DeferralReason.CONFLICT, START + seconds(15), "Conflict", "Another one."
    )
    state = replay(made, begun(made))

    assert activity(RunState.begin(made)) == "Starting"
    assert activity(state) == "Set model.image.version"
    assert activity(replace(state, people=People(cancel=ev.CancelRequested(START)))) == (
        "Cancelling: what is in flight is finished first"
    )
    assert activity(evolve(state, last)) == ("Put off until 08:00:15, conflict: Conflict")
    halted = Outcome(ExitCode.CANCELLED, 1, "cancelled by the user")
    assert activity(replace(state, outcome=halted)) == (
        "Apply halted at step 1/9: cancelled by the user"
    )


def test_activity_of_a_steered_run() -> None:
    """Who waits, and what goes on then, takes the place of the step."""
    made, back = guarded(), [*guarded_batch(), *people(), *way_back()]
    waiting = replay(made, guarded_batch())
    held = evolve(waiting, ev.RunHeld(START, "1", "ann@desk", "paused by ann@desk"))
    inconclusive = evolve(waiting, ev.RunHeld(START, "", "the gate", "gate is inconclusive: 503"))

    assert activity(waiting) == "Waiting: vmssplan approve web-1 7"
    assert activity(held) == "Paused by ann@desk. vmssplan resume web-1 goes on"
    assert activity(inconclusive) == (
        "Paused: gate is inconclusive: 503. vmssplan resume web-1 goes on"
    )
    assert activity(replay(made, [*guarded_batch(), *people()])) == (
        "About to roll back: what is in flight is finished first"
    )
    assert activity(replay(made, back)) == (
        "Await health of batch 1: healthy for 30s, within 10m of its upgrade"
    )


def test_the_way_back_has_a_picture_of_its_own(golden: Golden) -> None:
    """Map, counters, steps and the time to go are those of the way back."""
    state = replay(guarded(), [*guarded_batch(), *people(), *way_back()])
    lines = live_lines(state, regional(4), START + minutes(20), START, 80, 24)

    golden.check("live-way-back", painted(lines, PLAIN))


def figures(state: RunState, live: ScaleSet | None) -> str:
    """Return the lines with the bar and with what is in service."""
    lines = live_lines(state, live, START + minutes(1), START, 100, 30)
    return painted(lines[3:5], PLAIN)


def test_in_service() -> None:
    """What is being operated on does not serve, even if the last look is older."""
    made = twelve()
    state = with_phases(made, {"0": Phase.OPERATING, "5": Phase.FAILED})

    assert "in service 11 of 12, floor 9 " in figures(state, regional(12))
    assert "0 of 9 instances ready, 1 failed" in figures(state, regional(12))


def test_below_the_floor() -> None:
    """Too few in service stands out."""
    made = twelve()
    lines = live_lines(RunState.begin(made), regional(2), START, START, 100, 30)

    assert Segment("2 of 12", Tone.BAD) in lines[4]


def test_nothing_to_upgrade() -> None:
    """A Run that only writes the model has no bar."""
    members = [current(str(number)) for number in range(2)]
    made = rollout(regional(members), model=ModelFields(members[0].image))

    assert "no instance to upgrade" in figures(RunState.begin(made), None)


# --- how much longer ------------------------------------------------------------------------


def after(made: Rollout, upgraded: int, second: float, step: int) -> RunState:
    """Return the state in which so many instances were upgraded at that time."""
    state = replace(RunState.begin(made), run=RUN, step=step)
    ids = list(state.progress)[:upgraded]
    moment = START + seconds(second)
    done = {i: replace(state.progress[i], phase=Phase.READY, upgraded_at=moment) for i in ids}
    return replace(state, progress={**state.progress, **done})


@pytest.mark.parametrize(
    ("upgraded", "step", "now", "left"),
    [
        pytest.param(0, 2, 100, None, id="nothing is known before the first"),
        pytest.param(3, 3, 300, seconds(600 + 240 + 90), id="two batches and two pauses to go"),
        pytest.param(3, 5, 300 + 120 + 200, seconds(400 + 120 + 60), id="in the second batch"),
        pytest.param(9, 9, 400, seconds(30), id="only health to wait for"),
        pytest.param(3, 5, 9000, seconds(120 + 60), id="much slower than before"),
    ],
)
def test_remaining(upgraded: int, step: int, now: float, left: timedelta | None) -> None:
    """The estimate takes the pace so far, and the pauses and health waits that are known."""
    made = twelve()

    assert remaining(after(made, upgraded, 300, step), START + seconds(now), START) == left


def test_remaining_in_a_pause() -> None:
    """What is over of the pause that is on is no more to wait for."""
    made = twelve()
    state = replace(after(made, 3, 300, 4), step_started_at=START + seconds(340))
    whole = remaining(state, START + seconds(340), START)
    half = remaining(state, START + seconds(400), START)
    over = remaining(replace(state, step_started_at=None), START + seconds(460), START)

    assert whole is not None
    assert half is not None
    assert whole - half == seconds(60)
    assert over == whole - seconds(120)


# --- segments -------------------------------------------------------------------------------


@pytest.mark.parametrize("width", range(12))
def test_cropping(width: int) -> None:
    """A line that is too long is cut, and says so."""
    pieces = line("abc", Segment("def"), "ghi")
    kept = "".join(piece.text for piece in cropped(pieces, width))

    assert len(kept) <= width
    assert kept == (
        "abcdefghi" if width >= 9 else ("abcdefghi"[: max(0, width - 3)] + "...")[:width]
    )


def assert_fits(lines: Sequence[Line], width: int, height: int) -> None:
    """Fail when the lines are more, or longer, than allowed."""
    assert len(lines) <= height
    assert all(length(one) <= width for one in lines)
