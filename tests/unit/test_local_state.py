"""Runs on the disk: journals that survive, Rollouts that cannot be changed, one holder a set."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.values import START, TARGET, rollout
from vmssplan.engine import events as ev
from vmssplan.engine.instructions import Hold
from vmssplan.errors import DocumentInvalid, LockHeld, NotFound, StateUnreadable
from vmssplan.ports import LockHolder
from vmssplan.rollout import digest
from vmssplan.stores.local import LocalState, load_rollout, read_journal, save_rollout

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = LockHolder("ops", "builder", 4711, START, "web-1")
EVENTS = (ev.RunStarted(START, "web-1", "sha256:0"), ev.StepStarted(START, 1))
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX's")


@pytest.fixture
def state(tmp_path: Path) -> LocalState:
    """Return an empty state folder, not made yet."""
    return LocalState(tmp_path / "deep" / ".vmssplan")


def test_a_torn_last_line_is_dropped(state: LocalState) -> None:
    """A crash in the middle of a line: readers leave it out, the next writer cuts it off."""
    run = state.create_run(rollout())
    path = state.folder / "runs" / run / "journal.jsonl"
    journal = state.journal(run)
    journal.append(EVENTS)
    journal.close()
    with path.open("ab") as file:
        file.write('{"type":"StepComplet\u00e9'.encode()[:-1])

    assert state.events(run) == EVENTS
    journal = state.journal(run)
    journal.append([ev.RunCompleted(START)])
    journal.close()
    assert state.events(run) == (*EVENTS, ev.RunCompleted(START))


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\n"])
def test_messages_may_hold_any_line_mark(state: LocalState, mark: str) -> None:
    """Azure's text may hold marks that end a line elsewhere; an event stays one line."""
    run = state.create_run(rollout())
    event = ev.RequestRefused(START, 1, 4, "Code", f"one{mark}two")
    journal = state.journal(run)
    journal.append([event])
    journal.close()

    assert state.events(run) == (event,)


@pytest.mark.parametrize("line", [b"[]", b"{}", b"nonsense", b"\xff\xfe", b'{"type":"X"}', b""])
def test_a_line_of_another_version_is_refused_by_place(tmp_path: Path, line: bytes) -> None:
    """What is no event is never guessed: file and line are named."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(line + b"\n")

    with pytest.raises(StateUnreadable, match=r"journal\.jsonl:1: not an event of this version"):
        read_journal(path)


def test_a_changed_rollout_is_refused(tmp_path: Path) -> None:
    """A saved Rollout edited by hand is no longer what was reviewed."""
    path = tmp_path / "rollout.json"
    save_rollout(rollout(), path)
    raw = json.loads(path.read_text("utf-8"))
    raw["rollout"]["bounds"]["maxUnavailable"] += 1
    path.write_text(json.dumps(raw), "utf-8")

    with pytest.raises(DocumentInvalid, match="digest") as refused:
        load_rollout(path)
    assert digest(rollout()) in str(refused.value)
    assert refused.value.hint == "plan again, with --out"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "\x00",
        '{"kind": "Plan"}',
        '{"kind": "Rollout"}',
        '{"kind": "Rollout", "apiVersion": "vmssplan/v2"}',
        '{"kind": "Rollout", "apiVersion": "vmssplan/v1", "rollout": {}}',
        '{"kind": "Rollout", "apiVersion": "vmssplan/v1"}',
    ],
)
def test_what_is_no_rollout_is_refused(tmp_path: Path, text: str) -> None:
    """Any other file is told to be none, naming the file."""
    path = tmp_path / "rollout.json"
    path.write_text(text, "utf-8")

    with pytest.raises(DocumentInvalid, match=r"rollout\.json"):
        load_rollout(path)


def test_a_rollout_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is NotFound; a folder is no Rollout."""
    with pytest.raises(NotFound):
        load_rollout(tmp_path / "rollout.json")
    with pytest.raises(DocumentInvalid):
        load_rollout(tmp_path)


def test_a_saved_rollout_has_one_text(tmp_path: Path) -> None:
    """Saved twice, the bytes are the same, and no draft is left behind."""
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    save_rollout(rollout(), one)
    save_rollout(rollout(), two)

    assert one.read_bytes() == two.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "two.json"]


@POSIX
def test_only_the_owner_can_read(state: LocalState) -> None:
    """Rollout, journal, instruction, lock and holder are 0600, whatever the umask is."""
    umask = os.umask(0)
    try:
        run = state.create_run(rollout())
        state.journal(run).close()
        state.instruct(run, Hold("key", "ops", START))
        with state.hold(TARGET, HOLDER):
            files = [path for path in state.folder.rglob("*") if path.is_file()]
    finally:
        os.umask(umask)

    assert len(files) == 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in files if path.exists()} == {0o600}


def test_a_holder_that_cannot_be_read_is_another_process(state: LocalState) -> None:
    """The lock holds even when nobody knows whose it is."""
    with state.hold(TARGET, HOLDER):
        for path in (state.folder / "locks").glob("*.holder"):
            path.write_text("nonsense", "utf-8")
        with pytest.raises(LockHeld, match="another process"), state.hold(TARGET, HOLDER):
            pass


def test_a_lock_goes_with_its_process(state: LocalState) -> None:
    """Killed without a chance to clean up, a holder holds no longer."""
    program = f"""
import os, sys
sys.path[:0] = {[path for path in sys.path if path]!r}
from pathlib import Path
from tests.support.values import TARGET
from tests.unit.test_local_state import HOLDER
from vmssplan.stores.local import LocalState
with LocalState(Path({str(state.folder)!r})).hold(TARGET, HOLDER):
    print("held", flush=True)
    sys.stdin.read()
    os._exit(9)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(LockHeld, match="web-1"), state.hold(TARGET, HOLDER):
            pass
        process.kill()
    with state.hold(TARGET, HOLDER):
        pass


def test_the_lock_of_a_live_process_is_not_taken_away(state: LocalState) -> None:
    """The operating system holds it: who holds it is named, and stays the holder."""
    with state.hold(TARGET, HOLDER):
        with pytest.raises(LockHeld, match="which is alive") as refused:
            state.unlock(TARGET)
        assert state.holder(TARGET) == HOLDER
    assert refused.value.hint == "end that process; its lock goes with it"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file where the state folder should be: StateUnreadable, and what to do."""
    (tmp_path / "state").write_text("", "utf-8")
    state = LocalState(tmp_path / "state")

    with pytest.raises(StateUnreadable) as refused:
        state.create_run(rollout())
    assert refused.value.hint == "choose another place with --state-dir"
    with pytest.raises(StateUnreadable), state.hold(TARGET, HOLDER):
        pass
