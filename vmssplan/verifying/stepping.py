"""One move from one situation to the next: what can happen, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from vmssplan.engine import (
    Command,
    Event,
    Live,
    Look,
    Measure,
    ReimageInstances,
    RunProgram,
    RunState,
    UpgradeInstances,
    Wait,
    WriteModel,
)
from vmssplan.engine import events as ev
from vmssplan.engine.instructions import Abort, Approve, GoOn, Hold, Instruction, Reject, RollBack
from vmssplan.errors import ExitCode
from vmssplan.gates import Verdict
from vmssplan.rollout import Approval
from vmssplan.verifying.facts import Breach, Watch
from vmssplan.verifying.moves import Kind, Move
from vmssplan.verifying.nature import happened, natural_moves, pass_seconds, receive
from vmssplan.verifying.process import Died, Point, Process
from vmssplan.verifying.scene import BEGINNING, seconds_of, time_of
from vmssplan.verifying.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmssplan.verifying.scene import Scene

REST_SECONDS = 60
THROTTLED_FOR = timedelta(seconds=20)
RUN = "run"


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that decides how things go on."""

    point: Point
    now: int
    world: World
    state: RunState
    command: Command | None
    inbox: tuple[Instruction, ...]
    watch: Watch
    seen: World | None = None
    ended_at: tuple[tuple[int, int], ...] = ()
    blind_since: int | None = None
    live: Live | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of a move: where things stand, what was written down, and what is wrong."""

    situation: Situation
    events: tuple[Event, ...]
    breaches: tuple[Breach, ...]


def begin(scene: Scene) -> Turn:
    """Return how a Run begins, which waits for people."""
    process = Process(scene, 0, scene.world, RunState.begin(scene.rollout), (), Watch())
    process.note(ev.RunStarted(time_of(0), RUN, scene.digest, waits=True))
    process.look(Look.EVERYTHING)
    return _turn(process, *process.go_on())


def moves_of(scene: Scene, at: Situation) -> Iterator[Move]:
    """Yield all that can happen next."""
    match at.point:
        case Point.WAITING:
            yield Move(Kind.TIME)
            yield from natural_moves(scene, at.world)
            yield from _service_moves()
            yield from _people_moves(at)
        case Point.WRITING:
            yield from _reply_moves(at)
        case Point.MEASURING:
            for kind in (
                Kind.PASSES,
                Kind.ANSWERS_FAILED,
                Kind.ANSWERS_INCONCLUSIVE,
                Kind.ANSWERS_ERROR,
                Kind.DIES,
            ):
                yield Move(kind)
        case Point.HOOKING:
            for kind in (Kind.PASSES, Kind.ANSWERS_FAILED, Kind.DIES, Kind.DIES_SENT):
                yield Move(kind)
        case Point.DOWN:
            yield Move(Kind.WAKES)
            yield Move(Kind.RESTS)
            yield from natural_moves(scene, at.world)
        case Point.ENDED:
            yield from _moves_at_end(at)
        case Point.BROKEN:
            return
        case _:
            assert_never(at.point)


def _service_moves() -> Iterator[Move]:
    yield Move(Kind.UNSEEN)
    yield Move(Kind.FORBIDDEN)
    yield Move(Kind.DIES)
    for lines in range(1, 4):
        yield Move(Kind.DIES_WRITING, step=lines)


def _reply_moves(at: Situation) -> Iterator[Move]:
    yield Move(Kind.ACCEPTED)
    for kind in (
        Kind.CONFLICT,
        Kind.THROTTLED,
        Kind.REFUSED,
        Kind.REPLY_LOST,
        Kind.REQUEST_LOST,
        Kind.REQUEST_LATE,
        Kind.DIES,
        Kind.DIES_INTENDED,
        Kind.DIES_SENT,
    ):
        yield Move(kind)
    if isinstance(at.command, WriteModel):
        yield Move(Kind.ETAG)
    else:
        yield Move(Kind.ACCEPTED_BEHIND)


def _people_moves(at: Situation) -> Iterator[Move]:
    state, people = at.state, at.state.people
    step = state.rollout.steps[state.step - 1] if state.step_started_at else None
    if any(one.key not in people.followed for one in at.inbox):
        return
    if isinstance(step, Approval) and state.step not in people.approved:
        yield Move(Kind.APPROVE, step=state.step)
        yield Move(Kind.APPROVE_OTHER, step=state.step)
        yield Move(Kind.REJECT, step=state.step)
    if people.held is not None:
        yield Move(Kind.GO_ON)
    else:
        yield Move(Kind.HOLD)
    yield Move(Kind.ABORT)
    if state.rollout.rollback is not None and state.rollback is None:
        yield Move(Kind.ROLL_BACK)


def _moves_at_end(at: Situation) -> Iterator[Move]:
    code = at.state.outcome.exit_code if at.state.outcome else None
    if code not in (ExitCode.SUCCESS, ExitCode.ROLLED_BACK):
        yield Move(Kind.RESUME)
        if at.state.rollout.rollback is not None and at.state.rollback is None:
            yield Move(Kind.RESUME_BACK)


def take(scene: Scene, at: Situation, move: Move, *, leap: int = 0) -> Turn:
    """Return what comes of a move; `leap` seconds pass instead of the wait's own."""
    process = _process(scene, at)
    try:
        stands = _taken(process, at, move, leap)
    except Died:
        return _down(process)
    if process.breaches:
        stands = (Point.BROKEN, stands[1])
    return _turn(process, *stands)


def _taken(process: Process, at: Situation, move: Move, leap: int) -> tuple[Point, Command | None]:
    world = happened(process.scene, process.world, move, at.now)
    if world is not None:
        process.world = world
        return at.point, at.command
    told = instruction_of(move, len(at.inbox), process.scene.digest)
    if told is not None:
        process.inbox = (*at.inbox, told)
        return at.point, at.command
    match at.point:
        case Point.WAITING:
            return _waited(process, at, move, leap)
        case Point.WRITING:
            return _written(process, at.command, move)
        case Point.MEASURING | Point.HOOKING:
            return _answered(process, at, move)
        case _:
            return _woken(process, move)


def _waited(process: Process, at: Situation, move: Move, leap: int) -> tuple[Point, Command | None]:
    if move.kind is Kind.DIES or not isinstance(at.command, Wait):
        raise Died
    span = leap or max(0, seconds_of(at.command.until) - process.now)
    process.world = pass_seconds(process.world, process.now, span)
    process.now += span
    if move.kind is Kind.DIES_WRITING:
        process.lines_left = move.step
    if move.kind in (Kind.UNSEEN, Kind.FORBIDDEN):
        is_for_good = move.kind is Kind.FORBIDDEN
        code = "AuthorizationFailed" if is_for_good else "ServiceUnavailable"
        process.look_in_vain(code, is_for_good=is_for_good)
    else:
        process.look(at.command.look)
    stands = process.go_on()
    if process.lines_left is not None:
        # So little was written down that the process outlived it.
        process.breaches.clear()
        raise NothingToDie
    return stands


class NothingToDie(Exception):
    """The process has written too little to die there."""


_UNHEARD = (Kind.CONFLICT, Kind.THROTTLED, Kind.REFUSED, Kind.ETAG, Kind.REQUEST_LOST)
"""With these the request does nothing."""


def _written(process: Process, command: Command | None, move: Move) -> tuple[Point, Command | None]:
    if not isinstance(command, UpgradeInstances | ReimageInstances | WriteModel):
        raise TypeError(command)
    if move.kind is Kind.DIES:
        raise Died
    number = process.intend(command)
    if move.kind is Kind.DIES_INTENDED:
        raise Died
    reply = move.kind
    if reply not in _UNHEARD:
        received = receive(process.scene, process.world, command, number, process.now, reply)
        if received is None:
            reply = Kind.CONFLICT
        else:
            process.world = received
    if reply is Kind.DIES_SENT:
        raise Died
    _replied(process, number, reply)
    return process.go_on()


def _replied(process: Process, number: int, reply: Kind) -> None:
    reasons = ev.DeferralReason
    match reply:
        case Kind.ACCEPTED | Kind.ACCEPTED_BEHIND:
            process.accepted(number)
        case Kind.REPLY_LOST | Kind.REQUEST_LOST | Kind.REQUEST_LATE:
            process.lost(number)
        case Kind.CONFLICT:
            process.put_off(reasons.CONFLICT, number, None)
        case Kind.THROTTLED:
            process.put_off(reasons.THROTTLED, number, THROTTLED_FOR)
        case Kind.ETAG:
            process.world = process.world._replace(etag=process.world.etag + 1)
            process.put_off(reasons.ETAG_CHANGED, number, None)
        case _:
            process.refused(number)


_ANSWERS = {
    Kind.PASSES: Verdict.SUCCESSFUL,
    Kind.ANSWERS_FAILED: Verdict.FAILED,
    Kind.ANSWERS_INCONCLUSIVE: Verdict.INCONCLUSIVE,
    Kind.ANSWERS_ERROR: Verdict.ERROR,
}


def _answered(process: Process, at: Situation, move: Move) -> tuple[Point, Command | None]:
    command = at.command
    if move.kind is Kind.DIES:
        raise Died
    if isinstance(command, RunProgram):
        process.note(ev.HookStarted(process.time, command.step))
        if move.kind is Kind.DIES_SENT:
            raise Died
        verdict = _ANSWERS[move.kind]
        process.note(ev.HookEnded(process.time, command.step, verdict, verdict.value))
    elif isinstance(command, Measure):
        verdict = _ANSWERS[move.kind]
        process.note(ev.GateMeasured(process.time, command.step, verdict, verdict.value))
    process.look(Look.EVERYTHING)
    return process.go_on()


def _woken(process: Process, move: Move) -> tuple[Point, Command | None]:
    if move.kind is Kind.RESTS:
        process.world = pass_seconds(process.world, process.now, REST_SECONDS)
        process.now += REST_SECONDS
        return Point.DOWN, None
    process.note(ev.RunResumed(process.time, waits=True))
    if move.kind is Kind.RESUME_BACK:
        process.note(ev.RollbackRequested(process.time, "", "somebody"))
    process.look(Look.EVERYTHING)
    return process.go_on()


def instruction_of(move: Move, before: int, digest: str) -> Instruction | None:
    """Return the instruction that somebody gives after so many; None for any other move."""
    key, step = f"said-{before + 1}", move.step
    match move.kind:
        case Kind.APPROVE:
            return Approve(key, "somebody", BEGINNING, step, digest)
        case Kind.APPROVE_OTHER:
            return Approve(key, "somebody", BEGINNING, step, "sha256:another")
        case Kind.REJECT:
            return Reject(key, "somebody", BEGINNING, step, "no")
        case Kind.HOLD:
            return Hold(key, "somebody", BEGINNING)
        case Kind.GO_ON:
            return GoOn(key, "somebody", BEGINNING)
        case Kind.ABORT:
            return Abort(key, "somebody", BEGINNING)
        case Kind.ROLL_BACK:
            return RollBack(key, "somebody", BEGINNING)
        case _:
            return None


def _process(scene: Scene, at: Situation) -> Process:
    return Process(
        scene,
        at.now,
        at.world,
        at.state,
        at.inbox,
        at.watch,
        at.seen,
        dict(at.ended_at),
        at.blind_since,
        at.live,
    )


def _turn(process: Process, point: Point, command: Command | None) -> Turn:
    forget_ended(process)
    live = process.live if point in (Point.WRITING, Point.WAITING) else None
    situation = Situation(
        point,
        process.now,
        process.world,
        process.state,
        command,
        tuple(process.inbox),
        process.watch,
        process.seen,
        tuple(process.ended_at.items()),
        process.blind_since,
        live,
    )
    return Turn(situation, tuple(process.journal), tuple(process.breaches))


def _down(process: Process) -> Turn:
    """Return where things stand when the process is dead: only the journal is left of it."""
    proof = int(process.state.rollout.health.min_healthy_time.total_seconds())
    situation = Situation(
        Point.DOWN,
        process.now,
        process.world,
        process.state,
        None,
        tuple(process.inbox),
        process.watch.unwatched(proof, process.now),
    )
    return Turn(situation, tuple(process.journal), tuple(process.breaches))


def forget_ended(process: Process) -> None:
    """Drop operations that are over and that nobody will ask for."""
    asked = {one.request for one in process.state.in_flight}
    world = process.world
    kept = tuple(one for one in world.operations if one.status <= 1 or one.number in asked)
    if len(kept) != len(world.operations):
        process.world = world._replace(operations=kept)
    process.ended_at = {n: at for n, at in process.ended_at.items() if n in asked}
