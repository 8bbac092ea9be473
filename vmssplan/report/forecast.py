"""A Forecast in words: the second fixed last line of a plan, and the section above it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vmssplan.durations import format_duration
from vmssplan.forecast.values import Forecast
from vmssplan.report.paint import Tone
from vmssplan.report.wording import counted, roughly, wrapped
from vmssplan.rollout import Approval, Check, RunHook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.forecast.values import Part
    from vmssplan.report.paint import Paint
    from vmssplan.rollout import Rollout

BARRIERS = "barriers between batches"
LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Canary:
    """How many instances a bad image would hit with another strategy, and which that is."""

    strategy: str
    hit: int


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The Forecast of a Rollout, one of its bad image, and what the latencies rest on.

    `cut_at` is how many seconds there were for it, where that was too short to rehearse as often
    as usual; None where it was not.
    """

    forecast: Forecast
    bad_image: Forecast | None
    basis: str
    cut_at: float | None = None
    canary: Canary | None = None


def predicted_line(rollout: Rollout, foreseen: Foreseen | None) -> str:
    """Return the second fixed last line: duration, lowest in service, API calls."""
    bounds, forecast = rollout.bounds, foreseen.forecast if foreseen else None
    lowest = bounds.lowest_in_service
    parts = []
    if forecast is not None:
        lowest = min(lowest, forecast.lowest_in_service)
        parts.append(f"{roughly(forecast.makespan_p50)} (p95 {roughly(forecast.makespan_p95)})")
    parts.append(f"never below {lowest} of {bounds.total} in service")
    if forecast is not None:
        parts.append(f"{forecast.calls_p50} API calls")
    return f"Predicted: {', '.join(parts)}."


def foreseen_rows(rollout: Rollout, foreseen: Foreseen) -> dict[str, str]:
    """Return what limits the duration, calls, and what a bad image would hit."""
    forecast, bad_image = foreseen.forecast, foreseen.bad_image
    rows = {
        "rehearsed": _rehearsed(foreseen),
        "duration": _duration(forecast, rollout),
        "limited by": _limits(forecast.parts),
        "API calls": _calls(forecast),
    }
    if forecast.completed < forecast.seeds:
        rows["outcome"] = _outcomes(forecast)
    if bad_image is not None:
        rows["bad image"] = _bad_image(bad_image, foreseen.canary)
    return rows


def _rehearsed(foreseen: Foreseen) -> str:
    times = counted(foreseen.forecast.seeds, "time")
    if foreseen.cut_at is not None:
        times += f" (all that {foreseen.cut_at:.0f} s allow; --forecast-seeds N for more)"
    return f"{times} on a twin of the live set, with {foreseen.basis}"


def foreseen_lines(rollout: Rollout, foreseen: Foreseen, paint: Paint, width: int) -> list[str]:
    """Return the section of a Rollout's text."""
    lines = [paint("Forecast", Tone.HEADING)]
    for name, value in foreseen_rows(rollout, foreseen).items():
        lines += wrapped(value, width, f"  {name:<10}  ", " " * 14)
    return lines


def _duration(forecast: Forecast, rollout: Rollout) -> str:
    text = f"{roughly(forecast.makespan_p50)}, p95 {roughly(forecast.makespan_p95)}"
    if any(isinstance(step, Approval | Check | RunHook) for step in rollout.steps):
        text += "; approvals, gates and hooks are taken to pass at once"
    return text


def _limits(parts: Sequence[Part]) -> str:
    shares = [
        f"{part.name} {part.share:.0%}"
        for part in parts
        if part.name != BARRIERS and part.share >= LEAST_SHARE
    ]
    barriers = [part for part in parts if part.name == BARRIERS and part.share >= LEAST_SHARE]
    text = ", ".join(shares) or "nothing"
    return text + "".join(f"; {BARRIERS} cost {roughly(part.duration)}" for part in barriers)


def _calls(forecast: Forecast) -> str:
    told = (
        f"{forecast.throttled_p95} put off by throttling"
        if forecast.throttled_p95
        else ("none put off by throttling")
    )
    text = f"{forecast.calls_p50}, p95 {forecast.calls_p95}; {told}"
    use = forecast.budget
    if use is None:
        return text
    return (
        f"{text}; the tightest documented budget is {use.policy}, at its peak {use.share:.0%} of"
        f" {use.size} used ({use.refill} a minute come back)"
    )


def _outcomes(forecast: Forecast) -> str:
    ends = [f"{count} ended with exit code {code}" for code, count in forecast.outcomes.items()]
    return f"{', '.join(ends)} of {forecast.seeds}"


def _bad_image(bad: Forecast, canary: Canary | None) -> str:
    verb = "is" if bad.touched_p50 == 1 else "are"
    hit = f"{bad.touched_p50} of {bad.total} instances {verb} hit"
    if bad.touched_p95 != bad.touched_p50:
        hit += f" (p95 {bad.touched_p95})"
    if bad.completed:
        return f"{hit}, and it would NOT be stopped"
    text = f"{hit} before it is stopped, after {roughly(bad.makespan_p50)}"
    if canary is not None:
        text += f"; {canary.hit} with the strategy {canary.strategy}"
    return text


def foreseen_json(foreseen: Foreseen) -> dict[str, Any]:
    """Return the same for machines (`Forecast` in `schemas/rollout.v1.schema.json`)."""
    bad, canary = foreseen.bad_image, foreseen.canary
    document = {**forecast_json(foreseen.forecast), "latencies": foreseen.basis}
    if bad is not None:
        document["badImage"] = bad_image_json(bad)
    if canary is not None:
        document["alternative"] = {"strategy": canary.strategy, "hitP95": canary.hit}
    return document


def bad_image_json(bad: Forecast) -> dict[str, Any]:
    """Return what a bad image would do."""
    return {
        "seeds": bad.seeds,
        "hitP50": bad.touched_p50,
        "hitP95": bad.touched_p95,
        "isStopped": not bad.completed,
        "endsAfter": format_duration(bad.makespan_p50),
    }


def forecast_json(forecast: Forecast) -> dict[str, Any]:
    """Return one Forecast."""
    use = forecast.budget
    document: dict[str, Any] = {
        "seeds": forecast.seeds,
        "outcomes": {str(code): count for code, count in forecast.outcomes.items()},
        "makespanP50": format_duration(forecast.makespan_p50),
        "makespanP95": format_duration(forecast.makespan_p95),
        "lowestInService": forecast.lowest_in_service,
        "total": forecast.total,
        "callsP50": forecast.calls_p50,
        "callsP95": forecast.calls_p95,
        "throttledP95": forecast.throttled_p95,
        "parts": [
            {
                "name": part.name,
                "duration": format_duration(part.duration),
                "share": round(part.share, 4),
            }
            for part in forecast.parts
        ],
    }
    if use is not None:
        document["tightestBudget"] = {
            "policy": use.policy,
            "size": use.size,
            "refillPerMinute": use.refill,
            "share": round(use.share, 4),
        }
    return document
