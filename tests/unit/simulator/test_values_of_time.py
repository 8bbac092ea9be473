"""Durations and what is drawn from latencies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from vmss_simulator.durations import format_duration, parse_duration
from vmss_simulator.randomness import Latency, draw_guid, draw_share, stream


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("PT30S", 30, id="seconds"),
        pytest.param("PT1H2M3.5S", 3723.5, id="clock"),
        pytest.param("P1DT12H", 129600, id="days"),
        pytest.param("P1D", 86400, id="a day"),
        pytest.param("PT0S", 0, id="none"),
    ],
)
def test_durations_are_read_and_written(text: str, seconds: float) -> None:
    """A duration is written as it was read."""
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert format_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize("text", ["", "P", "PT", "5m", "P1DT", "PT1X", "-PT1S", "P1Y"])
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_a_latency_has_its_median_and_95th_percentile() -> None:
    """Of many draws half are below the median and one in twenty above the p95."""
    latency = Latency(timedelta(minutes=2), timedelta(minutes=4))
    draws = [latency.at(draw_share(1, "x", "test", n)) for n in range(4000)]
    below = sum(each <= latency.median for each in draws) / len(draws)
    above = sum(each > latency.p95 for each in draws) / len(draws)
    assert below == pytest.approx(0.5, abs=0.03)
    assert above == pytest.approx(0.05, abs=0.015)
    assert all(each.microseconds % 1000 == 0 for each in draws)


def test_streams_are_independent_and_the_same_everywhere() -> None:
    """A stream depends on its name only; this value holds in every process and version."""
    assert draw_guid(stream(1, "/x/WEB", "vmId", 0)) == draw_guid(stream(1, "/x/web", "vmId", 0))
    assert draw_guid(stream(1, "/x/web", "vmId", 1)) != draw_guid(stream(1, "/x/web", "vmId", 0))
    assert draw_guid(stream(1, "a", "b", 0)) == "c70ad7af-0853-4c96-a978-01edc3473608"
