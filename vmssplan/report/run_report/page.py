"""The report as one web page, with nothing from elsewhere: it can be mailed, kept and opened.

Its policy lets one style sheet and one script run, by their hashes, and load nothing: even a text
that slipped through the escaping could neither run nor call anybody.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from vmssplan import __version__
from vmssplan.errors import ExitCode
from vmssplan.report.run_report import chart
from vmssplan.report.run_report.elements import NOTHING, Markup, element, joined
from vmssplan.report.run_report.replaying import replay_data, replay_section
from vmssplan.report.run_report.safe import safe
from vmssplan.report.text import plan_line, target_rows
from vmssplan.report.wording import counted, span_text
from vmssplan.rollout import Disposition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from vmssplan.report.run_report.chronicle import Chronicle, StepTale

Row = tuple[str, "Sequence[str | Markup]"]
"""The class of a row of a table, and its cells."""
NAMED = 40


def report_html(chronicle: Chronicle) -> str:
    """Return the whole page."""
    title = f"{chronicle.run}: {chronicle.headline}"
    style = _packaged("page.css") + chart.STYLE
    script = _packaged("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}';"
        " base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        NOTHING,
        element("meta", {"charset": "utf-8"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"name": "referrer", "content": "no-referrer"}),
        element("title", NOTHING, title),
        Markup(f"<style>{style}</style>"),
    )
    data = Markup(
        f'<script type="application/json" id="told">{replay_data(chronicle)}</script>\n'
        f"<script>{script}</script>"
    )
    main = element("main", NOTHING, *_sections(chronicle), _foot())
    body = element("body", NOTHING, Markup("\n"), main, Markup("\n"), data)
    return f"<!DOCTYPE html>\n{element('html', {'lang': 'en'}, head, body)}\n"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _packaged(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _sections(chronicle: Chronicle) -> Iterator[Markup]:
    yield from _head(chronicle)
    yield from _picture(chronicle)
    yield replay_section(chronicle)
    yield from _plan(chronicle)
    yield from _table("Batches", _BATCHES, _batch_rows(chronicle))
    yield from _table("Gates and people", _DECISIONS, _decision_rows(chronicle), "None.")
    yield from _table("Failures", _FAILURES, _failure_rows(chronicle), "No instance failed.")
    yield from _table("Steps", _STEPS, _step_rows(chronicle))
    yield from _table("API calls", _CALLS, _call_rows(chronicle), "None.", _CALLS_NOTE)
    yield from _events(chronicle)


_BATCHES = ("batch", "instances", "started", "took", "ready", "failed", "skipped")
_DECISIONS = ("time", "step", "about", "by", "said")
_FAILURES = ("time", "instances", "phase", "to the end", "code", "message")
_STEPS = ("step", "what", "started", "took", "note")
_CALLS = ("time", "request", "operation", "took", "outcome")
_EVENTS = ("time", "step", "batch", "instances", "what")
_CALLS_NOTE = "What the journal knows: every write, and looks that failed."


def _head(chronicle: Chronicle) -> Iterator[Markup]:
    outcome = chronicle.state.outcome
    code = outcome.exit_code if outcome else None
    tone = {ExitCode.SUCCESS: "good", ExitCode.ROLLED_BACK: "warn", None: "warn"}.get(code, "bad")
    yield element("h1", NOTHING, f"Run {chronicle.run}")
    yield element("p", {"class": f"headline {tone}"}, chronicle.headline)
    yield _facts(chronicle.summary)


def _facts(rows: Iterable[tuple[str, str]]) -> Markup:
    pairs = [
        joined(element("dt", NOTHING, name), element("dd", NOTHING, value)) for name, value in rows
    ]
    return element("dl", {"class": "facts"}, *pairs)


def _picture(chronicle: Chronicle) -> Iterator[Markup]:
    yield element("h2", NOTHING, "Instances by time")
    top, foot = chart.Layout.of(chronicle).top, chart.Layout.of(chronicle).foot
    at = {"id": "cursor", "x1": -9, "x2": -9, "y1": top, "y2": foot}
    name = f"Instances of {chronicle.run} by time, and how many were in service"
    picture = chart.drawing(chronicle, name)
    cursor = element("line", at)
    with_cursor = Markup(picture.removesuffix("</svg>") + cursor + "</svg>")
    box = {"class": "wide", "tabindex": 0, "role": "group", "aria-label": "Instances by time"}
    yield element("figure", box, with_cursor)


def _plan(chronicle: Chronicle) -> Iterator[Markup]:
    rollout = chronicle.rollout
    yield element("h2", NOTHING, "Plan")
    yield element("p", NOTHING, safe(plan_line(rollout).removeprefix("Plan: ")))
    changes = [
        element(
            "li",
            NOTHING,
            element("code", NOTHING, one.path),
            ": ",
            element("del", NOTHING, safe(one.before or "(not set)")),
            " → ",
            element("ins", NOTHING, safe(one.after or "(removed)")),
        )
        for one in rollout.changes
    ]
    if changes:
        yield element("ul", NOTHING, *changes)
    yield _facts((name, safe(value)) for name, value in target_rows(rollout).items())
    left = [
        (one.reason, one.instance_id)
        for one in rollout.instances
        if one.disposition is not Disposition.UPGRADE
    ]
    for reason in dict.fromkeys(reason for reason, _ in left):
        ids = [each for why, each in left if why == reason]
        yield element("p", NOTHING, f"Left alone: {safe(reason)} ({_names(ids)})")
    if rollout.notes:
        yield element("ul", NOTHING, *(element("li", NOTHING, safe(one)) for one in rollout.notes))


def _table(
    title: str, columns: Sequence[str], rows: Iterable[Row], nothing: str = "", note: str = ""
) -> Iterator[Markup]:
    yield element("h2", NOTHING, title)
    if note:
        yield element("p", NOTHING, note)
    found = list(rows)
    if not found:
        yield element("p", NOTHING, nothing)
        return
    yield _grid(title, columns, found)


def _grid(title: str, columns: Sequence[str], rows: Sequence[Row]) -> Markup:
    head = [element("th", {"scope": "col"}, name) for name in columns]
    lines = [
        element("tr", {"class": kind or None}, *(element("td", NOTHING, one) for one in cells))
        for kind, cells in rows
    ]
    table = element(
        "table",
        NOTHING,
        element("thead", NOTHING, element("tr", NOTHING, *head)),
        Markup("\n"),
        element("tbody", NOTHING, *(joined(one, Markup("\n")) for one in lines)),
    )
    box = {"class": "wide", "tabindex": 0, "role": "group", "aria-label": title}
    return element("div", box, table)


def _batch_rows(chronicle: Chronicle) -> Iterator[Row]:
    for one in chronicle.batches:
        name = f"way back, {one.name}" if one.is_way_back else one.name
        numbers = (str(one.ready), str(one.failed), str(one.skipped))
        kind = "" if one.started else "later"
        took = _took(one.started, one.ended)
        yield kind, (name, _names(one.instance_ids), _time(chronicle, one.started), took, *numbers)


def _decision_rows(chronicle: Chronicle) -> Iterator[Row]:
    for one in chronicle.decisions:
        step = "" if one.step is None else str(one.step)
        said = one.said + (f" ({one.times} times)" if one.times > 1 else "")
        yield str(one.weight), (_time(chronicle, one.at), step, one.about, one.by, said)


def _failure_rows(chronicle: Chronicle) -> Iterator[Row]:
    for one in chronicle.failures:
        stands = "failed" if one.stands else "went well later"
        names = _names(one.instance_ids)
        yield "error", (_time(chronicle, one.at), names, one.phase, stands, one.code, one.message)


def _step_rows(chronicle: Chronicle) -> Iterator[Row]:
    for one in chronicle.steps:
        kind = "" if one.started else "later"
        took = _took(one.started, one.ended)
        yield kind, (step_name(one), one.title, _time(chronicle, one.started), took, one.note)


def step_name(step: StepTale) -> str:
    """Return `7`, or `back 7` on the way back."""
    return f"back {step.number}" if step.is_way_back else str(step.number)


def _call_rows(chronicle: Chronicle) -> Iterator[Row]:
    for one in chronicle.calls:
        what = f"{one.what}: {_names(one.instance_ids)}" if one.instance_ids else one.what
        operation = element("code", NOTHING, one.operation) if one.operation else ""
        took = _took(one.at, one.ended)
        yield str(one.weight), (_time(chronicle, one.at), what, operation, took, one.outcome)


def _events(chronicle: Chronicle) -> Iterator[Markup]:
    rows: list[Row] = [
        (
            str(one.weight),
            (
                _time(chronicle, one.at),
                "" if one.step is None else str(one.step),
                "" if one.batch is None else str(one.batch),
                _names(one.instance_ids),
                one.text,
            ),
        )
        for one in chronicle.lines
    ]
    yield element("h2", NOTHING, "Events")
    yield element(
        "details",
        NOTHING,
        element("summary", NOTHING, counted(len(rows), "line")),
        _grid("Events", _EVENTS, rows),
    )


def _foot() -> Markup:
    said = "Made from the journal of the Run. Times are in UTC. Secrets are left out."
    return element("footer", NOTHING, element("p", NOTHING, f"vmssplan {__version__}. {said}"))


def _names(instance_ids: Sequence[str]) -> str:
    named = ", ".join(safe(one) for one in instance_ids[:NAMED])
    left = len(instance_ids) - NAMED
    return f"{named} and {left} more" if left > 0 else named


def _time(chronicle: Chronicle, at: datetime | None) -> Markup:
    if at is None:
        return Markup()
    written = {"datetime": f"{at:%Y-%m-%dT%H:%M:%SZ}", "class": "time"}
    return element("time", written, chronicle.clock(at))


def _took(start: datetime | None, end: datetime | None) -> str:
    return "" if start is None or end is None else span_text(end - start)
