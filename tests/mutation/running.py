"""Carries out tests on mutants: all is imported and collected once, each mutant is a fork.

First every test runs once without any change, to learn which lines it reaches and that it passes;
then for each mutant those tests that reach it, until one of them fails: first those that noticed
most of the others, then the quickest.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import coverage
import pytest

from tests.mutation.making import Mutant
from tests.mutation.replacing import NotImportableError, put_in_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).parents[2]
LEAST_CPU_SECONDS = 2.0
MOST_WAITING_SECONDS = 600
MOST_MEMORY_BYTES = 3 << 30


class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    UNREACHED = "unreached"


class BrokenError(Exception):
    """The tests fail without any change, or a mutant cannot be put in place."""


@dataclass
class Judge:
    """A pytest plugin that runs the tests on mutants, instead of once.

    `mutants` is called when all is imported; `told` takes the fate of each as it becomes known.
    """

    mutants: Callable[[], Sequence[Mutant]]
    told: Callable[[Mutant, Fate], None]
    broken: str = ""
    _failed: list[str] = field(default_factory=list)
    _seconds: dict[str, float] = field(default_factory=dict)
    _noticed: Counter[str] = field(default_factory=Counter)

    def pytest_configure(self) -> None:
        """Take examples as always, but leave out making a failing one small."""
        from hypothesis import Phase, settings  # noqa: PLC0415 - pytest wants to be the first

        settings.register_profile(
            "mutation",
            settings.get_profile("fixed"),
            phases=(Phase.explicit, Phase.generate),
            report_multiple_bugs=False,
        )
        settings.load_profile("mutation")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Refuse to judge by tests that could not be collected."""
        if session.testsfailed:
            raise pytest.UsageError("some tests could not be collected")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember what failed, and how long each took."""
        if report.failed:
            self._failed.append(report.nodeid)
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run every test once as it is, then some of them on each mutant."""
        mutants = self.mutants()
        reached = self._learn(session.items, {one.path for one in mutants})
        if self._failed:
            self.broken = f"these tests fail without any change: {', '.join(self._failed)}"
            return True
        for mutant in mutants:
            tests = _reaching(mutant, reached[mutant.path])
            items = [item for item in session.items if tests is None or item.nodeid in tests]
            items.sort(key=lambda item: (-self._noticed[item.nodeid], self._seconds[item.nodeid]))
            self.told(mutant, self._fate(mutant, items))
        return True

    def _learn(
        self, items: Sequence[pytest.Item], paths: Iterable[str]
    ) -> Mapping[str, Mapping[int, Sequence[str]]]:
        """Return by path and line which tests reach it."""
        files = {path: str(ROOT / path) for path in paths}
        measured = coverage.Coverage(
            data_file=None, config_file=False, include=list(files.values())
        )
        measured.set_option("run:disable_warnings", ["no-data-collected"])
        measured.start()
        for item, after in zip(items, [*items[1:], None], strict=True):
            measured.switch_context(item.nodeid)
            item.ihook.pytest_runtest_protocol(item=item, nextitem=after)
        measured.stop()
        data = measured.get_data()
        return {path: data.contexts_by_lineno(file) for path, file in files.items()}

    def _fate(self, mutant: Mutant, items: Sequence[pytest.Item]) -> Fate:
        if not items:
            return Fate.UNREACHED
        sys.stdout.flush()
        heard, tells = os.pipe()
        child = os.fork()
        if child == 0:
            self._suffer(mutant, items, tells)
        os.close(tells)
        with os.fdopen(heard) as answer:
            noticed_by = answer.read()
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == UNFIT:
            raise BrokenError(f"cannot be put in place: {mutant}")
        if status == 0:
            return Fate.SURVIVED
        self._noticed[noticed_by] += 1
        return Fate.KILLED

    def _suffer(self, mutant: Mutant, items: Sequence[pytest.Item], tells: int) -> None:
        """Be the mutant, in a process of its own, and never return."""
        code = UNFIT
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            put_in_place(mutant)
            code = FAILED
            signal.alarm(MOST_WAITING_SECONDS)
            resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
            for item, after in zip(items, [*items[1:], None], strict=True):
                usual = self._seconds[item.nodeid]
                signal.setitimer(signal.ITIMER_PROF, LEAST_CPU_SECONDS + 4 * usual)
                item.ihook.pytest_runtest_protocol(item=item, nextitem=after)
                if self._failed:
                    os.write(tells, item.nodeid.encode())
                    break
            else:
                code = 0
        except NotImportableError:
            code = FAILED
        finally:
            os._exit(code)


UNFIT, FAILED = 3, 1


def _reaching(mutant: Mutant, reached: Mapping[int, Sequence[str]]) -> frozenset[str] | None:
    """Return the tests that reach the change; None means that it is carried out at import."""
    if not mutant.lines:
        return None
    found = {test for line in mutant.lines for test in reached.get(line, ())}
    return frozenset(found - {""})


def judge(
    tests: Sequence[str],
    mutants: Callable[[], Sequence[Mutant]],
    told: Callable[[Mutant, Fate], None],
) -> float:
    """Judge the mutants by these tests, and return the seconds that took."""
    judging = Judge(mutants, told)
    began = time.monotonic()
    options = ["-s", "--override-ini", "addopts=--strict-markers", "--rootdir", str(ROOT)]
    for plugin in ("terminal", "cacheprovider", "xdist", "cov"):
        options += ["-p", f"no:{plugin}"]
    options += tests
    result = pytest.main(options, plugins=[judging])
    if judging.broken or result not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise BrokenError(judging.broken or f"pytest ended with {result!r}")
    return time.monotonic() - began
