"""Steering a Run from its page: no is said at a gate, and what was done is taken back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.serving import OLD, image, plan, scenario, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import OpenTab
    from tests.browser.tab import Tab

GATE = {"after": "batch 1", "approval": {"message": "does it look right?"}}


def test_a_run_is_paused_rejected_and_rolled_back(tmp_path: Path, open_tab: OpenTab) -> None:
    """Each deed is asked for with the instances it means, and the Run tells what became of it."""
    world = scenario(4, image=image(OLD))
    quick = plan(gates=[GATE], health={"minHealthyTime": "PT10S"}, strategy={"type": "perInstance"})
    with (
        serving(tmp_path, world, "--speed", "240x", plans={"web": quick}) as served,
        open_tab(served) as tab,
    ):
        tab.open_set()
        tab.confirm(tab.preview("rollout"), "Roll out to 4 instances")
        tab.page.get_by_role("link", name="Watch it").click()
        tab.expect_run("waiting for approval of step 4")
        assert sorted(tab.states().values()) == ["pending", "pending", "pending", "ready"]
        steer(tab, "Pause", "Left waiting: 3 instances")
        expect(tab.page.get_by_role("button", name="Go on…")).to_be_visible()
        steer(tab, "Go on", "Still to come: 3 instances")
        expect(tab.page.get_by_role("button", name="Pause…")).to_be_visible()
        steer(tab, "Reject", "Not upgraded: 3 instances", "Reject step 4", "not today")
        tab.expect_run(re.compile("^halted: .*not today"))
        steer(tab, "Roll back", "Brought back: 1 instance")
        tab.expect_run("rolled back")
        events = tab.page.get_by_role("region", name="List of events")
        expect(events).to_contain_text("rolling back 1 instance")
        tab.go_to_set()
        expect(tab.page.get_by_text(OLD).first).to_be_visible()


def steer(tab: Tab, deed: str, meaning: str, confirm: str = "", reason: str = "") -> None:
    """Ask for a deed, see what it means, and confirm it."""
    tab.page.get_by_role("button", name=f"{deed}…").click()
    question = tab.page.get_by_role("dialog")
    expect(question).to_contain_text(meaning)
    if reason:
        question.get_by_label("Reason").fill(reason)
    tab.confirm(question, confirm or deed)
