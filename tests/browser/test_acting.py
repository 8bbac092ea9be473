"""Acting: previews, refusals and what is asked before anything happens; the simulator's page.

Virtual time stands still here, and nothing is carried out: what a confirmed operation does is told
by the story.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.serving import OLD, plan, scenario, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.conftest import OpenTab, Scheme
    from tests.browser.serving import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve twenty instances of which half must be in service."""
    folder = tmp_path_factory.mktemp("acting")
    with serving(folder, scenario(20), "--speed", "manual", plans={"web": plan()}) as page:
        yield page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_would_break_the_floor_cannot_be_confirmed(
    served: Served, open_tab: OpenTab, axe: str, scheme: Scheme
) -> None:
    """The refusal names the numbers, the button stays off, and anybody can read all of it."""
    with open_tab(served, scheme=scheme) as tab:
        tab.open_set()
        tab.mark("0").focus()
        tab.page.keyboard.press("Control+a")
        assert len(tab.selected()) == 20
        dialog = tab.preview("stop")
        expect(dialog.locator(".preview .trouble")).to_contain_text("10")
        expect(dialog.locator(".primary")).to_be_disabled()
        expect(dialog).to_contain_text("--all")
        assert tab.violations(axe) == []


def test_escape_closes_a_preview_and_nothing_has_happened(
    served: Served, open_tab: OpenTab
) -> None:
    """The focus is back on the button, the selection is kept, and no command was started."""
    with open_tab(served) as tab:
        tab.open_set()
        tab.select_domain("updateDomain 0")
        dialog = tab.preview("restart")
        expect(dialog.get_by_role("button", name="Restart 4 instances")).to_be_enabled()
        tab.page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(tab.page.locator('button[data-verb="restart"]')).to_be_focused()
        assert len(tab.selected()) == 4
        started = tab.page.evaluate("() => fetch('/api/operations').then((it) => it.json())")
        assert started == {"operations": []}


def test_a_preview_follows_its_options(served: Served, open_tab: OpenTab) -> None:
    """Another batch size is another list of batches, and another command."""
    with open_tab(served) as tab:
        tab.open_set()
        tab.select_domain("updateDomain 0")
        dialog = tab.preview("reimage")
        dialog.get_by_label("Batch size").fill("2")
        expect(dialog).to_contain_text("4 instances in 2 batches")
        expect(dialog).to_contain_text("--batch-size 2")
        dialog.get_by_label("Pause between batches").fill("soon")
        expect(dialog.get_by_role("alert")).to_contain_text("pause")
        expect(dialog.locator(".primary")).to_be_disabled()


def test_another_image_is_shown_as_the_change_it_is(served: Served, open_tab: OpenTab) -> None:
    """Writing the model touches no instance, and says which field becomes what."""
    with open_tab(served) as tab:
        tab.open_set()
        dialog = tab.preview("setModel")
        dialog.get_by_label("Image version").fill(OLD)
        expect(dialog).to_contain_text(f"→ {OLD}")
        expect(dialog).to_contain_text("vmssplan instances set-model")
        expect(dialog.get_by_role("button", name="Write the model")).to_be_enabled()
        dialog.get_by_label("and upgrade the instances, batch by batch").check()
        dialog.get_by_label("Batch size").fill("5")
        expect(dialog).to_contain_text("vmssplan instances upgrade")


def test_a_plan_is_rolled_out_whole(served: Served, open_tab: OpenTab) -> None:
    """Its Rollout is shown batch by batch, with everybody who is skipped and why."""
    with open_tab(served) as tab:
        tab.open_set()
        dialog = tab.preview("rollout")
        expect(dialog).to_contain_text(re.compile(r"14 instances in \d batches"))
        expect(dialog).to_contain_text(re.compile(r"7\s+protected"))
        expect(dialog).to_contain_text("vmssplan apply")
        expect(dialog.get_by_role("button", name="Roll out to 14 instances")).to_be_enabled()


def test_protection_says_from_what(served: Served, open_tab: OpenTab) -> None:
    """Each half of the protection is its own choice."""
    with open_tab(served) as tab:
        tab.open_set()
        tab.mark("4").click()
        dialog = tab.preview("protect")
        dialog.get_by_label("From scale-in").uncheck()
        expect(dialog).to_contain_text("--no-scale-in --scale-set-actions")
        expect(dialog.get_by_role("button", name="Protect 1 instance")).to_be_enabled()
        dialog.get_by_label("From scale set actions").uncheck()
        expect(dialog).to_contain_text("--no-scale-in --no-scale-set-actions")
        expect(dialog.locator("footer")).to_contain_text("Nothing to do")
        expect(dialog.locator(".primary")).to_be_disabled()


def test_the_simulator_is_driven_from_its_page(served: Served, open_tab: OpenTab) -> None:
    """Time is moved, a fault comes and goes, a moment is kept and restored."""
    with open_tab(served) as tab:
        tab.go_to("simulator")
        page = tab.page
        clock = page.get_by_role("region", name="Clock")
        expect(clock).to_contain_text("2026-11-02 08:00:00")
        page.get_by_label("Name").last.fill("morning")
        page.get_by_role("button", name="Keep this moment").click()
        expect(page.get_by_role("region", name="Checkpoints")).to_contain_text("morning at")
        page.get_by_role("button", name="+ 1 h").click()
        expect(clock).to_contain_text("2026-11-02 09:00:00")
        page.get_by_label("Kind").select_option("Slow instance")
        page.get_by_role("textbox", name="Name").first.fill("two is slow")
        page.get_by_role("button", name="Add the fault").click()
        expect(page.get_by_role("row", name=re.compile("^two is slow"))).to_be_visible()
        page.get_by_role("button", name="Remove the fault two is slow").click()
        expect(page.get_by_role("row", name=re.compile("^two is slow"))).to_have_count(0)
        page.get_by_role("button", name="Restore the checkpoint morning").click()
        page.get_by_role("button", name="Restore morning").click()
        expect(clock).to_contain_text("2026-11-02 08:00:00")
        page.locator('[data-speed="60"]').click()
        expect(clock).to_contain_text("60 times as fast as the wall clock")
