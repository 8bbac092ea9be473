"""`python -m tests.swarm`: live through many seeds, and keep what does not hold as small Cases."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from multiprocessing import Pool
from pathlib import Path
from typing import TYPE_CHECKING

from tests.swarm.cases import Case, load_case
from tests.swarm.drawing import draw_case
from tests.swarm.living import Told, live_through
from tests.swarm.shrinking import shrink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REGRESSIONS = Path(__file__).parent / "regressions"
TELLS_EVERY_SECONDS = 10


def main() -> int:
    """Live through the seeds, and return 1 when something did not hold."""
    asked = _arguments()
    if asked.case is not None:
        return _tell_one(load_case(asked.case))
    seeds = range(asked.first, asked.first + asked.seeds)
    failed: list[tuple[int, str]] = []
    ends: Counter[str] = Counter()
    began = told_at = time.monotonic()
    for number, (seed, end, violation) in enumerate(_lived(seeds, asked.jobs), start=1):
        ends[end] += 1
        if violation:
            failed.append((seed, violation))
            _say(f"seed {seed}: {violation}")
        if time.monotonic() - told_at > TELLS_EVERY_SECONDS or number == len(seeds):
            told_at = time.monotonic()
            rate = number / max(told_at - began, 0.001)
            _say(f"{number} of {len(seeds)} seeds, {rate:.1f} a second, {len(failed)} violations")
    _say(", ".join(f"{end} {count}" for end, count in ends.most_common()))
    if not asked.no_shrink:
        for seed, _ in failed:
            _keep(draw_case(seed))
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.swarm", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--no-shrink", action="store_true", help="keep nothing")
    parser.add_argument("--case", type=Path, help="live through this one, and tell all of it")
    return parser.parse_args()


def _lived(seeds: Iterable[int], jobs: int) -> Iterator[tuple[int, str, str]]:
    if jobs <= 1:
        yield from map(_live, seeds)
        return
    with Pool(jobs) as pool:
        yield from pool.imap_unordered(_live, seeds, chunksize=20)


def _live(seed: int) -> tuple[int, str, str]:
    told = live_through(draw_case(seed))
    return seed, told.ends[-1] if told.ends else "none", _first(told)


def _first(told: Told) -> str:
    return str(told.violations[0]) if told.violations else ""


def _keep(case: Case) -> None:
    """Make it as small as it can be, and write it where a test finds it."""
    kind = live_through(case).violations[0].kind

    def fails(simpler: Case) -> bool:
        found = live_through(simpler).violations
        return bool(found) and found[0].kind == kind

    small = shrink(case, fails)
    REGRESSIONS.mkdir(exist_ok=True)
    path = REGRESSIONS / f"{kind}-{case.seed}.json"
    path.write_text(small.text(because=_first(live_through(small))), encoding="utf-8")
    _say(f"kept {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


def _tell_one(case: Case) -> int:
    told = live_through(case)
    for event in told.journal:
        _say(f"{event.at:%H:%M:%S} {event}")
    _say(f"ends: {', '.join(told.ends)}")
    for violation in told.violations:
        _say(str(violation))
    return 1 if told.violations else 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main())
