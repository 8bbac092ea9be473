"""What the page is told of a Run: all Events, in order, once; and what it did to an instance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.program import PLANS, SCENARIOS
from tests.support.in_process import ProgramHere
from tests.ui.serving import TARGET, Served, served
from tests.worlds import make_world

if TYPE_CHECKING:
    import http.client
    from collections.abc import Iterator

RUN = "web-jammy-1"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the journal of a complete Run, beside a world in which it never was."""
    folder = tmp_path_factory.mktemp("work")
    options = ("--simulator", SCENARIOS / "web-12.yaml", "--auto-approve")
    done = ProgramHere(folder).run("apply", PLANS / "web-jammy.yaml", *options)
    assert done.code == 0, done.text
    with served(make_world(capacity=12), folder / ".vmssplan") as running:
        yield running


def streamed(page: Served, path: str, last: str, until: str) -> list[tuple[str, str, Any]]:
    """Return the id, name and document of each event of a stream, up to the first of that name."""
    connection = page.connection()
    try:
        headers = {**page.headers(origin=None), "last-event-id": last}
        connection.request("GET", path, headers=headers)
        return list(_events(connection.getresponse(), until))
    finally:
        connection.close()


def _events(stream: http.client.HTTPResponse, until: str) -> Iterator[tuple[str, str, Any]]:
    number, name = "", ""
    while line := stream.readline().decode():
        field, _, value = line.strip().partition(": ")
        if field == "id":
            number = value
        elif field == "event":
            name = value
        elif field == "data":
            yield number, name, json.loads(value)
            if name == until:
                return
            number, name = "", ""


def test_a_run_is_listed_and_told(page: Served) -> None:
    """How it ended, its Rollout, and every Event with its time and its words."""
    (line,) = page.get("/api/runs").document["runs"]
    assert (line["run"], line["word"], line["exitCode"]) == (RUN, "complete", 0)
    told = page.get(f"/api/run?name={RUN}").document
    assert told["digest"].startswith("sha256:")
    assert told["status"]["recap"]["upgraded"] == 11
    assert (told["status"]["floor"], told["status"]["step"]) == (10, told["status"]["steps"])
    assert told["status"]["counts"]["ready"] == 11
    assert told["rollout"]["rollout"]["target"]["name"] == "web"
    events = told["events"]
    assert [one["number"] for one in events] == list(range(len(events)))
    assert [one["at"] for one in events] == sorted(one["at"] for one in events)
    assert events[0]["type"] == "run_start"
    assert events[-1]["type"] == "run_complete"
    assert all(one["text"] for one in events)


def test_a_stream_tells_every_event_once_and_goes_on_where_it_broke_off(page: Served) -> None:
    """By the number of the last one that was heard, as a browser sends it."""
    told = page.get(f"/api/run?name={RUN}").document
    everything = streamed(page, f"/api/live-run?name={RUN}", "", "status")
    assert [event for _, name, event in everything if name == "event"] == told["events"]
    assert everything[-1][2]["word"] == "complete"
    heard = len(told["events"]) - 3
    rest = streamed(page, f"/api/live?run={RUN}", str(heard), "run-status")
    numbers = [number for number, name, _ in rest if name == "run-event"]
    assert numbers == [str(heard + 1), str(heard + 2)]


def test_an_instance_has_a_history(page: Served) -> None:
    """What Runs did to it, newest first."""
    path = f"/api/instance?id={TARGET.resource_id}&instance=5"
    history = page.get(path).document["history"]
    assert {one["run"] for one in history} == {RUN}
    assert [one["at"] for one in history] == sorted((one["at"] for one in history), reverse=True)
    assert any("upgraded" in one["what"] for one in history)
