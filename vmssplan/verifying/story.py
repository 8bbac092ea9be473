"""A counterexample as a story: move by move, what happened, when, and what the Run made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmssplan.engine import Command, Event
from vmssplan.verifying.facts import Breach
from vmssplan.verifying.leaping import follow
from vmssplan.verifying.moves import Move
from vmssplan.verifying.stepping import begin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.verifying.scene import Scene


@dataclass(frozen=True, slots=True)
class Chapter:
    """One move: `at` seconds after the beginning, what the Run then wrote down, what is wrong.

    The first one has no move: there the Run begins. `command` is what the Run stands at.
    """

    move: Move | None
    at: int
    events: tuple[Event, ...]
    breaches: tuple[Breach, ...]
    command: Command | None


def tell(scene: Scene, moves: Sequence[Move]) -> tuple[Chapter, ...]:
    """Go through the moves again, from the beginning; the same moves make the same story."""
    turn = begin(scene)
    chapters = [Chapter(None, 0, turn.events, turn.breaches, turn.situation.command)]
    for move in moves:
        turn = follow(scene, turn.situation, move)
        at = turn.situation
        chapters.append(Chapter(move, at.now, turn.events, turn.breaches, at.command))
    return tuple(chapters)
