"""`python -m tests.mutation [PATH[::DEFINITION]]...`: make the mutants, and list the survivors."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mutation.explained import BadExplanationError, check, explanations
from tests.mutation.making import Mutant, asked_kinds, mutants_of
from tests.mutation.running import ROOT, BrokenError, Fate, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SCOPE = (
    "vmssplan/engine/*.py",
    "vmssplan/engine/events/*.py",
    "vmssplan/rollout/*.py",
    "vmssplan/gates.py",
    "vmssplan/batching.py",
    "vmssplan/staleness.py",
    "vmssplan/autoscaling.py",
)
FAST = (
    "tests/unit/test_engine_*.py",
    "tests/unit/test_executor.py",
    "tests/unit/test_gates.py",
    "tests/unit/test_autoscaling.py",
    "tests/unit/test_batching.py",
    "tests/unit/test_rollout*.py",
    "tests/unit/test_staleness.py",
)
SLOW = (
    "tests/property/test_kept_answers.py",
    "tests/property/test_batching.py",
    "tests/property/test_replay.py",
    "tests/property/test_floor.py",
    "tests/property/test_crash*.py",
    "tests/property/test_native_rolling.py",
)


@dataclass
class Tally:
    """What became of the mutants so far."""

    counts: Counter[Fate] = field(default_factory=Counter)
    left: list[Mutant] = field(default_factory=list)

    def told(self, mutant: Mutant, fate: Fate) -> None:
        """Take note of one, and show that something goes on."""
        self.counts[fate] += 1
        if fate is not Fate.KILLED:
            self.left.append(mutant)
        done = self.counts.total()
        if done % 100 == 0:
            _say(f"  {done} judged, {len(self.left)} left")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _files(patterns: Sequence[str]) -> list[str]:
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return [path.relative_to(ROOT).as_posix() for path in found]


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _all_mutants(paths: Sequence[str]) -> Iterator[Mutant]:
    sources = {path: (ROOT / path).read_text("utf-8") for path in _files(SCOPE)}
    kinds = asked_kinds(list(sources.values()))
    for path in paths:
        names = vars(importlib.import_module(_module(path)))
        yield from mutants_of(path, _module(path), sources[path], names, kinds)


def _wanted(arguments: Sequence[str]) -> Mapping[str, str]:
    """Return the start of the definitions that are wanted, by path; "" for all."""
    if not arguments:
        return dict.fromkeys(_files(SCOPE), "")
    pairs = (argument.partition("::") for argument in arguments)
    return {Path(path).as_posix(): where for path, _, where in pairs}


def main() -> int:
    """Judge, list what survives without a reason, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("paths", nargs="*", metavar="PATH[::DEFINITION]")
    parser.add_argument("--fast", action="store_true", help="leave out the slow property tests")
    options = parser.parse_args()
    wanted = _wanted(options.paths)
    reasons = explanations()
    made = list(_all_mutants(list(wanted)))
    check(reasons, {one.key for one in made}, set(wanted))
    chosen = [one for one in made if one.where.startswith(wanted[one.path])]
    _say(f"{len(chosen)} mutants")

    first = Tally()
    seconds = judge(_files(FAST), lambda: chosen, first.told)
    killed = first.counts[Fate.KILLED]
    _say(f"the fast tests kill {killed} in {seconds:.0f} s, {len(first.left)} survive")
    alive = {one.key for one in first.left}
    untrue = [one for one in chosen if one.key in reasons and one.key not in alive]
    explained = [one for one in first.left if one.key in reasons]
    left = [one for one in first.left if one.key not in reasons]
    if left and not options.fast:
        second = Tally()
        seconds = judge(_files(SLOW), lambda: left, second.told)
        _say(f"the slow tests kill {len(left) - len(second.left)} more in {seconds:.0f} s")
        left = second.left
    _say(f"{len(explained)} survive with a reason, {len(left)} without")
    for one in left:
        _say(f"survives: {one}")
    for one in untrue:
        _say(f"explained, but killed: {one}")
    return 1 if left or untrue else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BrokenError, BadExplanationError) as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(2)
