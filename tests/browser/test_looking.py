"""Looking: the overview, the heat map, filters, selection, details, both themes, narrow screens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.serving import plan, scenario, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.conftest import OpenTab, Scheme
    from tests.browser.serving import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve twenty instances in every state, in virtual time that stands still, read-only."""
    folder = tmp_path_factory.mktemp("looking")
    options = ("--speed", "manual", "--read-only")
    with serving(folder, scenario(20), *options, plans={"web": plan()}) as page:
        yield page


def test_the_overview_tells_how_many_are_outdated(served: Served, open_tab: OpenTab) -> None:
    """The overview has a line a scale set, with its image and its counts."""
    with open_tab(served) as tab:
        row = tab.page.get_by_role("row", name=re.compile(r"^web "))
        expect(row).to_contain_text("22.04.202611010")
        expect(row.get_by_role("cell").nth(2)).to_have_text("16")
        tab.open_set()
        expect(tab.page.get_by_role("heading", level=1)).to_have_text("web")
        states = tab.states()
        assert len(states) == 20
        assert states["0"] == "outdated"
        assert states["4"] == "current"
        assert states["2"] == "unhealthy"
        assert states["8"] == "deallocated"
        assert states["13"] == "failed"
        expect(tab.mark("7")).to_have_accessible_name(re.compile("protected"))


def test_states_differ_in_shape_too(served: Served, open_tab: OpenTab) -> None:
    """No two states have the same shape, so that none needs its colour."""
    with open_tab(served) as tab:
        tab.open_set()
        shapes = tab.page.evaluate(
            "() => [...new Set([...document.querySelectorAll('.mark')].map((one) =>"
            " `${one.dataset.state} ${getComputedStyle(one, '::before').clipPath}`))]"
        )
        assert len({shape.partition(" ")[2] for shape in shapes}) == len(shapes) == 5


def test_everything_can_be_reached_with_the_keyboard(served: Served, open_tab: OpenTab) -> None:
    """Arrows move, space selects, shift extends, headers select domains, escape clears."""
    with open_tab(served) as tab:
        tab.open_set()
        keys = tab.page.keyboard
        tab.mark("0").focus()
        keys.press("Space")
        assert tab.selected() == ["0"]
        keys.press("Shift+ArrowRight")
        assert tab.selected() == ["0", "5"]
        keys.press("ArrowDown")
        expect(tab.mark("1")).to_be_focused()
        keys.press("Enter")
        details = tab.page.get_by_role("region", name="Details of the instance")
        expect(details).to_be_focused()
        expect(details).to_contain_text("Instance 1")
        expect(details).to_contain_text("PowerState/running")
        tab.mark("1").focus()
        keys.press("Escape")
        assert tab.selected() == []
        tab.page.get_by_role("button", name="select update domain 2").press("Enter")
        assert sorted(tab.selected(), key=int) == ["2", "7", "12", "17"]
        expect(tab.page.locator("[aria-live=polite]", has_text="4 selected")).to_have_count(1)


def test_filters_dim_what_they_do_not_mean(served: Served, open_tab: OpenTab) -> None:
    """By state, by domain and by id; what stands out can be selected at once."""
    with open_tab(served) as tab:
        tab.open_set()
        page = tab.page
        page.get_by_role("button", name="4 current").click()
        expect(page.locator(".mark.dimmed")).to_have_count(16)
        page.get_by_role("button", name="Select these 4").click()
        assert sorted(tab.selected(), key=int) == ["4", "9", "14", "19"]
        page.get_by_label("Ids").fill("3, 9-15")
        expect(page.locator(".mark:not(.dimmed)")).to_have_count(2)
        page.get_by_role("button", name="4 current").click()
        page.get_by_role("combobox", name="Fault domain").select_option("0")
        expect(page.locator(".mark:not(.dimmed)")).to_have_count(2)


def test_a_page_that_is_read_only_offers_nothing_to_do(served: Served, open_tab: OpenTab) -> None:
    """Neither operations nor the simulator's controls are there."""
    with open_tab(served) as tab:
        tab.open_set()
        expect(tab.page.get_by_text("Read-only: nothing can be changed")).to_be_visible()
        expect(tab.page.locator("button[data-verb]")).to_have_count(0)
        tab.go_to("simulator")
        expect(tab.page.get_by_role("heading", name="Clock")).to_be_visible()
        expect(tab.page.get_by_role("button", name="Stand still")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_anybody(
    served: Served, open_tab: OpenTab, axe: str, scheme: Scheme
) -> None:
    """axe-core finds nothing in the overview, in a scale set, nor in the simulator's page."""
    with open_tab(served, scheme=scheme) as tab:
        expect(tab.page.get_by_role("row", name=re.compile(r"^web "))).to_be_visible()
        assert tab.violations(axe) == []
        tab.open_set()
        tab.select_domain("faultDomain 1")
        tab.mark("13").focus()
        expect(tab.page.get_by_text("ProvisioningState/failed").first).to_be_visible()
        assert tab.violations(axe) == []
        tab.go_to("simulator")
        expect(tab.page.get_by_role("heading", name="Clock")).to_be_visible()
        assert tab.violations(axe) == []


def test_a_narrow_screen_shows_all_of_it(served: Served, open_tab: OpenTab) -> None:
    """Nothing but tables and the map scrolls sideways on a telephone."""
    with open_tab(served, width=360, height=740) as tab:
        tab.open_set()
        width = tab.page.evaluate("() => document.documentElement.scrollWidth")
        assert width == 360
        tab.mark("12").click()
        expect(tab.page.get_by_text("Instance 12")).to_be_visible()
