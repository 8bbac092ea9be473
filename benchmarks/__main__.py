"""Measures what we promise about speed, in one run; prints a table, exits 1 for a goal missed.

`make bench` runs everything, `python -m benchmarks rollouts` one part. Seconds are those of this
machine; shares and multiples compare two things measured side by side. Never part of the tests.
"""

from __future__ import annotations

import sys

from benchmarks import browser, forecast, page, rollouts, scenario_tests, simulator, throttling

PARTS = {
    "browser": browser.measures,
    "forecast": forecast.measures,
    "page": page.measures,
    "rollouts": rollouts.measures,
    "scenario_tests": scenario_tests.measures,
    "simulator": simulator.measures,
    "throttling": throttling.measures,
}


def main(wanted: list[str]) -> int:
    """Run the parts asked for, or all, and say whether every goal is met."""
    is_good = True
    for name in wanted or PARTS:
        print(name)
        for measure in PARTS[name]():
            print(measure, flush=True)
            is_good = is_good and measure.is_met
    return int(not is_good)


sys.exit(main(sys.argv[1:]))
