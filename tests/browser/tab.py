"""What somebody does on the page, in their words; Playwright waits where a person would."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.browser.serving import SET_ID

if TYPE_CHECKING:
    from playwright.sync_api import Locator

RUN_MILLISECONDS = 120_000


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of the browser."""

    page: Page

    def open_set(self) -> None:
        """Go to the scale set from the overview."""
        self.page.get_by_role("row", name=re.compile(r"^web ")).get_by_role("link").first.click()
        expect(self.marks.first).to_be_visible()

    def go_to(self, place: str, name: str = "") -> None:
        """Go to another view by its address."""
        fragment = f"#/{place}/{quote(name, safe='')}" if name else f"#/{place}"
        self.page.evaluate("fragment => { location.hash = fragment; }", fragment)

    def go_to_set(self) -> None:
        """Go to the scale set by its address."""
        self.go_to("set", SET_ID)
        expect(self.marks.first).to_be_visible()

    @property
    def marks(self) -> Locator:
        """The instances in the heat map."""
        return self.page.locator(".mark")

    def mark(self, instance_id: str) -> Locator:
        """Return the mark of that instance."""
        return self.page.locator(f'.mark[data-id="{instance_id}"]')

    def states(self) -> dict[str, str]:
        """Return the state of every instance, as it is drawn."""
        found: dict[str, str] = self.page.evaluate(
            "() => Object.fromEntries([...document.querySelectorAll('.mark')]"
            ".map((one) => [one.dataset.id, one.dataset.state]))"
        )
        return found

    def expect_states(self, wanted: dict[str, str]) -> None:
        """Wait until these instances stand so."""
        self.page.wait_for_function(
            "(wanted) => { const now = new Map([...document.querySelectorAll('.mark')]"
            ".map((one) => [one.dataset.id, one.dataset.state]));"
            " return Object.entries(wanted).every(([id, state]) => now.get(id) === state); }",
            arg=wanted,
            timeout=RUN_MILLISECONDS,
        )

    def selected(self) -> list[str]:
        """Return the ids that are selected, in the order of the map."""
        found: list[str] = self.page.evaluate(
            "() => [...document.querySelectorAll('.mark[aria-checked=true]')]"
            ".map((one) => one.dataset.id)"
        )
        return found

    def select_domain(self, name: str) -> None:
        """Select by a header: `updateDomain 1`, `faultDomain 2`, `zone 3`."""
        self.page.locator(f'[data-domain="{name}"]').click()

    def preview(self, verb: str) -> Locator:
        """Ask for the preview of an operation; returns the dialog once it says what happens."""
        self.page.locator(f'.bar button[data-verb="{verb}"]').first.click()
        dialog = self.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        return dialog

    def confirm(self, dialog: Locator, deed: str) -> None:
        """Press the button that names the deed; nothing happens before."""
        dialog.get_by_role("button", name=deed, exact=True).click()
        expect(dialog).to_be_hidden()

    def expect_run(self, state: str | re.Pattern[str]) -> None:
        """Wait until the Run that is shown stands so."""
        expect(self.page.locator("#run-state")).to_have_text(state, timeout=RUN_MILLISECONDS)

    def violations(self, axe: str) -> list[str]:
        """Return what axe-core finds wrong, each with the first place."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(axe)
        found: dict[str, list[dict[str, Any]]] = self.page.evaluate(
            "() => axe.run(document, {resultTypes: ['violations']})"
        )
        return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found["violations"]]
