"""Lines of toned pieces: what a screen shows, before anybody knows what it is painted with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmssplan.report.paint import Tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmssplan.report.paint import Paint

_DOTS = "..."


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of one line; None means no tone."""

    text: str
    tone: Tone | None = None


Line = tuple[Segment, ...]


def line(*pieces: str | Segment) -> Line:
    """Return a line of these pieces; a plain string has no tone."""
    return tuple(Segment(piece) if isinstance(piece, str) else piece for piece in pieces)


def length(pieces: Iterable[Segment]) -> int:
    """Return how wide the line is."""
    return sum(len(piece.text) for piece in pieces)


def cropped(pieces: Line, width: int) -> Line:
    """Return the line, cut at the width with dots where something is missing."""
    if length(pieces) <= width:
        return pieces
    kept: list[Segment] = []
    room = max(0, width - len(_DOTS))
    for piece in pieces:
        kept.append(Segment(piece.text[:room], piece.tone))
        room -= len(kept[-1].text)
    return (*(piece for piece in kept if piece.text), Segment(_DOTS[:width], Tone.QUIET))


def painted(lines: Sequence[Line], paint: Paint) -> str:
    """Return the lines as text, without spaces at their ends."""
    return "".join(
        "".join(paint(one.text, one.tone) if one.tone else one.text for one in pieces).rstrip()
        + "\n"
        for pieces in lines
    )
