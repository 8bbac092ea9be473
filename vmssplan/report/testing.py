"""Results of scenario tests: a line each, what did not hold, and where it went otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from xml.etree.ElementTree import Element, SubElement, tostring

from vmssplan.report.paint import Tone
from vmssplan.report.run import event_lines
from vmssplan.report.wording import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vmssplan.engine import Event
    from vmssplan.report.paint import Paint
    from vmssplan.rollout import Rollout

LINES_AROUND = 6


class Tested(Protocol):
    """Where a test stands."""

    @property
    def name(self) -> str:
        """Its sentence."""
        ...

    @property
    def file(self) -> Path:
        """Its file."""
        ...

    @property
    def line(self) -> int:
        """Its line there."""
        ...


class TestResult(Protocol):
    """How a test went."""

    @property
    def test(self) -> Tested:
        """Which test."""
        ...

    @property
    def failures(self) -> tuple[str, ...]:
        """What does not hold."""
        ...

    @property
    def timeline(self) -> tuple[str, ...]:
        """What happened, where anything does not hold."""
        ...

    @property
    def seconds(self) -> float:
        """How long it took."""
        ...


def result_text(result: TestResult, paint: Paint) -> str:
    """Return one line for a test that passed; a failed one says what, where and when."""
    name = one_line(result.test.name)
    if not result.failures:
        return f"{paint('ok', Tone.GOOD)}    {name}  ({result.seconds:.2f} s)"
    place = f"{result.test.file}:{result.test.line}"
    lines = [f"{paint('FAIL', Tone.BAD)}  {name}  ({result.seconds:.2f} s)  {place}"]
    lines += [f"        {one_line(failure)}" for failure in result.failures]
    lines += [f"      {line}" for line in result.timeline]
    return "\n".join(lines)


def summary_text(results: Sequence[TestResult], seconds: float, paint: Paint) -> str:
    """Return the last line."""
    failed = sum(bool(one.failures) for one in results)
    text = f"{counted(len(results), 'test')}: {len(results) - failed} passed, {failed} failed"
    return paint(f"{text}, in {seconds:.1f} s", Tone.BAD if failed else Tone.GOOD)


def timeline(
    rollout: Rollout, events: Sequence[Event], last_expected: int | None
) -> tuple[str, ...]:
    """Return what happened, an arrow where it stopped going as expected.

    Without such a place, the end is shown; of a long story what is around the place.
    """
    if last_expected is None:
        lines = event_lines(events, rollout)
        return tuple(f"    {line}" for line in lines[-2 * LINES_AROUND :])
    before = event_lines(events[: last_expected + 1], rollout)
    after = event_lines(events, rollout)[len(before) :]
    shown = [f"    {line}" for line in before[-LINES_AROUND:]]
    shown.append("--> here it went otherwise than expected")
    return tuple(shown + [f"    {line}" for line in after[:LINES_AROUND]])


def junit_text(results: Sequence[TestResult]) -> str:
    """Return the report in JUnit's XML, as CI systems read it."""
    failed = sum(bool(one.failures) for one in results)
    suite = Element(
        "testsuite",
        name="vmssplan test",
        tests=str(len(results)),
        failures=str(failed),
        errors="0",
        time=f"{sum(one.seconds for one in results):.3f}",
    )
    for one in results:
        case = SubElement(
            suite,
            "testcase",
            name=one_line(one.test.name),
            classname=one.test.file.as_posix(),
            file=one.test.file.as_posix(),
            line=str(one.test.line),
            time=f"{one.seconds:.3f}",
        )
        if one.failures:
            failure = SubElement(case, "failure", message=one_line(one.failures[0]))
            failure.text = "\n".join([*one.failures, *one.timeline])
    text: str = tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'
