"""What keys do to a Run: a question first, and an order only after a yes. Pure.

A key is an answer only if it came after its question was shown: of keys that came at once, as
pasted ones do, none after the one that opened the question counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from vmssplan.cli.view.keys import ENTER, ERASE, ESCAPE
from vmssplan.engine import Phase
from vmssplan.report.live import known_in_service
from vmssplan.report.paint import Tone
from vmssplan.report.run import awaits_approval
from vmssplan.report.segments import Line, Segment, line
from vmssplan.report.wording import counted, one_line
from vmssplan.rollout import Approval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.engine import RunState

LONGEST_REASON = 200
GAP = "   "


class Act(StrEnum):
    """What can be told to a Run; the value is its verb on the command line."""

    APPROVE = "approve"
    REJECT = "reject"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"


KEYS = {"a": Act.APPROVE, "x": Act.REJECT, "p": Act.PAUSE, "r": Act.RESUME, "s": Act.ABORT}
_DOES = {
    Act.APPROVE: "let the Run pass the approval it waits for",
    Act.REJECT: "say no there: the Run halts, and can be resumed or rolled back",
    Act.PAUSE: "start nothing more; what is in flight is finished",
    Act.RESUME: "go on after a pause",
    Act.ABORT: "end the Run after what is in flight",
}


@dataclass(frozen=True, slots=True)
class Order:
    """What was said yes to; `step` and `digest` are those that were shown with the question."""

    act: Act
    step: int
    digest: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Idle:
    """Keys are keys."""


@dataclass(frozen=True, slots=True)
class Asking:
    """The next key is the answer."""

    order: Order


@dataclass(frozen=True, slots=True)
class Explaining:
    """Keys are the reason, until Enter."""

    order: Order


@dataclass(frozen=True, slots=True)
class Helping:
    """The keys are explained, until the next one."""


Mode = Idle | Asking | Explaining | Helping
IDLE = Idle()


@dataclass(frozen=True, slots=True)
class Situation:
    """What keys meet: the Run, by whom it is carried out, and who types.

    `is_running`: a process carries it out. `is_ours`: this one does, and its view cannot be left.
    """

    run: str
    state: RunState
    is_running: bool
    is_ours: bool
    who: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """What follows from a key; None: nothing is ordered, nothing new is said."""

    mode: Mode
    order: Order | None = None
    notice: str | None = None
    leaves: bool = False


def offered(situation: Situation) -> tuple[str, ...]:
    """Return the keys that do something to the Run as it stands."""
    state = situation.state
    if not situation.is_running or state.outcome is not None:
        return ()
    people, keys = state.people, []
    if awaits_approval(state) and state.rollback is None:
        keys += ["a", "x"]
    keys.append("p" if people.held is None else "r")
    if people.cancel is None:
        keys.append("s")
    return tuple(keys)


def press(mode: Mode, keys: Sequence[str], situation: Situation) -> Reaction:
    """Return what follows from keys that came at once."""
    match mode:
        case Idle():
            return _chosen(keys[0], situation)
        case Helping():
            return Reaction(IDLE)
        case Asking(order=order):
            if keys[0].casefold() != "y":
                return Reaction(IDLE, notice="Nothing was done.")
            if order.act is Act.REJECT:
                return Reaction(Explaining(order))
            return Reaction(IDLE, order)
        case Explaining(order=order):
            return _explained(order, keys)
    assert_never(mode)


def _chosen(key: str, situation: Situation) -> Reaction:
    if key == "?":
        return Reaction(Helping())
    if key == "q":
        if not situation.is_ours:
            return Reaction(IDLE, leaves=True)
        return Reaction(IDLE, notice="This process carries the Run out; Ctrl-C ends it in order.")
    if key not in KEYS:
        return Reaction(IDLE)
    if key not in offered(situation):
        return Reaction(IDLE, notice=_why_not(KEYS[key], situation))
    state = situation.state
    return Reaction(Asking(Order(KEYS[key], state.step, state.digest)))


def _why_not(act: Act, situation: Situation) -> str:
    run, state = situation.run, situation.state
    if not situation.is_running or state.outcome is not None:
        return f"Nobody carries {run} out just now: vmssplan resume {run}"
    match act:
        case Act.APPROVE | Act.REJECT:
            return f"{run} waits for no approval."
        case Act.PAUSE:
            return f"{run} is paused already."
        case Act.RESUME:
            return f"{run} is not paused."
        case Act.ABORT:
            return f"{run} is being cancelled already."
    assert_never(act)


def _explained(order: Order, keys: Sequence[str]) -> Reaction:
    reason = order.reason
    for key in keys:
        if key == ESCAPE:
            return Reaction(IDLE, notice="Nothing was done.")
        if key == ENTER:
            return Reaction(IDLE, replace(order, reason=reason.strip()))
        reason = reason[:-1] if key == ERASE else reason + (key if key.isprintable() else "")
    return Reaction(Explaining(replace(order, reason=reason[:LONGEST_REASON])))


# --- what is seen of it ---------------------------------------------------------------------


def mode_lines(mode: Mode, situation: Situation, width: int, aside: str = "") -> list[Line]:
    """Return the lowest lines of the screen; `aside` stands at the right of the keys."""
    match mode:
        case Idle():
            return [_keys_line(situation, aside, width)]
        case Asking(order=order):
            return _question(order, situation)
        case Explaining(order=order):
            return [
                *_question(order, situation)[:-1],
                line("Enter sends it, Esc does nothing. Why not? ", one_line(order.reason)),
            ]
        case Helping():
            return _help(situation)
    assert_never(mode)


def _keys_line(situation: Situation, aside: str, width: int) -> Line:
    """Return the keys that do something now, with as many words as there is room for."""
    words = {key: KEYS[key].value for key in offered(situation)} | {"?": "help"}
    words |= {} if situation.is_ours else {"q": "quit"}
    told = [f"{key} {word}" for key, word in words.items()]
    texts = (GAP.join(told), "  ".join(told), "  ".join(words))
    text = next((one for one in texts if len(one) <= width), texts[-1])
    return with_aside(text, aside, width)


def with_aside(left: str, right: str, width: int) -> Line:
    """Return a quiet line of keys, with something at the right end where there is room."""
    space = width - len(left) - len(right)
    both = left if not right or space < len(GAP) else f"{left}{' ' * space}{right}"
    return line(Segment(both, Tone.QUIET))


def _question(order: Order, situation: Situation) -> list[Line]:
    run, state = situation.run, situation.state
    rollout = state.rollout
    match order.act:
        case Act.APPROVE | Act.REJECT:
            step = rollout.steps[order.step - 1]
            message = f"  {one_line(step.message)}" if isinstance(step, Approval) else ""
            what = f"{order.act.capitalize()} step {order.step} of {run}?"
        case Act.PAUSE | Act.RESUME | Act.ABORT as act:
            message = f"  {_sentence(act)}"
            what = f"{act.capitalize()} {run}?"
        case _:
            assert_never(order.act)
    bounds = rollout.bounds
    ready = f"{state.counts()[Phase.READY]} of {counted(len(state.progress), 'instance')} ready"
    serving = f"in service {known_in_service(state)} of {bounds.total}, floor {bounds.floor}"
    about = f"{one_line(str(rollout.target))}  {ready}  {serving}"
    return [
        line(Segment(what, Tone.WARNING), message),
        line(f"  {about}"),
        line(f"  {order.digest}"),
        line(Segment(f"  As {situation.who}.  y yes   any other key: no ", Tone.HEADING)),
    ]


def _sentence(act: Act) -> str:
    text = _DOES[act]
    return f"{text[0].upper()}{text[1:]}."


def _help(situation: Situation) -> list[Line]:
    width = max(len(act) for act in Act)
    rows = [(key, f"{act:<{width}}  {_DOES[act]}") for key, act in KEYS.items()]
    if situation.is_ours:
        rows.append(("^C", "end the Run in order; twice: at once"))
    else:
        rows.append(("q", "leave the view, as ^C does; the Run goes on"))
    rows.append(("^Z", "put the view away; `fg` shows it again"))
    size = max(len(key) for key, _ in rows)
    return [
        line(
            Segment("Keys", Tone.HEADING),
            f"  each asks first, and does what `vmssplan VERB {situation.run}` does",
        ),
        *(line(Segment(f"  {key:<{size}}  ", Tone.HEADING), text) for key, text in rows),
        line(Segment("any key goes back", Tone.QUIET)),
    ]
