"""A move, and much time instead of little where a little changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.verifying.keys import key_of
from vmssplan.verifying.moves import Kind, Move
from vmssplan.verifying.stepping import Situation, Turn, take

if TYPE_CHECKING:
    from vmssplan.verifying.scene import Scene

LEAP_SECONDS = 2 * 3600
"""Longer than anything is waited for: the deadline of an operation."""


def follow(scene: Scene, at: Situation, move: Move) -> Turn:
    """Return what comes of a move; raises NothingToDie.

    When a wait ends as it began, every further one does, until a deadline far away: there.
    """
    turn = take(scene, at, move)
    if move.kind is not Kind.TIME or turn.breaches or key_of(turn.situation) != key_of(at):
        return turn
    return take(scene, at, move, leap=LEAP_SECONDS)
