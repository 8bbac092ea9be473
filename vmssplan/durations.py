"""ISO 8601 durations, the form in which Plans, Rollouts and Azure write spans of time.

Weeks, days and below: years and months have no fixed length, so they are refused. Digits are
bounded: a date plus any duration read here is still a date, and what a Plan may say (its schema
is narrower) can be written and read again.
"""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(
    r"P(?=[0-9]|T[0-9])"
    r"(?:(?P<weeks>[0-9]{1,3})W)?(?:(?P<days>[0-9]{1,6})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]{1,6})H)?(?:(?P<minutes>[0-9]{1,6})M)?"
    r"(?:(?P<seconds>[0-9]{1,6}(?:\.[0-9]{1,6})?)S)?)?"
)
_MICROSECOND = timedelta(microseconds=1)


def parse_duration(text: str) -> timedelta:
    """Return the span `PT2M`, `P1DT12H` or `PT0.5S` stands for; ValueError for anything else."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a duration such as PT30S, PT2M or P1DT12H")
    amounts = found.groupdict(default="0")
    whole, _, fraction = amounts.pop("seconds").partition(".")
    return timedelta(
        seconds=int(whole),
        microseconds=int(fraction.ljust(6, "0")),
        **{unit: int(amount) for unit, amount in amounts.items()},
    )


def format_duration(span: timedelta) -> str:
    """Return the span as `P1DT2H3M4.5S`, without what is nought; ValueError when negative."""
    if span < timedelta(0):
        raise ValueError(f"a duration is never negative, got {span}")
    seconds, fraction = divmod(span // _MICROSECOND, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    clock = "".join(f"{amount}{unit}" for amount, unit in ((hour, "H"), (minute, "M")) if amount)
    if second or fraction:
        decimals = f".{fraction:06}".rstrip("0") if fraction else ""
        clock += f"{second}{decimals}S"
    date = f"{days}D" if days else ""
    if clock:
        return f"P{date}T{clock}"
    return f"P{date}" if date else "PT0S"
