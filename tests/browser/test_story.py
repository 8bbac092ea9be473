"""The whole story, clicked: see what is outdated, upgrade, approve, scale, stop, start, replay.

Against `vmssplan ui` as a user starts it, on the HTTPS simulator; what is confirmed is carried out
by the command line in a process of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.serving import plan, scenario, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import OpenTab
    from tests.browser.tab import Tab

GATE = {"after": "batch 1", "approval": {"message": "does it look right?"}}
GATED = plan(gates=[GATE], health={"minHealthyTime": "PT10S"})
LONG_MILLISECONDS = 120_000


@pytest.mark.parametrize(("count", "speed"), [(20, "240x"), (998, "1000x")])
def test_the_whole_story(
    tmp_path: Path, open_tab: OpenTab, axe: str, count: int, speed: str
) -> None:
    """Everything that the page is for, from the first look to the replay; up to 1,000 instances."""
    world = scenario(count, singlePlacementGroup=count <= 100)
    with (
        serving(tmp_path, world, "--speed", speed, plans={"web": GATED}) as served,
        open_tab(served) as tab,
    ):
        tab.open_set()
        expect(tab.marks).to_have_count(count)
        upgrade_one_domain(tab, count)
        approve(tab, axe)
        see_it_upgraded(tab, count)
        scale_out(tab, count)
        stop_and_start(tab)
        replay(tab, axe)


def upgrade_one_domain(tab: Tab, count: int) -> None:
    """Nothing happens before the list was shown and confirmed; then the Run is watched."""
    tab.select_domain("updateDomain 1")
    chosen = tab.selected()
    assert len(chosen) >= count // 5
    dialog = tab.preview("upgrade")
    expect(dialog.locator(".batches .id")).to_have_count(len(chosen))
    assert sorted(dialog.locator(".batches .id").all_inner_texts()) == sorted(chosen)
    expect(dialog).to_contain_text("Floor")
    expect(dialog).to_contain_text("vmssplan instances upgrade")
    expect(dialog).to_contain_text("--update-domain 1")
    expect(dialog).to_contain_text("sha256:")
    assert {tab.states()[one] for one in chosen} == {"outdated"}
    tab.confirm(dialog, f"Upgrade {len(chosen)} instances")


def approve(tab: Tab, axe: str) -> None:
    """The Run is watched up to its gate; who approves is shown what it lets happen."""
    tab.page.get_by_role("link", name="Watch it").click()
    gate = tab.page.get_by_role("heading", name=re.compile("waits for approval"))
    expect(gate).to_be_visible(timeout=LONG_MILLISECONDS)
    expect(tab.page.get_by_text("does it look right?").first).to_be_visible()
    assert tab.violations(axe) == []
    tab.page.get_by_role("button", name="Approve…").click()
    question = tab.page.get_by_role("dialog")
    expect(question).to_contain_text("Lets the Run go on")
    expect(question).to_contain_text(re.compile(r"vmssplan approve \S+ \d+"))
    question.get_by_role("button", name=re.compile("^Approve step")).click()
    tab.expect_run("complete")


def see_it_upgraded(tab: Tab, count: int) -> None:
    """Exactly the instances that were confirmed are current now."""
    ready = {one for one, state in tab.states().items() if state == "ready"}
    assert len(ready) >= count // 5
    tab.go_to_set()
    for instance_id in sorted(ready)[:3]:
        expect(tab.mark(instance_id)).to_have_attribute("data-state", "current")


def scale_out(tab: Tab, count: int) -> None:
    """Two more instances, previewed and confirmed."""
    wanted = count + 2
    tab.go_to_set()
    dialog = tab.preview("scale")
    dialog.get_by_label("Instances").fill(str(wanted))
    deed = f"Scale to {wanted}"
    expect(dialog.get_by_role("button", name=deed, exact=True)).to_be_enabled()
    expect(dialog).to_contain_text("vmssplan scale")
    tab.confirm(dialog, deed)
    expect(tab.marks).to_have_count(wanted, timeout=LONG_MILLISECONDS)


def stop_and_start(tab: Tab) -> None:
    """A fault domain goes out of service and comes back; who is protected is named and left."""
    operating = tab.page.locator('.mark[data-state="operating"]')
    expect(operating).to_have_count(0, timeout=LONG_MILLISECONDS)
    before = tab.states()
    tab.select_domain("faultDomain 3")
    for verb, name in (("stop", "Stop"), ("start", "Start")):
        dialog = tab.preview(verb)
        deed = dialog.get_by_role("button", name=re.compile(f"^{name} [0-9]+ instances$"))
        expect(deed).to_be_enabled()
        expect(dialog).to_contain_text("--fault-domain 3")
        named = dialog.locator(".batches .id").all_inner_texts()
        assert len(named) > 2
        deed.click()
        expect(dialog).to_be_hidden()
        stopped = tab.page.locator('.mark[data-state="stopped"]')
        expected = len(named) if verb == "stop" else 0
        expect(stopped).to_have_count(expected, timeout=LONG_MILLISECONDS)
    tab.expect_states(before)


def replay(tab: Tab, axe: str) -> None:
    """The slider goes through a finished Run: nothing done at first, everything in the end."""
    tab.go_to("")
    tab.page.get_by_role("row", name=re.compile(r"^web-1 ")).get_by_role("link").first.click()
    tab.expect_run("complete")
    slider = tab.page.get_by_role("slider")
    assert "ready" in set(tab.states().values())
    slider.press("Home")
    expect(tab.page.locator("#run-state")).to_have_text("in progress")
    assert "ready" not in set(tab.states().values())
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("event 2 of "))
    slider.press("End")
    expect(tab.page.locator("#run-state")).to_have_text("complete")
    assert tab.violations(axe) == []
