"""The page folds a journal as the engine does: after every event the same phases and steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.serving import started
from tests.support.stories import STORIES
from vmssplan.documents import to_document
from vmssplan.engine import Event, RunState, evolve, replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.conftest import OpenTab
    from tests.browser.serving import Served
    from tests.support.stories import Story

FOLD = """async ([rollout, events]) => {
  const { Course } = await import("/static/replay.js");
  const course = new Course(rollout);
  return events.map((event) => {
    course.apply(event);
    const phases = [...course.instances.values()].map((one) => [one.instanceId, one.phase]);
    return { phases: Object.fromEntries(phases), step: course.step };
  });
}"""
KEEP_FOCUS = """async () => {
  const { h, refill } = await import("/static/dom.js");
  const links = (text) => [h("a", { href: "#/a" }, text), h("a", { href: "#/b" }, text)];
  const place = h("div", {}, links("before"));
  document.body.append(place);
  place.lastElementChild.focus();
  refill(place, links("after"));
  return [document.activeElement.hash, document.activeElement.textContent];
}"""


@pytest.fixture(scope="module", autouse=True)
def stories() -> dict[str, Story]:
    """Live through them before there is a browser, whose event loop is in the way of others."""
    return {name: make() for name, make in STORIES.items()}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a page that has nothing to show; its modules are what is asked."""
    with started(tmp_path_factory.mktemp("modules"), "--journals") as page:
        yield page


def test_every_story_is_folded_as_the_engine_folds_it(
    served: Served, open_tab: OpenTab, stories: dict[str, Story]
) -> None:
    """Complete, halted, rolled back, approved, rejected: no moment is told otherwise."""
    with open_tab(served) as tab:
        for name, story in stories.items():
            assert story.events
            documents = [to_document(one, Event) for one in story.events]
            told = tab.page.evaluate(FOLD, [to_document(story.rollout), documents])
            state = replay(story.rollout, ())
            for number, event in enumerate(story.events):
                state = evolve(state, event)
                assert told[number] == seen(state, told[number]), f"{name}, event {number}"


def seen(state: RunState, told: dict[str, Any]) -> dict[str, Any]:
    """Return what the engine says; of instances it does not upgrade it has nothing to say."""
    phases = {one: progress.phase.value for one, progress in state.progress.items()}
    return {"phases": {**told["phases"], **phases}, "step": state.step}


def test_what_is_drawn_anew_keeps_the_focus(served: Served, open_tab: OpenTab) -> None:
    """Who stands on a link stands on the same one after news came."""
    with open_tab(served) as tab:
        assert tab.page.evaluate(KEEP_FOCUS) == ["#/b", "after"]
