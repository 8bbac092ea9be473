"""The report of a Run in a browser: it plays, anybody can read it, and nothing else is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.serving import Served
from tests.support.reports import guarded, guarded_batch, people, way_back
from tests.support.stories import RUN, STORIES, hostile
from vmssplan.report.run_report import chronicle_of, report_html

if TYPE_CHECKING:
    from tests.browser.conftest import OpenTab, Scheme

ATTACK = "<script>document.title='hit'</script><img src=x onerror=\"document.title='hit'\">"


@pytest.fixture(scope="module", autouse=True)
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Served]:
    """Write the reports before there is a browser, whose event loop is in the way of others."""
    chronicles = {
        "steered": chronicle_of(RUN, guarded(), [*guarded_batch(), *people(), *way_back()])
    }
    stories = {name: make() for name, make in STORIES.items()}
    for name, story in {**stories, "hostile": hostile(ATTACK)}.items():
        chronicles[name] = chronicle_of(RUN, story.rollout, story.events)
    found = {}
    for name, chronicle in chronicles.items():
        folder = tmp_path_factory.mktemp(name)
        (folder / "report.html").write_text(report_html(chronicle), "utf-8")
        found[name] = Served((folder / "report.html").as_uri(), folder)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["complete", "rolled-back"])
def test_anybody_can_read_it(
    name: str, scheme: Scheme, pages: dict[str, Served], open_tab: OpenTab, axe: str
) -> None:
    """The audit finds nothing, in both themes, and the browser has no complaint of its policy."""
    with open_tab(pages[name], scheme=scheme) as tab:
        expect(tab.page.get_by_role("heading", name="Run web-1")).to_be_visible()
        tab.page.get_by_text("lines", exact=False).last.click()
        assert tab.violations(axe) == []


def test_a_steered_run_is_readable_on_a_narrow_screen(
    pages: dict[str, Served], open_tab: OpenTab, axe: str
) -> None:
    """The page itself does not scroll sideways; drawing and tables do, within themselves."""
    with open_tab(pages["steered"], width=360, height=800) as tab:
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 360
        assert tab.violations(axe) == []


def test_the_slider_goes_through_the_run(pages: dict[str, Served], open_tab: OpenTab) -> None:
    """By keyboard: at its beginning all are pending, at its end all are ready."""
    with open_tab(pages["complete"]) as tab:
        slider = tab.page.get_by_role("slider", name="Moment of the Run")
        said = tab.page.locator("#said")
        expect(said).to_contain_text("4 in service, the floor is 2. 4 ready")
        slider.focus()
        tab.page.keyboard.press("Home")
        expect(said).to_contain_text("08:00:00 UTC: 4 in service, the floor is 2. 4 pending")
        tab.page.keyboard.press("PageUp")
        expect(said).to_contain_text("2 in service, the floor is 2. 2 operating, 2 pending")
        expect(said).to_contain_text("Upgrade batch 1 of 2")
        expect(slider).to_have_attribute("aria-valuetext", "08:00:47, 2 in service. Step 2: "
                                         "Upgrade batch 1 of 2: 2 instances")  # fmt: skip
        expect(tab.page.locator(".cell.operating")).to_have_count(2)
        expect(tab.page.get_by_role("img", name="0: operating")).to_be_visible()


def test_it_plays(pages: dict[str, Served], open_tab: OpenTab) -> None:
    """From the beginning to the end, unless it is stopped."""
    with open_tab(pages["complete"]) as tab:
        slider = tab.page.get_by_role("slider")
        tab.page.get_by_role("button", name="Play").click()
        expect(tab.page.locator(".cell.operating")).to_have_count(2)
        tab.page.get_by_role("button", name="Stop").click()
        expect(tab.page.get_by_role("button", name="Play")).to_be_visible()
        assert 0 < float(slider.input_value()) < 1_000


def test_hostile_texts_do_nothing(pages: dict[str, Served], open_tab: OpenTab) -> None:
    """Nothing is run, nothing is asked for, and they are shown as they are."""
    with open_tab(pages["hostile"]) as tab:
        asked: list[str] = []
        tab.page.on("request", lambda request: asked.append(request.url))
        tab.page.reload()
        expect(tab.page.get_by_text(ATTACK, exact=False).first).to_be_attached()
        tab.page.get_by_role("slider").focus()
        tab.page.keyboard.press("Home")
        tab.page.keyboard.press("End")
        assert tab.page.title().startswith("web-1: ")
        assert tab.page.title() != "hit"
        assert asked == [pages["hostile"].url]
