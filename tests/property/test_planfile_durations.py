"""Durations: what is written is read again, and nothing else is read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmssplan.durations import format_duration, parse_duration
from vmssplan.schema_files import schema

PATTERN = schema("plan")["$defs"]["duration"]["pattern"]
LONGEST = timedelta(days=9999, hours=23, minutes=59, seconds=59, microseconds=999_999)


@given(span=st.timedeltas(timedelta(0), LONGEST))
def test_what_is_written_is_read_again(span: timedelta) -> None:
    """Writing and reading a duration gives the same duration, to the microsecond."""
    text = format_duration(span)

    assert parse_duration(text) == span
    assert re.search(PATTERN, text)


@given(text=st.from_regex(PATTERN, fullmatch=True).filter(str.isascii))
def test_what_the_schema_lets_in_can_be_used(text: str) -> None:
    """What passes the schema is read, written and read again, and any date can bear it."""
    span = parse_duration(text)

    assert parse_duration(format_duration(span)) == span
    assert datetime(2026, 11, 22, tzinfo=UTC) + span >= datetime(2026, 11, 22, tzinfo=UTC)


@given(text=st.text(max_size=8))
def test_no_text_does_harm(text: str) -> None:
    """Any text is a duration or a ValueError."""
    try:
        span = parse_duration(text)
    except ValueError:
        return
    assert timedelta(0) <= span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("PT0S", timedelta(0)),
        ("PT30S", timedelta(seconds=30)),
        ("PT0.5S", timedelta(milliseconds=500)),
        ("PT2M", timedelta(minutes=2)),
        ("PT1H30M", timedelta(minutes=90)),
        ("P1D", timedelta(days=1)),
        ("P1DT12H", timedelta(hours=36)),
    ],
)
def test_the_form_people_write(text: str, span: timedelta) -> None:
    """The usual forms are read, and written back as they were."""
    assert parse_duration(text) == span
    assert format_duration(span) == text


def test_weeks_become_days() -> None:
    """Weeks are read and never written."""
    assert format_duration(parse_duration("P2W")) == "P14D"


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "2M", "PT2", "P1M", "P1Y", "-PT1S", "PT1,5S", "pt2m", "PT2M\n"]
)
def test_no_duration(text: str) -> None:
    """Years, months, signs and halves of a duration are refused."""
    with pytest.raises(ValueError, match="is not a duration such as"):
        parse_duration(text)


def test_no_negative_duration() -> None:
    """There is no way to write a negative span."""
    with pytest.raises(ValueError, match="never negative"):
        format_duration(timedelta(seconds=-1))
