"""A situation as a short key: two with the same key go on in the same way.

Times count from now, and no further than anything is judged by; texts, numbers of requests and
what is over are left out. A test holds the fields of the engine's state against this list.
"""

from __future__ import annotations

import marshal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from vmssplan.engine import Look, Phase, Wait
from vmssplan.engine.instructions import Approve, GoOn, Hold, Reject, RollBack
from vmssplan.rollout import Check, Pause
from vmssplan.verifying.process import Point
from vmssplan.verifying.scene import seconds_of

if TYPE_CHECKING:
    from datetime import datetime

    from vmssplan.engine.instructions import Instruction
    from vmssplan.engine.progress import Progress
    from vmssplan.engine.state import Deferral, InFlight, People, RunState
    from vmssplan.verifying.facts import Watch
    from vmssplan.verifying.stepping import Situation
    from vmssplan.verifying.world import Machine, World

SETTLED_SECONDS = 30
QUIET_SECONDS = 310
OPERATION_SECONDS = 7200
NONE = -99
_PHASES = {phase: number for number, phase in enumerate(Phase)}
_KINDS = {Hold: 1, GoOn: 2, RollBack: 3, Approve: 4, Reject: 5}
STATE_FIELDS = frozenset(
    {
        "step",
        "step_started_at",
        "progress",
        "in_flight",
        "deferral",
        "blindness",
        "refusal",
        "floor_reached_at",
        "tally",
        "hook",
        "people",
        "touched",
        "appeared",
        "rollback",
        "stop",
        "outcome",
    }
)
"""The fields of a RunState that are in a key."""
LEFT_OUT = {
    "rollout": "the scene's, or the way back that `rollback` leads to",
    "run": "always the same",
    "digest": "always the same",
    "requests": "numbers are told apart by their order only",
    "pins": "autoscale is not explored",
}
"""The fields of a RunState that are not in a key, and why."""


def key_of(at: Situation) -> bytes:
    """Return the key: 16 bytes of a cryptographic hash over everything that counts."""
    return blake2b(marshal.dumps(_parts(at), 2), digest_size=16).digest()


def _parts(at: Situation) -> tuple[Any, ...]:
    state = at.state
    numbers = {one.request for one in state.in_flight}
    numbers.update(one.number for one in at.world.operations)
    ranks = {number: rank for rank, number in enumerate(sorted(numbers), start=1)}
    return (
        int(at.point),
        _command(at),
        _world(at.world, ranks, at.now),
        _seen(at),
        tuple(sorted((ranks[n], min(at.now - t, SETTLED_SECONDS)) for n, t in at.ended_at)),
        NONE if at.blind_since is None else min(at.now - at.blind_since, _deadline(state)),
        _state(state, at.now, ranks, is_blind=at.blind_since is not None),
        tuple(_instruction(one, state.people) for one in at.inbox),
        _watch(at.watch, state, at.now),
    )


def _seen(at: Situation) -> Any:
    """Return what the last look showed, where the next one may not show it anew."""
    is_replaced = isinstance(at.command, Wait) and at.command.look is Look.EVERYTHING
    if at.seen is None or is_replaced or at.point in (Point.DOWN, Point.ENDED):
        return 0
    seen = at.seen
    shown = tuple((*one[:5], bool(one.busy), *one[6:]) for one in seen.shown)
    return (shown, seen.model, seen.etag, seen.is_busy())


def _command(at: Situation) -> Any:
    """Return what is waited for, or asked; what was decided follows from the rest."""
    command = at.command
    if isinstance(command, Wait):
        until = seconds_of(command.until) - at.now
        return (until, command.look is Look.EVERYTHING, command.for_people)
    ids = getattr(command, "instance_ids", ())
    return (type(command).__name__, ids)


def _world(world: World, ranks: dict[int, int], now: int) -> tuple[Any, ...]:
    is_behind = world.behind is not None
    return (
        tuple(_machine(one, ranks) for one in world.machines),
        world.model,
        tuple(
            (
                ranks[one.number],
                one.ids,
                int(one.status),
                min(now - one.at, SETTLED_SECONDS) if one.status == 0 else 0,
                one.model,
                one.errors,
                one.is_lost,
                one.etag,
            )
            for one in world.operations
        ),
        world.etag,
        world.is_others,
        tuple(_machine(one, ranks) for one in world.behind) if world.behind is not None else 0,
        min(now - world.behind_since, SETTLED_SECONDS) if is_behind else 0,
    )


def _machine(one: Machine, ranks: dict[int, int]) -> tuple[Any, ...]:
    busy = one.busy if one.busy <= 0 else ranks.get(one.busy, 50)
    return (*one[:5], busy, *one[6:])


def _state(state: RunState, now: int, ranks: dict[int, int], *, is_blind: bool) -> tuple[Any, ...]:
    deadline = _deadline(state)
    proof = int(state.rollout.health.min_healthy_time.total_seconds())
    return (
        state.step,
        _step_age(state, now),
        tuple(_progress(i, one, now, deadline, proof) for i, one in state.progress.items()),
        tuple(_in_flight(one, now, ranks) for one in state.in_flight),
        _deferral(state.deferral, now, deadline),
        _blindness(state, now, deadline) if is_blind else 0,
        state.refusal.exit_code if state.refusal else NONE,
        state.refusal.request is None if state.refusal else 0,
        _age(state.floor_reached_at, now, deadline),
        _tally(state, now),
        state.hook.verdict.value if state.hook else "",
        _people(state.people),
        tuple(sorted(state.touched)),
        tuple(sorted((vm, one.is_current) for vm, one in state.appeared.items())),
        _rollback(state),
        state.stop is not None,
        int(state.outcome.exit_code) if state.outcome else NONE,
    )


def _deadline(state: RunState) -> int:
    return int(state.rollout.health.deadline.total_seconds())


def _age(moment: datetime | None, now: int, most: int) -> int:
    return NONE if moment is None else min(now - seconds_of(moment), most)


def _step_age(state: RunState, now: int) -> int:
    if state.step_started_at is None:
        return NONE
    step = state.rollout.steps[state.step - 1]
    most = 0
    if isinstance(step, Pause):
        most = int(step.duration.total_seconds())
    elif isinstance(step, Check):
        most = int(step.counting.initial_delay.total_seconds())
    return _age(state.step_started_at, now, most)


def _progress(
    instance_id: str, one: Progress, now: int, deadline: int, proof: int
) -> tuple[Any, ...]:
    is_awaiting = one.phase is Phase.AWAITING
    return (
        instance_id,
        _PHASES[one.phase],
        one.step,
        _age(one.upgraded_at, now, deadline) if is_awaiting else 0,
        _age(one.healthy_since, now, proof) if is_awaiting else 0,
        one.failure.phase.value if one.failure else "",
    )


def _in_flight(one: InFlight, now: int, ranks: dict[int, int]) -> tuple[Any, ...]:
    age = now - seconds_of(one.intended_at)
    clipped = OPERATION_SECONDS if age >= OPERATION_SECONDS else min(age, SETTLED_SECONDS)
    return (ranks[one.request], one.instance_ids, bool(one.operation), one.is_in_doubt, clipped)


def _deferral(deferral: Deferral | None, now: int, deadline: int) -> Any:
    if deferral is None:
        return 0
    span = seconds_of(deferral.last.at) - seconds_of(deferral.since)
    since = min(now - seconds_of(deferral.since), deadline)
    until = max(seconds_of(deferral.until) - now, -QUIET_SECONDS)
    return (min(span, deadline), since, min(deferral.count, 3), until)


def _blindness(state: RunState, now: int, deadline: int) -> Any:
    last = state.blindness
    if last is None:
        return 0
    span = last.at - (last.blind_since or last.at)
    return (min(int(span.total_seconds()), deadline), max(seconds_of(last.until) - now, -1))


def _tally(state: RunState, now: int) -> tuple[Any, ...]:
    tally = state.tally
    step = state.rollout.steps[state.step - 1] if state.step_started_at is not None else None
    if tally.last_at is None or not isinstance(step, Check):
        return ()
    counting, first = step.counting, tally.first_at or tally.last_at
    return (
        tally.successes_in_row,
        tally.failures,
        tally.inconclusives,
        tally.errors_in_row,
        _age(tally.last_at, now, int(counting.interval.total_seconds())),
        _age(first, now, int((counting.deadline + counting.interval).total_seconds())),
    )


def _people(people: People) -> tuple[Any, ...]:
    return (
        people.waits,
        tuple(sorted(people.approved)),
        people.awaited_step or 0,
        people.refusal is not None,
        people.held is not None,
        people.cancel is not None,
        people.rollback is not None,
    )


def _rollback(state: RunState) -> Any:
    back = state.rollback
    if back is None:
        return 0
    return (back.instance_ids, tuple(one.vm_id for one in back.added), back.sick)


def _instruction(one: Instruction, people: People) -> tuple[Any, ...]:
    is_other = isinstance(one, Approve) and one.digest == "sha256:another"
    followed = one.key in people.followed
    return (_KINDS.get(type(one), 0), getattr(one, "step", 0), followed, is_other)


def _watch(watch: Watch, state: RunState, now: int) -> tuple[Any, ...]:
    proof = int(state.rollout.health.min_healthy_time.total_seconds())
    return (
        watch.completed,
        _watched_age(watch, state, now),
        watch.row,
        watch.failed,
        watch.unsure,
        watch.errors,
        watch.is_hook_done,
        tuple((i, min(now - at, proof)) for i, at in watch.well),
        tuple(sorted(watch.operated)),
        tuple(sorted(watch.tried)),
        max(watch.not_before - now, 0),
        watch.heard,
    )


def _watched_age(watch: Watch, state: RunState, now: int) -> int:
    if watch.began < 0:
        return NONE
    step = state.rollout.steps[min(watch.completed, len(state.rollout.steps) - 1)]
    most = int(step.duration.total_seconds()) if isinstance(step, Pause) else 0
    return min(now - watch.began, most)
