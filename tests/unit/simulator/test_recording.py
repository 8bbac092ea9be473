"""A world kept in a folder between processes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.worlds import SUBSCRIPTION, WEB, finish, model, run, scenario_text
from vmss_simulator.errors import ArmError, ScenarioError
from vmss_simulator.recording import RecordedWorld, RecordingError, read_world, reset_world
from vmss_simulator.values import OperationKind

if TYPE_CHECKING:
    from pathlib import Path

TEXT = scenario_text()


def test_a_world_goes_on_where_it_was(tmp_path: Path) -> None:
    """Reopened, a world is equal in log, state, time and throttle, also after refused requests."""
    with RecordedWorld.open(tmp_path, TEXT, "s.yaml") as recorded:
        assert recorded.notice is None
        world = recorded.world
        for _ in range(12):
            world.admit(OperationKind.PATCH_SCALE_SET, WEB, subscription_id=SUBSCRIPTION)
        with pytest.raises(ArmError, match="too many requests"):
            world.admit(OperationKind.PATCH_SCALE_SET, WEB, subscription_id=SUBSCRIPTION)
        with pytest.raises(ArmError, match="PreconditionFailed"):
            world.patch_scale_set(WEB, model(), if_match='"9"')
        finish(world, world.patch_scale_set(WEB, model(), if_match='"1"'))
        world.upgrade(WEB, ["0", "1"])
        due = world.next_event_at()
        assert due is not None
        world.advance_to(max(due, world.now + timedelta(minutes=1)))
    with RecordedWorld.open(tmp_path, TEXT, "s.yaml") as again:
        assert again.world.log == world.log
        assert again.world.scale_set(WEB) == world.scale_set(WEB)
        assert (again.world.now, again.world.next_event_at()) == (world.now, world.next_event_at())
        again_left, left = (
            each.admit(OperationKind.PATCH_SCALE_SET, WEB, subscription_id=SUBSCRIPTION).remaining
            for each in (again.world, world)
        )
        assert again_left == left
        run(again.world)
        run(world)
        assert again.world.log == world.log


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    """A process killed while writing loses only what it had not yet done."""
    with RecordedWorld.open(tmp_path, TEXT, "s.yaml") as recorded:
        finish(recorded.world, recorded.world.patch_scale_set(WEB, model()))
        log = recorded.world.log.copy()
    with (tmp_path / "commands.jsonl").open("a") as lines:
        lines.write('{"do":"upgra')
    assert read_world(tmp_path, TEXT, "s.yaml").log == log
    with RecordedWorld.open(tmp_path, TEXT, "s.yaml") as recorded:
        assert recorded.world.log == log
        recorded.world.upgrade(WEB, ["0"])
        log = recorded.world.log.copy()
    assert read_world(tmp_path, TEXT, "s.yaml").log == log


def test_a_changed_scenario_starts_afresh_and_says_so(tmp_path: Path) -> None:
    """Commands are not replayed on another world."""
    with RecordedWorld.open(tmp_path, TEXT, "s.yaml") as recorded:
        recorded.world.patch_scale_set(WEB, model())
    other = scenario_text(capacity=3)
    assert len(read_world(tmp_path, other, "s.yaml").log) == 1
    with RecordedWorld.open(tmp_path, other, "s.yaml") as recorded:
        assert recorded.notice == "s.yaml has changed: the simulated world starts afresh"
        assert len(recorded.world.log) == 1
    with RecordedWorld.open(tmp_path, other, "s.yaml") as recorded:
        assert recorded.notice is None
    assert (tmp_path / "scenario.yaml").read_text() == other


@pytest.mark.parametrize("header", ['{"format":0}', "[]", "nonsense", ""])
def test_another_format_starts_afresh(tmp_path: Path, header: str) -> None:
    """A recording of another version of the simulator is not guessed at."""
    (tmp_path / "commands.jsonl").write_text(header + "\n")
    with RecordedWorld.open(tmp_path, TEXT, "s.yaml") as recorded:
        assert recorded.notice is not None
        assert "another version" in recorded.notice


@pytest.mark.parametrize(
    "line", ["nonsense", '{"do":"dance"}', '{"do":"advance"}', "[]", '{"do":"advance","to":"x"}']
)
def test_a_damaged_recording_is_an_error(tmp_path: Path, line: str) -> None:
    """A whole line that is no command is damage, not a crash in the middle of writing."""
    with RecordedWorld.open(tmp_path, TEXT, "s.yaml"):
        pass
    with (tmp_path / "commands.jsonl").open("a") as lines:
        lines.write(line + "\n")
    with pytest.raises(RecordingError):
        RecordedWorld.open(tmp_path, TEXT, "s.yaml")
    assert reset_world(tmp_path)
    assert not reset_world(tmp_path)
    RecordedWorld.open(tmp_path, TEXT, "s.yaml").close()


def test_only_one_process_writes(tmp_path: Path) -> None:
    """A second opening is refused, reading is not, and a bad scenario leaves no lock behind."""
    with RecordedWorld.open(tmp_path, TEXT, "s.yaml"):
        with pytest.raises(RecordingError, match="in use"):
            RecordedWorld.open(tmp_path, TEXT, "s.yaml")
        with pytest.raises(RecordingError, match="in use"):
            reset_world(tmp_path)
        assert read_world(tmp_path, TEXT, "s.yaml").scale_set(WEB).key == WEB
    with pytest.raises(ScenarioError):
        RecordedWorld.open(tmp_path, "nonsense", "s.yaml")
    RecordedWorld.open(tmp_path, TEXT, "s.yaml").close()


def test_no_secret_is_recorded(tmp_path: Path) -> None:
    """What Azure never gives back is not written to disk either."""
    profile = {"osProfile": {"adminPassword": "hunter2"}}
    with RecordedWorld.open(tmp_path, TEXT, "s.yaml") as recorded:
        recorded.world.put_scale_set(WEB, {"properties": {"virtualMachineProfile": profile}})
    assert "hunter2" not in (tmp_path / "commands.jsonl").read_text()
