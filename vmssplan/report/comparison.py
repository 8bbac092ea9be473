"""Strategies compared: a table for terminals, a document for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmssplan.report.forecast import bad_image_json, forecast_json
from vmssplan.report.wording import counted, roughly, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.forecast.comparison import Outlook
    from vmssplan.forecast.values import Forecast

HEAD = ("strategy", "batches", "p50", "p95", "lowest", "calls", "bad image hits", "ends")
GAP = "  "


def comparison_text(outlooks: Sequence[Outlook], basis: str, width: int) -> str:
    """Return the table, and what it rests on."""
    rows = [HEAD, *(_row(one) for one in outlooks if one.forecast is not None)]
    sizes = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        GAP.join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip()
        for row in rows
    ]
    for one in outlooks:
        if one.refused:
            lines += wrapped(f"{one.strategy}: {one.refused}", width, "", "  ")
    seeds = sorted({one.forecast.seeds for one in outlooks if one.forecast})
    if seeds:
        times = (
            counted(seeds[-1], "time") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} times"
        )
        note = (
            f"Each rehearsed {times} on a twin of the live set, with {basis}. Bad image: instances"
            " operated on before the Run stops, p50 and p95. * is the Plan's own strategy."
        )
        lines += ["", *wrapped(note, width, "", "")]
    return "\n".join(lines)


def _row(one: Outlook) -> tuple[str, ...]:
    forecast = one.forecast
    if forecast is None:
        return ("",) * len(HEAD)
    return (
        f"{one.strategy}{' *' if one.is_of_plan else ''}",
        str(one.batches),
        roughly(forecast.makespan_p50),
        roughly(forecast.makespan_p95),
        f"{forecast.lowest_in_service} of {forecast.total}",
        str(forecast.calls_p50),
        _hit(one.bad_image),
        ends_text(forecast),
    )


def _hit(bad: Forecast | None) -> str:
    if bad is None:
        return "none"
    text = str(bad.touched_p50)
    if bad.touched_p95 != bad.touched_p50:
        text += f", p95 {bad.touched_p95}"
    return text + (" NOT stopped" if bad.completed else "")


def ends_text(forecast: Forecast) -> str:
    """Say whether it comes to its end."""
    if forecast.completed == forecast.seeds:
        return "yes"
    return f"{forecast.completed} of {forecast.seeds} times"


def comparison_json(outlooks: Sequence[Outlook], basis: str) -> dict[str, Any]:
    """Return the same for machines."""
    return {"latencies": basis, "strategies": [_document(one) for one in outlooks]}


def _document(one: Outlook) -> dict[str, Any]:
    document: dict[str, Any] = {"strategy": one.strategy, "isOfPlan": one.is_of_plan}
    if one.forecast is None:
        return {**document, "refused": one.refused}
    document |= {"batches": one.batches, "forecast": forecast_json(one.forecast)}
    if one.bad_image is not None:
        document["badImage"] = bad_image_json(one.bad_image)
    return document
