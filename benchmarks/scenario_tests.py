"""The speed of `vmssplan test`: the scenario tests of plans/, many times over with other seeds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from benchmarks.measuring import Measure, wall_seconds

ROOT = Path(__file__).parent.parent
PLANS = ROOT / "plans"
COUNT = 200
GOAL_SECONDS = 20


def write_tests(folder: Path) -> Path:
    """Write as many tests as are promised for: the good weather of every example, many seeds."""
    tests = [one for file in sorted((PLANS / "tests").glob("*.yaml")) for one in _good_ones(file)]
    documents = []
    for number in range(COUNT):
        one = tests[number % len(tests)]
        name = f"{one['metadata']['name']}, seed {number}"
        documents.append({**one, "metadata": {"name": name}, "seed": number})
    path = folder / "tests.yaml"
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")
    return path


def _good_ones(file: Path) -> list[dict[str, Any]]:
    """Return the tests whose end no seed decides, with paths that hold anywhere."""
    found = []
    for one in yaml.safe_load_all(file.read_text("utf-8")):
        if one["expect"].get("outcome") == "complete":
            places = {key: str(file.parent / one[key]) for key in ("plan", "scenario")}
            found.append({**one, **places, "expect": {"outcome": "complete"}})
    return found


def run_tests(path: Path, jobs: int) -> None:
    """Run them as a team would; every one must pass."""
    command = [sys.executable, "-m", "vmssplan", "test", str(path), "--jobs", str(jobs)]
    subprocess.run(command, check=True, capture_output=True)


def measures() -> list[Measure]:
    """Measure."""
    jobs = os.cpu_count() or 1
    with TemporaryDirectory() as folder:
        path = write_tests(Path(folder))
        before = os.times()
        wall = wall_seconds(lambda: run_tests(path, jobs), repeats=1)
        after = os.times()
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    return [
        Measure(f"{COUNT} scenario tests over {jobs} processes, wall", wall, GOAL_SECONDS),
        Measure("  all processes together, CPU", spent),
    ]
