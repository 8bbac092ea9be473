"""The search: all that can happen with no trouble, then with one, then with two, and so on.

Within as much trouble the shortest stories come first, so that the first counterexample has as
little going wrong as possible. What is reached with less trouble is not looked at again with more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from vmssplan.engine import Wait
from vmssplan.verifying.facts import Breach, Property
from vmssplan.verifying.keys import key_of
from vmssplan.verifying.leaping import follow
from vmssplan.verifying.moves import Group, Kind, Move
from vmssplan.verifying.process import Point
from vmssplan.verifying.scene import Scene
from vmssplan.verifying.stepping import (
    NothingToDie,
    Situation,
    Turn,
    begin,
    moves_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


TOLD_EVERY = 256
_CALM = (
    Kind.ENDS,
    Kind.DELIVERED,
    Kind.CATCHES_UP,
    Kind.OTHERS_END,
    Kind.RECOVERS,
    Kind.APPROVE,
    Kind.GO_ON,
    Kind.ACCEPTED,
    Kind.PASSES,
    Kind.WAKES,
    Kind.TIME,
)
_STILL = (Kind.TIME, Kind.ACCEPTED, Kind.PASSES, Kind.WAKES)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far to go: so much trouble in one story, so many states, and `stop` says when to stop."""

    troubles: int = 2
    states: int = 200_000
    groups: frozenset[Group] = frozenset(Group)
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Explored:
    """How far the search came, and what it found.

    `complete` is with how much trouble every story was gone through, -1 for none; `moves` lead to
    the breach, in order, or into a circle and once round it.
    """

    states: int
    transitions: int
    depth: int
    complete: int
    breach: Breach | None = None
    moves: tuple[Move, ...] = ()


@dataclass
class _Search:
    """The states found so far: where each came from, and where calm and stillness lead it."""

    scene: Scene
    limits: Limits
    numbers: dict[bytes, int] = field(default_factory=dict)
    parents: list[int] = field(default_factory=list)
    moves: list[Move | None] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    calm: list[int] = field(default_factory=list)
    still: list[int] = field(default_factory=list)
    fine: list[bool] = field(default_factory=list)
    transitions: int = 0
    breach: Breach | None = None
    breach_at: int = -1
    round: tuple[Kind, ...] = ()

    def add(self, at: Situation, parent: int, move: Move | None) -> tuple[int, bool]:
        """Return the number of a situation, and whether it is new."""
        key = key_of(at)
        known = self.numbers.get(key)
        if known is not None:
            return known, False
        number = self.numbers[key] = len(self.parents)
        self.parents.append(parent)
        self.moves.append(move)
        self.depths.append(self.depths[parent] + 1 if parent >= 0 else 0)
        self.calm.append(-1)
        self.still.append(-1)
        self.fine.append(at.point is Point.ENDED)
        return number, True

    def is_over(self) -> bool:
        """Tell whether enough was looked at."""
        if len(self.parents) >= self.limits.states:
            return True
        return self.transitions % TOLD_EVERY == 0 and self.limits.stop()

    def follow(self, at: Situation, number: int, move: Move) -> Turn | None:
        """Return what comes of a move; None when it cannot be made after all."""
        self.transitions += 1
        try:
            turn = follow(self.scene, at, move)
        except NothingToDie:
            return None
        if turn.breaches:
            self.breach, self.breach_at = turn.breaches[0], number
            self.moves.append(move)
        return turn

    def story(self) -> tuple[Move, ...]:
        """Return the moves that lead to the breach."""
        last = [self.moves[-1]] if len(self.moves) > len(self.parents) else []
        found: list[Move | None] = [*last]
        number = self.breach_at
        while number > 0:
            found.append(self.moves[number])
            number = self.parents[number]
        return tuple(move for move in reversed(found) if move is not None)


def explore(
    scene: Scene, limits: Limits | None = None, told: Callable[[int, int], None] | None = None
) -> Explored:
    """Search; `told` hears how many states there are, and with how much trouble, now and then."""
    search = _Search(scene, limits or Limits())
    first = begin(scene)
    number, _ = search.add(first.situation, -1, None)
    if first.breaches:
        return Explored(1, 0, 0, -1, first.breaches[0])
    layer: list[tuple[int, int, Situation]] = [(0, number, first.situation)]
    complete = -1
    for trouble in range(search.limits.troubles + 1):
        is_last = trouble == search.limits.troubles
        expanded = _closed(search, layer, trouble, told, is_kept=not is_last)
        if expanded is None:
            break
        stuck = _stuck(search)
        if stuck is not None:
            search.breach, search.breach_at, search.round = stuck
            break
        complete = trouble
        layer = []
        if is_last or not _troubled(search, expanded, layer):
            break
    story = search.story() if search.breach else ()
    if search.round:
        story = (*story, *_round(scene, story, search.round))
    return Explored(
        len(search.parents),
        search.transitions,
        max(search.depths),
        complete,
        search.breach,
        story,
    )


def _round(scene: Scene, story: tuple[Move, ...], kinds: tuple[Kind, ...]) -> Iterator[Move]:
    """Yield the moves from there once round the circle."""
    at, seen = begin(scene).situation, set()
    for move in story:
        at = follow(scene, at, move).situation
    while (key := key_of(at)) not in seen:
        seen.add(key)
        possible = {move.kind: move for move in reversed(list(moves_of(scene, at)))}
        move = next(possible[kind] for kind in kinds if kind in possible)
        at = follow(scene, at, move).situation
        yield move


def _closed(
    search: _Search,
    layer: list[tuple[int, int, Situation]],
    trouble: int,
    told: Callable[[int, int], None] | None,
    *,
    is_kept: bool,
) -> list[tuple[int, Situation]] | None:
    """Go through all that is free from here; None when that was not done to the end."""
    expanded: list[tuple[int, Situation]] = []
    heap = [(depth, number) for depth, number, _ in layer]
    situations = {number: at for _, number, at in layer}
    heap.sort()
    while heap:
        if search.is_over():
            return None
        depth, number = heappop(heap)
        at = situations.pop(number)
        if is_kept:
            expanded.append((number, at))
        for child, new in _free(search, at, number):
            if search.breach is not None:
                return None
            if new is not None:
                situations[child] = new
                heappush(heap, (depth + 1, child))
        if search.breach is not None:
            return None
        if told is not None and len(search.parents) % TOLD_EVERY == 0:
            told(len(search.parents), trouble)
    return expanded


def _free(search: _Search, at: Situation, number: int) -> Iterator[tuple[int, Situation | None]]:
    """Yield what follows without trouble; the situation too where it is new."""
    found: dict[Kind, int] = {}
    for move in moves_of(search.scene, at):
        if move.is_trouble:
            continue
        turn = search.follow(at, number, move)
        if turn is None:
            continue
        if turn.breaches:
            yield -1, None
            return
        child, is_new = search.add(turn.situation, number, move)
        found.setdefault(move.kind, child)
        yield child, turn.situation if is_new else None
    search.calm[number] = next((found[kind] for kind in _CALM if kind in found), -1)
    search.still[number] = next((found[kind] for kind in _STILL if kind in found), -1)
    is_asking = isinstance(at.command, Wait) and at.command.for_people
    if is_asking and found.get(Kind.TIME) == number:
        search.fine[number] = True


def _troubled(
    search: _Search,
    expanded: list[tuple[int, Situation]],
    layer: list[tuple[int, int, Situation]],
) -> bool:
    """Let one more thing go wrong everywhere; False when that was not done to the end."""
    for number, at in expanded:
        if search.is_over():
            return False
        dead = False
        for move in moves_of(search.scene, at):
            if not move.is_trouble or move.group not in search.limits.groups:
                continue
            if dead and move.kind is Kind.DIES_WRITING:
                continue
            turn = search.follow(at, number, move)
            if turn is None:
                dead = True
                continue
            if turn.breaches:
                return False
            child, is_new = search.add(turn.situation, number, move)
            if is_new:
                layer.append((search.depths[child], child, turn.situation))
    return True


def _stuck(search: _Search) -> tuple[Breach, int, tuple[Kind, ...]] | None:
    """Return the first state from which calm, or stillness, leads round in circles for ever.

    And which moves that are, the first possible one of them each time.
    """
    for onward, kinds, how in (
        (search.calm, _CALM, "although all goes well from here"),
        (search.still, _STILL, "when nothing else happens"),
    ):
        reaches = _reaching(onward, search.fine)
        bad = [number for number, is_good in enumerate(reaches) if not is_good]
        if bad:
            first = min(bad, key=lambda number: search.depths[number])
            text = f"it never ends, and waits for nobody, {how}"
            return Breach(Property.ENDS, text), first, kinds
    return None


def _reaching(onward: list[int], fine: list[bool]) -> list[bool]:
    """Tell of each state whether going onward from it comes to one that is fine."""
    known: list[bool | None] = [True if is_fine else None for is_fine in fine]
    for start in range(len(onward)):
        path, at, seen = [], start, set()
        while known[at] is None and at not in seen and onward[at] >= 0:
            seen.add(at)
            path.append(at)
            at = onward[at]
        is_good = known[at] is True
        for number in (*path, start):
            if known[number] is None:
                known[number] = is_good
    return [is_good is True for is_good in known]
