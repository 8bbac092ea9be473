"""Whatever the umask, every file a session of commands leaves is for its owner only."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PLANS, SCENARIOS, Program, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.own_process,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes"),
]

PLAN = PLANS / "web-jammy.yaml"
SCENARIO = SCENARIOS / "web-12.yaml"


@pytest.fixture(params=[0o000, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set the umask that the programs inherit."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def readable_by_others(folder: Path) -> dict[str, str]:
    """Return what others could read, write or enter there, with its mode."""
    modes = {path: path.lstat().st_mode for path in sorted(folder.rglob("*"))}
    assert modes
    return {
        str(path.relative_to(folder)): stat.filemode(mode)
        for path, mode in modes.items()
        if mode & 0o077 and not stat.S_ISLNK(mode)
    }


@pytest.mark.usefixtures("umask")
def test_a_session_leaves_nothing_for_others(tmp_path: Path) -> None:
    """Rollouts, journals, locks, recordings, snapshots and exports are the owner's alone."""
    program = Program(tmp_path)
    simulator = ("--simulator", SCENARIO)
    state = ("--state-dir", "deep/down/state")
    for arguments in (
        ("plan", PLAN, *simulator, *state, "--out", "rollout.json"),
        ("snapshot", PLAN, *simulator, *state, "--out", "live.yaml"),
        ("apply", "rollout.json", *simulator, *state, "--auto-approve"),
        ("status", *state),
        ("resume", "web-jammy-1", *simulator, *state),
        ("simulator", "export", SCENARIO, *state, "--out", "now.yaml"),
        ("apply", PLAN, "--auto-approve", *simulator),
    ):
        done = program.run(*arguments)
        assert done.code == 0, done.text
    assert (tmp_path / "deep/down/state/runs/web-jammy-1/journal.jsonl").is_file()
    assert (tmp_path / ".vmssplan/simulator").is_dir()
    assert readable_by_others(tmp_path) == {}


@pytest.mark.usefixtures("umask")
def test_a_served_simulator_leaves_nothing_for_others(tmp_path: Path) -> None:
    """Certificate, ready file and script are the owner's alone, also while it runs."""
    with serving(tmp_path, SCENARIO):
        assert (tmp_path / ".vmssplan/simulator/serve/ca.pem").is_file()
        assert (tmp_path / ".vmssplan/simulator/serve/env.sh").is_file()
        assert readable_by_others(tmp_path) == {}
    assert readable_by_others(tmp_path) == {}
