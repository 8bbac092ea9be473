"""Strategies compared as a drawing: SVG by hand, readable in light and dark, without scripts."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

from vmssplan.report.wording import roughly

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmssplan.forecast.comparison import Outlook
    from vmssplan.forecast.values import Forecast

LABEL, BAR, GAP, NUMBERS = 190, 250, 40, 110
ROW, HEAD, FOOT = 44, 76, 34
THICK = 16
WIDTH = LABEL + 2 * (BAR + NUMBERS) + GAP
STYLE = """
  .page { fill: #ffffff } text { fill: #1f2328; font: 13px system-ui, sans-serif }
  .title { font-size: 16px; font-weight: 600 } .head { font-weight: 600 } .quiet { fill: #59636e }
  .time { fill: #0969da } .hit { fill: #cf222e } .rest { opacity: .35 } .axis { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #f0f6fc } .quiet { fill: #9198a1 }
    .time { fill: #4493f8 } .hit { fill: #f85149 } .axis { stroke: #3d444d }
  }
"""


def comparison_svg(outlooks: Sequence[Outlook], title: str) -> str:
    """Return the drawing: how long each takes, and how many instances a bad image hits."""
    shown = [(one, one.forecast) for one in outlooks if one.forecast is not None]
    height = HEAD + ROW * len(shown) + FOOT
    longest = max((each.makespan_p95 for _, each in shown), default=timedelta(0))
    most = max((one.bad_image.touched_p95 for one, _ in shown if one.bad_image), default=0)
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
            f' width="{WIDTH}" height="{height}" role="img" aria-label="{escape(title)}">'
        ),
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        _text(16, 28, title, "title"),
        _text(LABEL, 58, "duration", "head"),
        _text(LABEL + BAR + NUMBERS + GAP, 58, "instances a bad image hits", "head"),
    ]
    for number, (one, forecast) in enumerate(shown):
        lines += _row(HEAD + ROW * number, one, forecast, longest, most)
    note = "dark: half of all rehearsals; pale: 95 of 100"
    lines += [_text(LABEL, height - 12, note, "quiet"), "</svg>"]
    return "\n".join(lines) + "\n"


def _row(
    top: int, one: Outlook, forecast: Forecast, longest: timedelta, most: int
) -> Iterator[str]:
    """Yield one strategy: its name, and two bars with their numbers."""
    middle = top + ROW // 2
    yield _text(16, middle + 5, one.strategy + (" *" if one.is_of_plan else ""), "head")
    half = forecast.makespan_p50 / longest if longest else 0.0
    rare = forecast.makespan_p95 / longest if longest else 0.0
    times = f"{roughly(forecast.makespan_p50)}, p95 {roughly(forecast.makespan_p95)}"
    if forecast.completed < forecast.seeds:
        times = f"ends {forecast.completed} of {forecast.seeds}"
    yield from _bar(LABEL, middle, "time", (half, rare), times)
    bad = one.bad_image
    if bad is not None:
        shares = (bad.touched_p50 / most, bad.touched_p95 / most) if most else (0.0, 0.0)
        hit = f"{bad.touched_p50} of {bad.total}" + (", NOT stopped" if bad.completed else "")
        yield from _bar(LABEL + BAR + NUMBERS + GAP, middle, "hit", shares, hit)


def _bar(
    left: int, middle: int, kind: str, shares: tuple[float, float], text: str
) -> Iterator[str]:
    half, rare = (round(share * BAR, 1) for share in shares)
    top = middle - THICK // 2
    yield (
        f'<line class="axis" x1="{left}" y1="{middle - ROW // 2}"'
        f' x2="{left}" y2="{middle + ROW // 2}"/>'
    )
    yield f'<rect class="{kind} rest" x="{left}" y="{top}" width="{rare}" height="{THICK}"/>'
    yield f'<rect class="{kind}" x="{left}" y="{top}" width="{half}" height="{THICK}"/>'
    yield _text(left + round(max(rare, half)) + 8, middle + 5, text)


def _text(left: int, baseline: int, text: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{left}" y="{baseline}">{escape(text)}</text>'
