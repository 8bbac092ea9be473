"""The part of the page that plays a Run again: the heat map under a slider, and its data."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING

from vmssplan.report.heatmap import CellState
from vmssplan.report.run_report.chart import KINDS, LABELS, PLOT, SYMBOLS
from vmssplan.report.run_report.elements import NOTHING, Markup, element

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from vmssplan.report.run_report.chronicle import Chronicle, InstanceTale, StepTale

MOST_NAMED = 120
"""So many instances have their ids in the map; of more of them, only the one pointed at."""
_STATES = tuple(CellState)


def replay_data(chronicle: Chronicle) -> str:
    """Return the JSON for the inside of a script element; times are seconds from the start."""
    start = chronicle.started

    def since(at: datetime) -> float:
        return round((at - start).total_seconds(), 1)

    steps = [
        (since(one.started), f"{_way(one)} {one.number}: {one.title}")
        for one in chronicle.steps
        if one.started is not None
    ]
    document = {
        "start": round(start.timestamp() * 1000),
        "dated": not chronicle.is_of_one_day,
        "seconds": chronicle.duration.total_seconds(),
        "left": LABELS,
        "wide": PLOT,
        "floor": chronicle.floor,
        "named": len(chronicle.instances) <= MOST_NAMED,
        "states": [state.value for state in _STATES],
        "kinds": [KINDS[state] for state in _STATES],
        "symbols": [SYMBOLS[state] for state in _STATES],
        "instances": [
            [(since(spell.start), _STATES.index(spell.state)) for spell in tale.spells]
            for tale in chronicle.instances
        ],
        "counts": [(since(one.at), one.in_service) for one in chronicle.counts],
        "steps": sorted(steps, key=lambda one: one[0]),
        "lines": [(since(at), text) for at, text in _said(chronicle)],
    }
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    # Nothing in it may end the element, or begin a comment in it.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _way(step: StepTale) -> str:
    return "Way back, step" if step.is_way_back else "Step"


def _said(chronicle: Chronicle) -> Iterable[tuple[datetime, str]]:
    """Yield the last thing that was said at each time, and is not said by the step already."""
    titles = {one.title for one in chronicle.steps}
    lines = (line for line in chronicle.lines if line.text not in titles)
    for at, group in groupby(lines, key=lambda line: line.at):
        *_, last = group
        who = f"{', '.join(last.instance_ids[:8])}: " if last.instance_ids else ""
        yield at, f"{who}{last.text}"


def replay_section(chronicle: Chronicle) -> Markup:
    """Return the slider and the map; hidden until the script shows it."""
    slider = {
        "type": "range",
        "id": "at",
        "min": 0,
        "max": 1000,
        "step": 1,
        "value": 1000,
        "aria-label": "Moment of the Run",
    }
    controls = element(
        "div",
        {"class": "controls"},
        element("button", {"type": "button", "id": "play"}, "Play"),
        element("input", slider),
    )
    return element(
        "section",
        {"id": "replay", "hidden": True, "aria-labelledby": "replay-title"},
        element("h2", {"id": "replay-title"}, "Replay"),
        controls,
        element("output", {"id": "said", "for": "at", "aria-live": "off"}, " "),
        element("div", {"class": "wide", "tabindex": 0, "role": "group", "aria-label": "Heat map"},
                _map(chronicle)),
    )  # fmt: skip


def _map(chronicle: Chronicle) -> Markup:
    numbers = {tale.instance_id: number for number, tale in enumerate(chronicle.instances)}
    rows = _names(tale.row for tale in chronicle.instances)
    columns = _names(tale.column for tale in chronicle.instances)
    places: dict[tuple[str, str], list[InstanceTale]] = {}
    for tale in chronicle.instances:
        places.setdefault((tale.row, tale.column), []).append(tale)
    head = [_heading("col", name) for name in ("", *columns)]
    body = [
        element(
            "tr",
            NOTHING,
            _heading("row", row),
            *(_place(places.get((row, column), ()), numbers) for column in columns),
        )
        for row in rows
    ]
    header = element("thead", NOTHING, element("tr", NOTHING, *head)) if any(columns) else Markup()
    return element("table", {"class": "map"}, header, element("tbody", NOTHING, *body))


def _heading(scope: str, name: str) -> Markup:
    """Return the name of a row or column; where there is none, nothing that says it is one."""
    return element("th", {"scope": scope}, name) if name else element("td", NOTHING, "")


def _place(tales: Sequence[InstanceTale], numbers: dict[str, int]) -> Markup:
    cells = [
        element(
            "span",
            {
                "class": "cell",
                "role": "img",
                "data-n": numbers[tale.instance_id],
                "data-id": tale.instance_id,
            },
            " ",
        )
        for tale in tales
    ]
    return element("td", NOTHING, element("div", {"class": "cells"}, *cells, ""))


def _names(found: Iterable[str]) -> list[str]:
    """Sort as the heat map does; what has no place comes last."""
    return sorted(set(found), key=lambda name: (name.endswith("?"), len(name), name))
