"""Two processes on one scale set, their state in one container: one of them falls asleep."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PATIENCE_SECONDS, PLANS, wait_until
from tests.support.blobs import Shared
from tests.support.values import START, TARGET
from vmssplan.engine import events as ev
from vmssplan.errors import LockHeld
from vmssplan.ports import LockHolder

if TYPE_CHECKING:
    from tests.azurite import Azurite
    from tests.e2e.program import Program, Result, Simulator
    from vmssplan.engine import Event

pytestmark = [
    pytest.mark.own_process,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP"),
]

RUN = "web-jammy-1"
ME = LockHolder("test", "here", 0, START, "")
WEB = PLANS / "web-jammy.yaml"


def resume_when_free(program: Program, *options: str, **extra: str) -> Result:
    """Resume as often as another still holds the set, as a pipeline would that tries again."""
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        resumed = program.run("resume", RUN, *options, **extra)
        if resumed.code != 14:
            return resumed
        assert time.monotonic() < patience_ends, resumed.text


def test_a_holder_that_wakes_up_too_late_is_refused(
    program: Program, web: Simulator, azurite: Azurite
) -> None:
    """Asleep past its lease, its Run is resumed by another; awake again, it touches nothing."""
    shared = Shared.new(azurite)
    state = azurite.state(shared.place.container, shared.place.prefix)
    team = {**azurite.environment, "VMSSPLAN_STATE": state, "VMSSPLAN_LOCK_LEASE": "PT15S"}
    # Slow enough to fall asleep while an instance is being upgraded, and nothing is being sent.
    web.ask("/clock", {"speed": 10}, method="PUT")

    def events() -> tuple[Event, ...]:
        return shared.open().events(RUN) if RUN in shared.open().runs() else ()

    def has_upgrade_on_its_way() -> bool:
        last = events()[-2:]
        return [type(one) for one in last] == [ev.UpgradeIntended, ev.OperationAccepted]

    asleep = program.start("apply", WEB, *web.arguments, "--auto-approve", **team)
    try:
        wait_until(has_upgrade_on_its_way, asleep)
        asleep.send_signal(signal.SIGSTOP)
        with pytest.raises(LockHeld) as too_early, shared.open().hold(TARGET, ME):
            pass
        before = len(events())
        # The one who resumes need not wait for the wall clock.
        web.ask("/clock", {"mode": "manual"}, method="PUT")
        resumed = resume_when_free(program, *web.arguments, **team)
        ended = events()
        asleep.send_signal(signal.SIGCONT)
        said, _ = asleep.communicate(timeout=PATIENCE_SECONDS)
    finally:
        asleep.kill()
        asleep.communicate()

    assert f"myrg/web is held by {RUN} of" in too_early.value.message
    assert f"(process {asleep.pid})" in too_early.value.message
    assert resumed.code == 0, resumed.text
    assert asleep.returncode == 14, said
    assert "myrg/web is no longer held by this process" in said
    assert events() == ended
    assert len(ended) > before
    assert sorted(web.upgrades()) == sorted(set(web.upgrades()))
    assert len(web.upgrades()) == 11
    assert web.lowest_in_service() >= 10
