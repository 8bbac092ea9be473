"""A Run told after the fact: the same in four formats, harmless whatever it was told."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from tests.support.copying import replace
from tests.support.reports import guarded, guarded_batch, people, way_back
from tests.support.stories import RUN, STORIES, Story, complete, halted, hostile, in_pairs, lived
from vmssplan import __version__
from vmssplan.documents import readable_json
from vmssplan.engine import events as ev
from vmssplan.report.heatmap import CellState
from vmssplan.report.run_report import (
    Chronicle,
    chart_svg,
    chronicle_of,
    report_html,
    report_json,
    report_markdown,
)
from vmssplan.report.run_report.markdown import LONGEST
from vmssplan.rollout import API_VERSION
from vmssplan.schema_files import schema

if TYPE_CHECKING:
    from tests.support.golden import Golden

SCRIPT = "<script>alert(1)</script>"
SECRET = "sig=c2VjcmV0c2VjcmV0c2VjcmV0"  # noqa: S105 - planted


def told(story: Story) -> Chronicle:
    """Return the chronicle of a story."""
    return chronicle_of(RUN, story.rollout, story.events)


def without_parts(page: str) -> str:
    """Return the page without its style and script, which are files of their own."""
    page = re.sub(r"<style>.*?</style>", "<style>...</style>", page, flags=re.DOTALL)
    page = re.sub(r"<script>.*?</script>", "<script>...</script>", page, flags=re.DOTALL)
    return re.sub(r"sha256-[A-Za-z0-9+/=]+", "sha256-...", page)


def stable(text: str) -> str:
    """Return the text without the version of the program."""
    return text.replace(f"vmssplan {__version__}", "vmssplan VERSION")


@pytest.mark.parametrize("name", STORIES)
def test_the_four_formats(name: str, golden: Golden) -> None:
    """What each story looks like, in each format."""
    chronicle = told(STORIES[name]())

    golden.check(f"report-{name}-html", stable(without_parts(report_html(chronicle))))
    golden.check(f"report-{name}-json", stable(readable_json(report_json(chronicle))))
    golden.check(f"report-{name}-markdown", report_markdown(chronicle))
    golden.check(f"report-{name}-svg", without_parts(chart_svg(chronicle)))


@pytest.mark.parametrize("name", STORIES)
def test_the_document_is_as_its_schema_says(name: str) -> None:
    """And so is one of a Run steered by people on its way back."""
    validator = Draft202012Validator(schema("runreport"))

    assert list(validator.iter_errors(report_json(told(STORIES[name]())))) == []
    steered = chronicle_of(RUN, guarded(), [*guarded_batch(), *people(), *way_back()])
    assert list(validator.iter_errors(report_json(steered))) == []
    assert report_json(steered)["apiVersion"] == API_VERSION


@pytest.mark.parametrize("name", STORIES)
def test_the_curve_is_what_was_seen(name: str) -> None:
    """From the first look on, never lower than the lowest, and nowhere that nobody has seen."""
    story = STORIES[name]()
    chronicle = told(story)

    assert chronicle.lowest == min(story.seen)
    assert chronicle.counts[0].in_service == story.seen[0]
    assert {one.in_service for one in chronicle.counts} <= set(story.seen)


def test_who_approved_and_who_refused() -> None:
    """By name, with the step and the reason."""
    yes, no = told(STORIES["approved"]()), told(STORIES["rejected"]())

    assert dict(yes.summary)["approved"] == "step 4 by ann@desk"
    assert [(one.by, one.step) for one in yes.decisions if one.said == "approved"] == [
        ("ann@desk", 4)
    ]
    assert ("bob@desk", "not approved: error rate doubled") in [
        (one.by, one.said) for one in no.decisions
    ]


def test_a_gate_that_says_the_same_again_is_counted() -> None:
    """One row, with how often."""
    measured = [
        ev.GateMeasured(event.at, 8, event.verdict, "exit code 75")
        for event in people()
        if isinstance(event, ev.GateMeasured)
    ]
    same = [replace(measured[0], at=one.at) for one in (*measured, *measured, *measured)]
    events = [*guarded_batch(), *same]

    rows = [one for one in chronicle_of(RUN, guarded(), events).decisions if one.step == 8]

    assert [one.times for one in rows] == [6]


def test_every_request_of_the_journal_is_told() -> None:
    """The model, each batch, and what was put off or lost."""
    calls = told(halted()).calls

    assert [one.what for one in calls] == [
        "write the model",
        "upgrade 2 instances",
        "upgrade 2 instances",
    ]
    assert calls[0].outcome == "Succeeded"
    assert "AllocationFailed" in calls[-1].outcome
    assert all(one.operation for one in calls)


def test_a_failure_is_told_in_azures_words() -> None:
    """Once for those that failed alike; one that went well after a resume is not failed now."""
    story = halted()
    [failure] = told(story).failures

    assert (failure.code, failure.instance_ids, failure.stands) == (
        "AllocationFailed",
        ("2",),
        True,
    )
    later = story.events[-1].at
    cured = [
        *story.events,
        ev.RunResumed(later),
        ev.InstanceUpgraded(later, "2"),
        ev.InstanceReady(later, "2"),
    ]
    [failure] = chronicle_of(RUN, story.rollout, cured).failures
    assert not failure.stands


def test_every_instance_has_its_whole_time() -> None:
    """Spells follow one another without a gap, from the start to the last Event."""
    for make in STORIES.values():
        chronicle = told(make())
        for tale in chronicle.instances:
            assert tale.spells[0].start == chronicle.started
            assert tale.spells[-1].end == chronicle.last
            pairs = zip(tale.spells, tale.spells[1:], strict=False)
            assert all(a.end == b.start and a.state is not b.state for a, b in pairs)


def test_a_run_that_goes_on_is_told_too() -> None:
    """So far, at every moment of it."""
    story = STORIES["rolled-back"]()
    for length in range(1, len(story.events) + 1):
        chronicle = chronicle_of(RUN, story.rollout, story.events[:length])
        assert chart_svg(chronicle)
        assert report_json(chronicle)["run"] == RUN
    with pytest.raises(ValueError, match="nothing has happened"):
        chronicle_of(RUN, story.rollout, ())


class Parts(HTMLParser):
    """The elements, texts and scripts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._in = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.tags.append(tag)
        self.attributes += attrs
        self._in = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        """Be outside again."""
        del tag
        self._in = ""

    def handle_data(self, data: str) -> None:
        """Keep what is in a script or a style."""
        if self._in == "script":
            self.scripts[-1] += data
        if self._in == "style":
            self.styles.append(data)


def test_a_page_runs_nothing_but_its_own_script() -> None:
    """What others wrote is text, also inside the data; the policy allows the own script by hash."""
    page = report_html(told(hostile(f"{SCRIPT}<!--</script><img src=x onerror=alert(1)>\"'")))
    parts = Parts(page)

    assert parts.tags.count("script") == 2
    assert "img" not in parts.tags
    assert not [name for name, _ in parts.attributes if name.startswith("on") or name == "src"]
    data, script = parts.scripts
    assert SCRIPT in json.loads(data)["lines"][-1][1]
    policy = _policy(page)
    assert f"script-src 'sha256-{_hash(script)}'" in policy
    assert f"style-src 'sha256-{_hash(parts.styles[0])}'" in policy
    assert "default-src 'none'" in policy


def _policy(page: str) -> str:
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert found is not None
    return found[1].replace("&#x27;", "'")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_nothing_is_loaded_from_anywhere() -> None:
    """No address of another host is in what a browser would load; every link is a text."""
    page = report_html(told(complete()))

    parts = Parts(page)

    names = {name for name, value in parts.attributes if value and "//" in value}
    assert names <= {"xmlns"}
    assert not {"link", "img", "iframe", "a", "object"} & set(parts.tags)
    assert "url(" not in "".join(parts.styles)


def test_a_drawing_is_well_formed_whatever_it_was_told() -> None:
    """As XML, without a script in it."""
    root = ET.fromstring(chart_svg(told(hostile(f'{SCRIPT}"&]]>\x00\x0b'))))  # noqa: S314 - ours

    assert not [one for one in root.iter() if one.tag.endswith("script")]


def test_huge_messages_are_cut() -> None:
    """A report stays small, and says how much it leaves out."""
    chronicle = told(hostile("x" * 200_000))

    assert len(report_html(chronicle)) < 200_000
    assert len(report_markdown(chronicle)) < LONGEST
    assert "(198000 more characters, see the journal)" in report_html(chronicle)


def test_markdown_ends_in_time() -> None:
    """A Run of very many events fits, and says that something is missing."""
    chronicle = told(complete())
    lines = tuple(replace(chronicle.lines[0], text="z" * 300) for _ in range(1_000))

    text = report_markdown(replace(chronicle, lines=lines))

    assert len(text) < LONGEST
    assert "did not fit" in text or "Last 200 events" in text


def test_no_secret_is_told() -> None:
    """What looks like one is left out, even where a journal of old still has it."""
    chronicle = told(hostile(f"see https://x.invalid/a?{SECRET} password=hunter2hunter2"))
    texts = (
        report_html(chronicle),
        readable_json(report_json(chronicle)),
        report_markdown(chronicle),
        chart_svg(chronicle),
    )

    for text in texts:
        assert "c2VjcmV0" not in text
        assert "hunter2" not in text
    assert "***" in texts[0]


def test_a_thousand_instances_are_told_in_one_page() -> None:
    """In a page that can still be mailed, with a row for each and a cell for each."""
    story = lived(in_pairs(), capacity=4)
    chronicle = told(story)
    many = tuple(
        replace(chronicle.instances[n % 4], instance_id=str(n), batch=n // 50) for n in range(1_000)
    )

    page = report_html(replace(chronicle, instances=many))

    assert len(page) < 1_000_000
    assert page.count('class="cell"') == 1_000


def test_symbols_are_of_every_state() -> None:
    """The styles of page and drawing know every state there is."""
    page = report_html(told(complete()))
    for state in CellState:
        assert f".cell.{state.name.lower()} " in page
        assert f".{state.name.lower()}" in chart_svg(told(complete()))


def test_a_run_over_midnight_has_its_dates() -> None:
    """Where the time of day alone would not say when."""
    story = complete()
    later = ev.RunResumed(story.events[-1].at + timedelta(days=1))
    chronicle = chronicle_of(RUN, story.rollout, [*story.events, later])

    assert "| 11-02 08:00:20 |" in report_markdown(chronicle)
    assert ">11-02 08:00:20</time>" in report_html(chronicle)
    assert ">11-02 12:00</text>" in chart_svg(chronicle)
    assert "| 08:00:20 |" in report_markdown(told(story))
