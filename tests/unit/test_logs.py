"""Logs: quiet by default, whole lines of text or JSON, and never a secret."""

from __future__ import annotations

import inspect
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.runs import MemoryJournal, compute, run_in
from tests.support.values import START, plan, seconds, strategy
from tests.worlds import make_world
from vmssplan.cli import logs
from vmssplan.cli.app import app
from vmssplan.cli.console import Console
from vmssplan.cli.logs import LogFormat, LogLevel
from vmssplan.cli.run_log import RunLog
from vmssplan.engine import Event, RunState, evolve
from vmssplan.engine import events as ev

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmssplan.rollout import Rollout

OURS, SDK, TRACE = (
    "vmssplan.run",
    "azure.core.pipeline.policies.http_logging_policy",
    logs.SDK_TRACE,
)
WEB_TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJub2JvZHkifQ.c2lnbmF0dXJl"  # noqa: S105 - made up
SIGNED = (
    "https://management.azure.com/op/1?api-version=2024-07-01&t=638&s=c2lnbmF0dXJlLW9mLWl0&h=x9"
)


class Written:
    """What is written to standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    @property
    def text(self) -> str:
        """All of it."""
        self._text += self._capsys.readouterr().err
        return self._text

    @property
    def lines(self) -> list[str]:
        """Line by line."""
        return self.text.splitlines()

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Each line a document."""
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """Return what is written, and give logging back as it was."""
    names = ("", "vmssplan", "azure", TRACE, "opentelemetry")
    before = {name: logging.getLogger(name).level for name in names}
    try:
        yield Written(capsys)
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
        root = logging.getLogger()
        for handler in [one for one in root.handlers if isinstance(one, logs.StandardError)]:
            root.removeHandler(handler)
        logs.set_context({})


@pytest.mark.parametrize(
    ("level", "ours", "sdk"),
    [
        (None, "warning", "warning"),
        (LogLevel.ERROR, "error", "error"),
        (LogLevel.WARNING, "warning", "warning"),
        (LogLevel.INFO, "info", "warning"),
        (LogLevel.DEBUG, "debug", "info"),
    ],
)
def test_levels(written: Written, level: LogLevel | None, ours: str, sdk: str) -> None:
    """Warnings only unless asked; the SDK's own request log comes with debug, its trace never."""
    logs.configure(LogFormat.JSON, level)
    levels = ("debug", "info", "warning", "error")
    for name in (OURS, SDK, TRACE):
        for each in levels:
            logging.getLogger(name).log(logging.getLevelNamesMapping()[each.upper()], "said")

    def lowest(name: str) -> str:
        found = {one["level"] for one in written.documents if one["logger"] == name}
        return next(each for each in levels if each in found)

    assert (lowest(OURS), lowest(SDK)) == (ours, sdk)
    assert lowest(TRACE) in ("warning", "error")


def test_a_json_line(written: Written) -> None:
    """A line is one object with its time in UTC, the place in the Run, and its own fields."""
    logs.configure(LogFormat.JSON, LogLevel.INFO)
    logs.set_context({"run": "web-1", "step": 4})
    logging.getLogger(OURS).info("two\nlines of %s", "it", extra={"fields": {"instances": ["5"]}})

    [document] = written.documents
    assert document.pop("timestamp").endswith("Z")
    assert document == {
        "level": "info",
        "logger": OURS,
        "message": "two\nlines of it",
        "run": "web-1",
        "step": 4,
        "instances": ["5"],
    }


def test_a_text_line(written: Written) -> None:
    """A line of text is one line, whatever others have put into it."""
    logs.configure(LogFormat.TEXT, LogLevel.INFO)
    logs.set_context({"run": "web-1", "scaleSet": "/subscriptions/1"})
    logging.getLogger(OURS).info("no\nroom\x1b[2J", extra={"fields": {"instances": ["5", "6"]}})

    [line] = written.lines
    assert f" info {OURS}: no room" in line
    assert "(run=web-1 instances=5,6)" in line
    assert "\x1b" not in line


@pytest.mark.parametrize("form", LogFormat)
@pytest.mark.parametrize(
    ("said", "secret"),
    [
        (f"Authorization: Bearer {WEB_TOKEN}", WEB_TOKEN),
        (f"the token is {WEB_TOKEN}", WEB_TOKEN),
        (f"GET {SIGNED}", "c2lnbmF0dXJlLW9mLWl0"),
        ('{"client_secret": "hunter2-and-more"}', "hunter2-and-more"),
    ],
)
def test_no_secret_is_logged(written: Written, form: LogFormat, said: str, secret: str) -> None:
    """Secrets are taken out of messages, arguments, fields and tracebacks of every logger."""
    logs.configure(form, LogLevel.DEBUG)
    for name in (OURS, "msal.oauth2cli", SDK):
        logger = logging.getLogger(name)
        logger.warning(said)
        logger.warning("said: %s", said, extra={"fields": {"detail": said, "all": [said]}})
        try:
            int(said)
        except ValueError:
            logger.exception("failed")

    assert len(written.lines) >= 9
    assert secret not in written.text


@pytest.mark.parametrize("form", LogFormat)
def test_a_record_that_cannot_be_told(written: Written, form: LogFormat) -> None:
    """What somebody else logs wrongly is a line that says so, and stops nobody."""
    wrong = {"name": "msal", "levelname": "WARNING", "msg": "%d of %d", "args": ("one",)}
    logs.StandardError(form, None).handle(logging.makeLogRecord(wrong))

    [line] = written.lines
    assert "a record that cannot be told: TypeError" in line
    assert "msal" in line


def test_the_console_speaks_json_too(written: Written) -> None:
    """Errors with their hint, warnings and notices are lines like all others, at any level."""
    logs.configure(LogFormat.JSON, LogLevel.ERROR)
    console = Console()
    console.error("it is stale", hint="plan again")
    console.warning("look")
    console.say("done")
    console.hint("go on")

    told = [(one["level"], one["message"], one.get("hint")) for one in written.documents]
    assert told == [
        ("error", "it is stale", "plan again"),
        ("warning", "look", None),
        ("info", "done", None),
        ("info", "go on", None),
    ]
    assert {one["logger"] for one in written.documents} == {"vmssplan.console"}


def test_every_verb_has_the_options() -> None:
    """Logging is asked for in the same way with every verb."""
    for verb in app.registered_commands:
        assert verb.callback is not None
        names = inspect.signature(verb.callback).parameters
        assert {"log_format", "log_level"} <= set(names), verb.name


def logged_run(rollout: Rollout, events: Iterable[Event]) -> None:
    """Show a Run to its log."""
    watcher, state = RunLog("web-1", rollout), RunState.begin(rollout)
    for event in events:
        state = evolve(state, event)
        watcher.happened(event, state)


def test_a_run_in_the_logs(written: Written) -> None:
    """Every Event of a Run is one record with run, plan and scale set; requests name instances."""
    world = make_world(capacity=4)
    rollout = compute(world, plan(strategy=strategy("fixedBatch", 2)))
    journal = MemoryJournal()
    run_in(world, rollout, journal)
    logs.configure(LogFormat.JSON, LogLevel.DEBUG)
    logged_run(rollout, journal.events)

    assert [one["event"] for one in written.documents] == [
        type(event).__name__ for event in journal.events
    ]
    for one in written.documents:
        assert (one["run"], one["plan"]) == ("web-1", rollout.plan)
        assert one["scaleSet"] == rollout.target.resource_id
    requests = [one for one in written.documents if one["event"] == "UpgradeIntended"]
    assert [one["instances"] for one in requests] == [
        list(event.instance_ids) for event in journal.of(ev.UpgradeIntended)
    ]
    assert [one["batch"] for one in requests] == [1, 2]
    assert {one["attempt"] for one in requests} == {1}


def test_attempts_are_counted(written: Written) -> None:
    """A request that was put off says the how manieth try it is, and why it was put off."""
    rollout = compute(make_world(capacity=2), plan())
    at = START
    deferred: list[Event] = [
        event
        for number in (1, 2)
        for event in (
            ev.ModelWriteIntended(at, number, 1, '"1"'),
            ev.RequestDeferred(
                at, ev.DeferralReason.CONFLICT, at + seconds(15), "Conflict", "Busy.", number
            ),
        )
    ]
    logs.configure(LogFormat.JSON, LogLevel.DEBUG)
    begun: list[Event] = [ev.RunStarted(at, "web-1", "sha256:0"), ev.StepStarted(at, 1)]
    logged_run(rollout, [*begun, *deferred, ev.ModelWriteIntended(at, 3, 1, '"1"')])

    told = [one for one in written.documents if one["event"] == "ModelWriteIntended"]
    assert [(one["request"], one["attempt"]) for one in told] == [(1, 1), (2, 2), (3, 3)]
    put_off = [one for one in written.documents if one["event"] == "RequestDeferred"]
    assert [(one["reason"], one["code"]) for one in put_off] == [("conflict", "Conflict")] * 2
    assert all("attempt" not in one for one in put_off)
