"""What is seen of one Run on a screen: the live view over what the keys do, and what came of it."""

from __future__ import annotations

import math
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from vmssplan.cli import instructing
from vmssplan.cli.executing import whoami
from vmssplan.cli.view.control import (
    IDLE,
    Act,
    Asking,
    Explaining,
    Helping,
    Mode,
    Order,
    Situation,
    mode_lines,
    press,
    with_aside,
)
from vmssplan.engine.events import RollbackStarted
from vmssplan.errors import UsageInvalid, VmssplanError
from vmssplan.report.heatmap import Symbols
from vmssplan.report.live import live_lines
from vmssplan.report.paint import Tone
from vmssplan.report.run import event_lines
from vmssplan.report.segments import Line, Segment, line, painted
from vmssplan.report.serving_line import Served, serving_line
from vmssplan.report.status import status_lines
from vmssplan.report.step_list import step_lines
from vmssplan.report.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from vmssplan.engine import Event, RunState
    from vmssplan.model import ScaleSet
    from vmssplan.ports import StateStore
    from vmssplan.report.paint import Paint
    from vmssplan.report.status import RunRecord
    from vmssplan.rollout import Rollout

SHORTEST = 3
"""Of so few rows the picture has all."""
NOTICE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Sight:
    """A Run as last seen; `scale_set` None means that only its journal is read.

    `served`: since when how many were in service.
    """

    state: RunState
    scale_set: ScaleSet | None
    now: datetime
    started_at: datetime
    recent: tuple[Event, ...]
    rollout: Rollout
    served: Served = ()
    is_running: bool = True


class Notice:
    """What was said last, for as long as it is news."""

    def __init__(self) -> None:
        self._said = ("", 0.0)

    def say(self, text: str) -> None:
        """Say something instead."""
        self._said = (one_line(text), time.monotonic())

    @property
    def text(self) -> str:
        """What to show of it now."""
        text, at = self._said
        return text if time.monotonic() - at < NOTICE_SECONDS else ""


class RunView:
    """`screen.View` of one Run. `is_ours`: this process carries it out."""

    def __init__(
        self,
        run: str,
        store: StateStore,
        *,
        is_ours: bool,
        why_no_keys: str = "",
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._run = run
        self._store = store
        self._is_ours = is_ours
        self._why_no_keys = why_no_keys
        self._wake = wake
        self._who = whoami()
        self._mode: Mode = IDLE
        self._notice = Notice()
        self._drawn: tuple[Sight, int, int, list[Line]] | None = None  # None: nothing yet
        self.sight: Sight | None = None  # None until there is anything to see
        self.trouble = ""
        self.next_look: float | None = None  # None: whoever carries it out looks by itself
        self.left = threading.Event()

    def lines(self, width: int, height: int) -> list[Line]:
        """Return the picture, and the keys in the lowest rows."""
        sight = self.sight
        if sight is None:
            leave = "" if self._is_ours else "q quit"
            return [line(f"{self._run} has not begun yet"), line(Segment(leave, Tone.QUIET))]
        lowest = self._lowest(sight, width) if height > SHORTEST else []
        lowest = lowest[-(height - 1) :]
        body = self._body(sight, width, height - len(lowest) - (1 if lowest else 0))
        return [*body, *([()] * (height - len(body) - len(lowest))), *lowest]

    def _body(self, sight: Sight, width: int, height: int) -> list[Line]:
        """Return the picture; it is only worked out anew when there is something new."""
        match self._drawn:
            case (before, w, h, lines) if before is sight and (w, h) == (width, height):
                return lines
        lines = picture_lines(sight, width, height)
        self._drawn = (sight, width, height, lines)
        return lines

    def last_picture(self, width: int, height: int, paint: Paint) -> str:
        """Return the picture without the keys, for the output that stays."""
        if self.sight is None:
            return ""
        return painted(live_picture(self.sight, width, max(1, height - 1)), paint)

    def pressed(self, keys: Sequence[str]) -> None:
        """Ask, answer, or do what was said yes to."""
        if self.sight is None:
            if keys[0] == "q" and not self._is_ours:
                self.left.set()
            return
        reaction = press(self._mode, keys, self._situation(self.sight))
        self._mode = reaction.mode
        if reaction.notice is not None:
            self._notice.say(reaction.notice)
        elif reaction.mode is not IDLE:
            self._notice.say("")
        if reaction.leaves:
            self.left.set()
        if reaction.order is not None:
            self._notice.say(f"{reaction.order.act.capitalize()} ...")
            # A slow place of state keeps nobody from seeing what happens.
            threading.Thread(target=self._obey, args=[reaction.order], daemon=True).start()

    def heard(self, text: str) -> None:
        """Show what was said meanwhile."""
        self._notice.say(text)

    def _obey(self, order: Order) -> None:
        try:
            self._notice.say(obey(order, self._run, self._store))
        except VmssplanError as error:
            self._notice.say(f"{error.message}. {error.hint or ''}")
        self._wake()

    def _situation(self, sight: Sight) -> Situation:
        return Situation(self._run, sight.state, sight.is_running, self._is_ours, self._who)

    def _lowest(self, sight: Sight, width: int) -> list[Line]:
        aside = "" if self.next_look is None else next_look_text(self.next_look)
        if self._why_no_keys:
            keys = [with_aside(self._why_no_keys, aside, width)]
        else:
            keys = mode_lines(self._mode, self._situation(sight), width, aside)
        said = [one for one in (self.trouble, self._notice.text) if one]
        if isinstance(self._mode, Asking | Explaining | Helping):
            said = []
        return [*(line(Segment(one, Tone.WARNING)) for one in said), *keys]


class RunsView:
    """`screen.View` of all Runs, as a table."""

    def __init__(self, *, why_no_keys: str = "") -> None:
        self._why_no_keys = why_no_keys
        self._notice = Notice()
        self.records: Sequence[RunRecord] = ()
        self.trouble = ""
        self.next_look: float | None = None  # None before the first look
        self.left = threading.Event()

    def lines(self, width: int, height: int) -> list[Line]:
        """Return the head of the table, the newest Runs that fit, and the keys."""
        said = [one for one in (self.trouble, self._notice.text) if one]
        aside = "" if self.next_look is None else next_look_text(self.next_look)
        keys = with_aside(self._why_no_keys or "q quit", aside, width)
        lowest = [(), *(line(Segment(one, Tone.WARNING)) for one in said), keys]
        room = max(1, height - len(lowest))
        records = self.records
        table = status_lines(records, width)
        while len(table) > room and len(records) > 1:
            records = records[1 + (len(table) - room - 1) // 2 :]
            left_out = len(self.records) - len(records)
            more = line(Segment(f"{left_out} older: vmssplan status", Tone.QUIET))
            table = [*status_lines(records, width), more]
        table = table[:room]
        return [*table, *([()] * (height - len(table) - len(lowest))), *lowest]

    def pressed(self, keys: Sequence[str]) -> None:
        """Leave, if that is asked for."""
        if keys[0] == "q":
            self.left.set()

    def heard(self, text: str) -> None:
        """Show what was said meanwhile."""
        self._notice.say(text)


def picture_lines(sight: Sight, width: int, height: int) -> list[Line]:
    """Return the live view, and below it more where there is room: who served, and the steps."""
    body = live_picture(sight, width, height)
    bounds = sight.state.rollout.bounds
    if len(body) + 1 < height and sight.served:
        signs = symbols()
        told = serving_line(sight.served, sight.now, bounds.total, bounds.floor, signs, width)
        body = [*body, (), told]
    steps = step_lines(sight.state, width, height - len(body) - 1)
    return [*body, (), *steps] if steps else body


def live_picture(sight: Sight, width: int, height: int) -> list[Line]:
    """Return the live view of what was last seen."""
    has_turned = any(isinstance(event, RollbackStarted) for event in sight.recent)
    told_from = sight.rollout if has_turned else sight.state.rollout
    return live_lines(
        sight.state,
        sight.scale_set,
        sight.now,
        sight.started_at,
        width,
        height,
        event_lines(sight.recent, told_from),
        symbols(),
    )


def symbols() -> Symbols:
    """Return the symbols that standard output can show."""
    is_utf8 = (sys.stdout.encoding or "").casefold().replace("-", "") == "utf8"
    return Symbols.unicode() if is_utf8 else Symbols.ascii()


def next_look_text(at: float) -> str:
    """Say how long it is until then, by the monotonic clock."""
    left = math.ceil(at - time.monotonic())
    return f"next look in {left}s" if left > 0 else "looking"


def obey(order: Order, run: str, store: StateStore) -> str:
    """Do what was ordered, as its verb does, and say so; raises what the verb raises."""
    match order.act:
        case Act.APPROVE:
            instructing.approve(run, store, order.step, order.digest)
            return f"Step {order.step} of {run} is approved."
        case Act.REJECT:
            instructing.reject(run, store, order.step, order.reason or instructing.NO_REASON)
            return f"Step {order.step} of {run} is not approved."
        case Act.PAUSE:
            instructing.pause(run, store)
            return f"{run} starts nothing more."
        case Act.RESUME:
            if not instructing.go_on(run, store):
                raise UsageInvalid(f"{run} is not paused")
            return f"{run} goes on."
        case Act.ABORT:
            instructing.abort(run, store)
            return f"{run} ends after what is in flight."
    assert_never(order.act)
