"""What the model checker found: how far it came, a verdict a property, a counterexample as a story.

Bounds stand beside every verdict: what was not explored is not proven.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from vmssplan.report.paint import Tone
from vmssplan.report.run import event_lines
from vmssplan.report.wording import counted, span_text
from vmssplan.verifying import MEANINGS, Bound, Chapter, Explored, Group, Property, Scene, Small

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.report.paint import Paint

LEFT_OUT = "autoscale, Azure's own rolling upgrade, and a machine whose instance view is missing"


@dataclass(frozen=True, slots=True)
class Verification:
    """All there is to tell: what was explored, how far, what came of it, and the bound."""

    small: Small
    scene: Scene
    explored: Explored
    chapters: tuple[Chapter, ...]
    bound: Bound
    wanted_troubles: int

    @property
    def is_complete(self) -> bool:
        """Tell whether all that was wanted was explored."""
        return self.explored.complete >= self.wanted_troubles


def verification_text(found: Verification, paint: Paint) -> str:
    """Return the whole report."""
    lines = [*_explored_lines(found), "", *_verdict_lines(found, paint)]
    if found.explored.breach is not None:
        lines += ["", *_story_lines(found, paint)]
    lines += ["", "For the real size", f"  {found.bound.text()}"]
    lines.append("  whatever falls sick by itself comes on top, one for one")
    return "\n".join([*lines, "", _last_line(found, paint)])


def _explored_lines(found: Verification) -> list[str]:
    small, explored = found.small, found.explored
    size = counted(len(small.live.instances), "instance")
    if small.is_reduced:
        kinds = counted(small.kinds, "kind")
        size += f", standing for {small.total} of {kinds}; amounts in proportion"
    bounds = small.rollout.bounds
    health = found.scene.rollout.health
    short = (
        f"healthy for {span_text(health.min_healthy_time)},"
        f" within {span_text(health.deadline)}; every timer is there, but short"
    )
    groups = ", ".join(group.value for group in Group if group is not Group.FREE)
    steps = counted(explored.transitions, "step")
    states = counted(explored.states, "state")
    return [
        f"Explored {small.rollout.plan}",
        f"  set       {size}; the floor is {bounds.floor} of {bounds.total}",
        f"  searched  {states} and {steps}, up to {explored.depth} deep",
        f"  complete  {_complete_text(found)}",
        f"  trouble   {groups}",
        f"  times     {short}",
        f"  not told  {LEFT_OUT}",
    ]


def _complete_text(found: Verification) -> str:
    complete, wanted = found.explored.complete, found.wanted_troubles
    if complete < 0:
        return "nothing yet, not even with no trouble at all"
    text = "with no trouble" if complete == 0 else f"with up to {counted(complete, 'trouble')}"
    if complete < wanted and found.explored.breach is None:
        text += f"; {wanted} were wanted, and the limit came first"
    return f"every story {text}"


def _verdict_lines(found: Verification, paint: Paint) -> list[str]:
    width = max(len(one) for one in Property)
    lines = ["Properties"]
    breach = found.explored.breach
    for one in Property:
        if breach is not None and breach.property is one:
            word = paint("BROKEN", Tone.BAD)
        elif found.explored.complete < 0:
            word = "not known"
        elif breach is not None or not found.is_complete:
            word = f"held  (with up to {found.explored.complete})"
        else:
            word = paint("holds ", Tone.GOOD)
        lines.append(f"  {one:<{width}}  {word}  {MEANINGS[one]}")
    return lines


def _story_lines(found: Verification, paint: Paint) -> list[str]:
    breach = found.explored.breach
    if breach is None:
        return []
    lines = [paint("Counterexample, with as little trouble as possible", Tone.HEADING)]
    rollout = found.scene.rollout
    for number, chapter in enumerate(found.chapters):
        what = "the Run begins" if chapter.move is None else str(chapter.move)
        is_trouble = chapter.move is not None and chapter.move.is_trouble
        mark = paint("!", Tone.WARNING) if is_trouble else " "
        at = span_text(timedelta(seconds=chapter.at))
        lines.append(f"{number:>4} {mark} {at:<7} {what}")
        lines += [f"{'':>14} {line[10:]}" for line in event_lines(chapter.events, rollout)]
    lines.append(f"  {paint(f'{breach.property}: {breach.text}', Tone.BAD)}")
    return lines


def _last_line(found: Verification, paint: Paint) -> str:
    breach, complete = found.explored.breach, found.explored.complete
    if breach is not None:
        return paint(f"Broken: {breach.property}: {breach.text}.", Tone.BAD)
    if complete < 0:
        return paint("Nothing proven: the limit came too soon.", Tone.WARNING)
    trouble = counted(complete, "trouble")
    text = f"Proven within these bounds: every property holds with up to {trouble}."
    return paint(text, Tone.GOOD if found.is_complete else Tone.WARNING)


def verification_json(found: Verification) -> dict[str, Any]:
    """Return the same for machines."""
    explored, bound, breach = found.explored, found.bound, found.explored.breach
    document: dict[str, Any] = {
        "plan": found.small.rollout.plan,
        "instances": found.small.total,
        "explored": {
            "instances": len(found.small.live.instances),
            "kinds": found.small.kinds,
            "states": explored.states,
            "steps": explored.transitions,
            "depth": explored.depth,
            "completeTroubles": explored.complete,
            "wantedTroubles": found.wanted_troubles,
        },
        "properties": {one.value: _word(found, one) for one in Property},
        "bound": {
            "total": bound.total,
            "inService": bound.in_service,
            "floor": bound.floor,
            "underWay": bound.under_way,
            "tolerated": bound.tolerated,
            "lowest": bound.lowest,
        },
        "counterexample": None,
    }
    if breach is not None:
        document["counterexample"] = {
            "property": breach.property.value,
            "text": breach.text,
            "story": _story(found.chapters),
        }
    return document


def _word(found: Verification, one: Property) -> str:
    breach = found.explored.breach
    if breach is not None and breach.property is one:
        return "broken"
    if found.explored.complete < 0:
        return "unknown"
    return "holds" if breach is None and found.is_complete else "heldSoFar"


def _story(chapters: Sequence[Chapter]) -> list[dict[str, Any]]:
    return [
        {
            "at": chapter.at,
            "what": "the Run begins" if chapter.move is None else str(chapter.move),
            "isTrouble": chapter.move is not None and chapter.move.is_trouble,
        }
        for chapter in chapters
    ]
