"""Strategies side by side: what each is forecast to take, and what a bad image would hit."""

from __future__ import annotations

from dataclasses import dataclass

from vmssplan.forecast.values import Forecast


@dataclass(frozen=True, slots=True)
class Outlook:
    """One strategy: how many batches it has, and what is foreseen of it.

    `refused` says why it is none for this Plan; then there are no forecasts.
    """

    strategy: str
    batches: int = 0
    forecast: Forecast | None = None
    bad_image: Forecast | None = None
    refused: str = ""
    is_of_plan: bool = False
