"""ISO 8601 durations, the form in which Azure and scenario files write spans of time."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def parse_duration(text: str) -> timedelta:
    """Read `PT1H30M`, `P1D`, `PT0.5S`; ValueError for anything else (years, months, signs)."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a duration such as PT30S, PT2M or P1DT12H")
    return timedelta(
        **{unit: float(amount) for unit, amount in found.groupdict(default="0").items()}
    )


def format_duration(span: timedelta) -> str:
    """Write a span as `P1DT2H3M4.5S`, leaving out what is nought; no time at all is `PT0S`."""
    minutes, seconds = divmod(span.total_seconds(), 60)
    hours, minute = divmod(int(minutes), 60)
    days, hour = divmod(hours, 24)
    clock = "".join(f"{n}{unit}" for n, unit in ((hour, "H"), (minute, "M")) if n)
    if seconds:
        clock += f"{seconds:.3f}".rstrip("0").rstrip(".") + "S"
    date = f"{days}D" if days else ""
    return f"P{date}T{clock}" if clock else f"P{date}" if date else "PT0S"
