"""The admin interface, without a server."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator_worlds import KEY, NEW, START, small_world
from vmss_simulator.admin import PREFIX, ROUTES
from vmss_simulator.arm import Request, Response, Settings
from vmss_simulator.door import Door
from vmss_simulator.request_log import RequestLog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SET = f"{KEY.resource_id}?api-version=2026-04-01"
UPGRADE = f"{KEY.resource_id}/manualupgrade?api-version=2026-04-01"
FAULT = {
    "name": "no room",
    "match": {"operations": ["upgrade"]},
    "effect": {"error": {"status": 409, "code": "AllocationFailed", "message": "No room."}},
}


class StoppedClock:
    """A wall clock that never moves; what it is asked is where virtual time is."""

    def __init__(self, speed: float) -> None:
        self.speed = speed

    def restart(self, at: datetime) -> None:
        """Stand still there."""
        self.at = at

    def now(self) -> datetime:
        """Return where it stands."""
        return self.at


@pytest.fixture
def door() -> Door:
    """Return a door to a small world, with clocks for speeds set later on."""
    return Door(small_world(), Settings(), clocks=StoppedClock)


def send(
    door: Door, method: str, target: str, body: Any = None, **headers: str
) -> tuple[int, Response]:
    """Send one request; a body that is no bytes is sent as JSON."""
    path, _, query = target.partition("?")
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    given = {
        "host": "127.0.0.1",
        "authorization": "Bearer x.y.z",
        "content-type": "application/json",
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = door.respond(method, path, query, {**given, **named}, raw)
    return response.status, response


def ask(door: Door, method: str, target: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Send one request; return the status and the JSON of the answer."""
    status, response = send(door, method, target, body, **headers)
    return status, json.loads(response.body or b"null")


def get(door: Door, target: str) -> Any:
    """Return the JSON of what is there."""
    status, document = ask(door, "GET", target)
    assert status == 200, document
    return document


def whole(door: Door) -> str:
    """Return the whole world as text."""
    return send(door, "GET", "/_sim/state?format=yaml")[1].body.decode()


def test_the_index_lists_every_route(door: Door) -> None:
    """Each route is told with what it does, and whatever has no name in it answers."""
    listed = get(door, "/_sim/")["routes"]
    assert [(each["method"], each["path"]) for each in listed] == [
        (each.method, PREFIX + each.template) for each in ROUTES
    ]
    assert all(each["does"].endswith(".") for each in listed)
    for each in listed:
        if each["method"] == "GET" and "{" not in each["path"]:
            assert send(door, "GET", each["path"])[0] == 200


def test_the_clock_jumps_to_the_next_event(door: Door) -> None:
    """`next` moves time to when something happens, and says how much did."""
    assert ask(door, "POST", "/_sim/clock/next")[1]["events"] == 0
    ask(door, "POST", UPGRADE, {"instanceIds": ["0"]})
    upcoming = get(door, "/_sim/clock")["nextEventAt"]
    status, clock = ask(door, "POST", "/_sim/clock/next")
    assert (status, clock["now"]) == (200, upcoming)
    assert clock["events"] > 0


def test_the_pace_is_set_at_run_time(door: Door) -> None:
    """From standing still to so many times as fast and back, from where it was."""
    now = get(door, "/_sim/clock")["now"]
    status, clock = ask(door, "PUT", "/_sim/clock", {"speed": 60})
    assert (status, clock["mode"], clock["speed"], clock["now"]) == (200, "scaled", 60.0, now)
    assert ask(door, "POST", "/_sim/clock/next")[1]["error"]["code"] == "ClockNotManual"
    status, clock = ask(door, "PUT", "/_sim/clock", {"mode": "manual"})
    assert (status, clock["mode"], clock["speed"], clock["now"]) == (200, "manual", None, now)


@pytest.mark.parametrize(
    "body",
    [{}, [], {"speed": 0}, {"speed": 1e5}, {"speed": True}, {"speed": "2"}, {"mode": "auto"},
     {"mode": "manual", "speed": 2}, {"speed": 2, "mode": "manual"}],
    ids=str,
)  # fmt: skip
def test_odd_paces_are_refused(door: Door, body: Any) -> None:
    """A pace that makes no sense is a 400, and time goes on as before."""
    assert ask(door, "PUT", "/_sim/clock", body)[0] == 400
    assert get(door, "/_sim/clock")["mode"] == "manual"


def test_a_door_without_a_wall_clock_has_no_speed() -> None:
    """In-process there is no clock to follow, and that is a conflict."""
    answer = ask(Door(small_world()), "PUT", "/_sim/clock", {"speed": 2})
    assert (answer[0], answer[1]["error"]["code"]) == (409, "NoClock")


def test_a_world_is_taken_away_and_put_back(door: Door) -> None:
    """With an upgrade under way: exported, ruined, imported, it ends as it would have."""
    ask(door, "PATCH", SET, {"tags": {"a": "b"}})
    ask(door, "POST", "/_sim/clock/advance", {"seconds": 3600})
    ask(door, "POST", UPGRADE, {"instanceIds": ["*"]})
    ask(door, "POST", "/_sim/clock/next")
    text = whole(door)
    ask(door, "DELETE", SET)
    ask(door, "POST", "/_sim/clock/advance", {"seconds": 3600})
    status, summary = ask(door, "PUT", "/_sim/state", text.encode())
    assert (status, summary["scaleSets"][0]["instances"]) == (200, 3)
    assert whole(door) == text
    as_json = send(door, "GET", "/_sim/state?format=json")[1].body
    assert ask(door, "POST", "/_sim/state", as_json)[0] == 200
    assert whole(door) == text
    assert yaml.safe_load(text) == json.loads(as_json)


def test_a_scenario_can_be_put(door: Door) -> None:
    """What is put may be any scenario: the world starts with it."""
    text = (
        "apiVersion: vmss-simulator/v1\nkind: Scenario\nscaleSets:\n- {resourceGroup: g, name: n}\n"
    )
    status, answer = ask(door, "PUT", "/_sim/state", text.encode())
    assert status == 400
    assert "state:4:3" in answer["error"]["message"]
    image = "{publisher: p, offer: o, sku: s, version: '1.0.0'}"
    text = text.replace("name: n}", f"name: n, image: {image}, capacity: 2}}")
    text += "images: {platform: [{publisher: p, offer: o, sku: s, versions: ['1.0.0']}]}\n"
    assert ask(door, "PUT", "/_sim/state", text.encode())[1]["scaleSets"][0]["instances"] == 2


def test_a_world_that_contradicts_itself_is_refused(door: Door) -> None:
    """An operation on an instance that is not there is found by trying, and nothing changes."""
    ask(door, "POST", UPGRADE, {"instanceIds": ["*"]})
    before = whole(door)
    ruined = yaml.safe_load(before)
    ruined["progress"]["running"] = {}
    ruined["progress"]["operations"] = {}
    ruined["scaleSets"][0]["instances"] = []
    status, answer = ask(door, "PUT", "/_sim/state", json.dumps(ruined).encode())
    assert (status, answer["error"]["code"]) == (400, "InvalidState")
    assert whole(door) == before


def test_reset_is_the_beginning(door: Door) -> None:
    """Whatever was done or imported, a reset is the world as the door was given it."""
    before = whole(door)
    ask(door, "POST", "/_sim/faults", FAULT)
    ask(door, "DELETE", SET)
    ask(door, "POST", "/_sim/reset")
    assert whole(door) == before
    assert get(door, "/_sim/requests")["requests"] == []


def test_a_checkpoint_brings_everything_back(door: Door) -> None:
    """Operations under way, request ids and the log are as they were; what follows is the same."""
    ask(door, "POST", UPGRADE, {"instanceIds": ["0"]})
    assert ask(door, "POST", "/_sim/checkpoints/before")[0] == 201
    assert ask(door, "POST", "/_sim/checkpoints/before")[0] == 200
    first = [send(door, "GET", SET)[1].headers["x-ms-request-id"], whole(door)]
    ask(door, "POST", "/_sim/clock/advance", {"seconds": 3600})
    assert ask(door, "POST", "/_sim/checkpoints/before/restore")[0] == 200
    assert len(get(door, "/_sim/requests")["requests"]) == 1
    assert [send(door, "GET", SET)[1].headers["x-ms-request-id"], whole(door)] == first
    assert [each["name"] for each in get(door, "/_sim/checkpoints")["checkpoints"]] == ["before"]
    assert ask(door, "DELETE", "/_sim/checkpoints/before")[0] == 200
    assert ask(door, "POST", "/_sim/checkpoints/before/restore")[0] == 404


def test_a_fork_lives_side_by_side(door: Door) -> None:
    """By its path or a header: its own world, time, log and admin interface."""
    status, fork = ask(door, "POST", "/_sim/forks/what-if")
    assert (status, fork["endpoint"]) == (201, "https://127.0.0.1/_sim/worlds/what-if")
    assert ask(door, "POST", "/_sim/forks/what-if")[0] == 409
    under = "/_sim/worlds/what-if"
    status, response = send(door, "POST", under + UPGRADE, {"instanceIds": ["0"]})
    assert status == 202
    assert response.headers["Azure-AsyncOperation"].startswith(f"https://127.0.0.1{under}/")
    status, response = send(door, "PATCH", SET, {"tags": {"x": "y"}}, x_sim_world="what-if")
    assert status == 409
    assert ask(door, "PATCH", SET, {"tags": {"x": "y"}})[0] == 200
    ask(door, "POST", f"{under}/_sim/clock/advance", {"seconds": 60})
    assert get(door, f"{under}/_sim/clock")["now"] > get(door, "/_sim/clock")["now"]
    assert len(get(door, f"{under}/_sim/requests")["requests"]) == 2
    assert [each["name"] for each in get(door, f"{under}/_sim/forks")["forks"]] == ["what-if"]
    assert ask(door, "GET", f"{under}/_sim/clock", x_sim_world="main")[0] == 200
    assert get(door, "/_sim/forks/what-if")["name"] == "what-if"
    assert ask(door, "DELETE", "/_sim/forks/what-if")[0] == 200
    for answer in (ask(door, "GET", under + SET), ask(door, "GET", SET, x_sim_world="what-if")):
        assert (answer[0], answer[1]["error"]["code"]) == (404, "WorldNotFound")


def test_a_fork_of_a_checkpoint_begins_there(door: Door) -> None:
    """A fork may begin where the world once was, and resets to there."""
    ask(door, "POST", "/_sim/checkpoints/start")
    before = whole(door)
    ask(door, "POST", "/_sim/clock/advance", {"seconds": 3600})
    assert ask(door, "POST", "/_sim/forks/again", {"checkpoint": "start"})[0] == 201
    assert ask(door, "POST", "/_sim/forks/never", {"checkpoint": "no"})[0] == 404
    assert ask(door, "POST", "/_sim/forks/never", {"checkpoint": 1})[0] == 400
    ask(door, "POST", "/_sim/worlds/again/_sim/clock/advance", {"seconds": 1})
    ask(door, "POST", "/_sim/worlds/again/_sim/reset")
    _, response = send(door, "GET", "/_sim/worlds/again/_sim/state?format=yaml")
    assert response.body.decode() == before


@pytest.mark.parametrize("name", ["main", "a b", ".x", "%2e%2e", "x" * 65, ""])
def test_odd_names_are_refused(door: Door, name: str) -> None:
    """A name is a short plain word; the one of the first world is taken."""
    for what in ("checkpoints", "forks"):
        assert ask(door, "POST", f"/_sim/{what}/{name}")[0] in (400, 404, 405)


def test_faults_come_count_and_go(door: Door) -> None:
    """Added as scenarios write them, a rule acts, counts, and is taken away by its name."""
    status, answer = ask(door, "POST", "/_sim/faults", FAULT)
    assert (status, answer["faults"][0]["id"]) == (201, "no room")
    assert ask(door, "POST", "/_sim/faults", FAULT)[0] == 409
    assert ask(door, "POST", UPGRADE, {"instanceIds": ["0"]})[1]["error"]["code"] == (
        "AllocationFailed"
    )
    shown = get(door, "/_sim/faults/no%20room")
    assert (shown["matched"], shown["applied"], shown["effect"]) == (1, 1, FAULT["effect"])
    assert ask(door, "DELETE", "/_sim/faults/no%20room")[0] == 200
    assert send(door, "POST", UPGRADE, {"instanceIds": ["0"]})[0] == 202
    assert get(door, "/_sim/faults") == {"faults": []}
    many = {"faults": [{**FAULT, "name": each} for each in "ab"]}
    assert ask(door, "POST", "/_sim/faults", many)[0] == 201
    assert ask(door, "DELETE", "/_sim/faults")[1] == {"deleted": ["a", "b"]}


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({}, "faults[0]: a key is missing: 'name'"),
        ({"name": "a", "effect": {"eror": {}}}, "did you mean 'error'?"),
        ({"name": "a", "effect": {"slow": {"factor": 0}}}, "faults[0].effect.slow.factor"),
        ({"name": "a", "effect": {"stuck": {}}, "match": {"operations": ["fly"]}}, "expected one"),
        ({"faults": {}}, "a list of rules"),
        ({"faults": [1]}, "expected a mapping"),
    ],
)
def test_bad_faults_are_refused_with_their_place(door: Door, fault: Any, told: str) -> None:
    """The schema of scenarios holds here too, and a bad rule adds none."""
    status, answer = ask(door, "POST", "/_sim/faults", fault)
    assert status == 400
    assert told in answer["error"]["message"]
    assert get(door, "/_sim/faults") == {"faults": []}


def test_requests_are_filtered(door: Door) -> None:
    """By any of what the log says, with globs and without case; the latest are kept by a limit."""
    ask(door, "GET", SET)
    ask(door, "PATCH", SET, {"tags": {}}, x_ms_client_request_id="mine")
    ask(door, "GET", f"{KEY.resource_id}x?api-version=2026-04-01")

    def found(query: str) -> list[int]:
        return [each["sequence"] for each in get(door, f"/_sim/requests?{query}")["requests"]]

    assert found("method=get") == [1, 3]
    assert found("status=2*") == [1, 2]
    assert found("operation=patchScaleSet") == [2]
    assert found("clientRequestId=mine") == [2]
    assert found("path=*WEBX") == [3]
    assert found("after=1") == [2, 3]
    assert found("limit=1&method=GET") == [3]
    lines = send(door, "GET", "/_sim/requests?format=jsonl")[1].body.splitlines()
    assert [json.loads(each)["sequence"] for each in lines] == [1, 2, 3]
    assert ask(door, "GET", "/_sim/requests?limit=-1")[0] == 400
    assert ask(door, "GET", "/_sim/requests?format=xml")[0] == 400
    assert ask(door, "DELETE", "/_sim/requests")[1] == {"cleared": 3}
    assert found("") == []


def test_har_shows_requests_without_credentials(door: Door) -> None:
    """An archive with headers and bodies, in which no token, secret or password is."""
    ask(door, "PATCH", SET, {"properties": {"virtualMachineProfile": {"osProfile": {
        "adminPassword": "hunter2", "adminUsername": "ops"}}}})  # fmt: skip
    form = {"content_type": "application/x-www-form-urlencoded"}
    tenant = f"/{door.settings.tenant_id}/oauth2/v2.0/token"
    login = f"grant_type=client_credentials&client_id={door.settings.client_id}&scope=a/.default"
    login += f"&client_secret={door.settings.client_secret}"
    _, token = ask(door, "POST", tenant, login.encode(), **form)
    ask(door, "PUT", SET, b"hunter2 in no known form")
    _, response = send(door, "GET", "/_sim/requests?format=har")
    text = response.body.decode()
    for secret in ("hunter2", "x.y.z", door.settings.client_secret, token["access_token"]):
        assert secret not in text
    patch, logged_in, odd = json.loads(text)["log"]["entries"]
    assert patch["request"]["url"] == f"https://127.0.0.1{SET}"
    assert '"adminUsername":"ops"' in patch["request"]["postData"]["text"]
    assert {"name": "authorization", "value": "REDACTED"} in patch["request"]["headers"]
    assert patch["response"]["status"] == 200
    assert json.loads(patch["response"]["content"]["text"])["name"] == "web"
    assert "client_secret=REDACTED" in logged_in["request"]["postData"]["text"]
    assert odd["request"]["postData"]["text"].startswith("REDACTED")


def test_the_request_log_is_bounded() -> None:
    """What no longer fits is dropped, oldest first: bodies, then records, which are counted."""
    log = RequestLog(most_records=4, most_exchanges=3, most_bytes=250)
    for number in range(6):
        request = Request("PUT", f"/{number}", body=b"x" * 60, sequence=number)
        log.add(START, request, Response(200, {"x-ms-request-id": "a"}, b"y" * 40))
    assert ([each.sequence for each in log], len(log), log.dropped) == ([2, 3, 4, 5], 4, 2)
    assert [each.sequence for each in log if log.exchange(each)] == [4, 5]
    log.forget_after(4)
    assert [each.sequence for each in log] == [2, 3, 4]
    large = Request("PUT", "/l", body=b"x" * 1_000_000, sequence=9)
    log.add(START, large, Response(200, {"x-ms-request-id": "a"}))
    assert log.exchange(list(log)[-1]) is None


def test_events_are_told_again_from_where_a_client_was(door: Door) -> None:
    """A stream taken up with Last-Event-ID repeats nothing; another world is told, then anew."""

    def stream(after: str = "") -> list[dict[str, str]]:
        text = send(door, "GET", "/_sim/events/stream", last_event_id=after)[1].body.decode()
        chunks = [chunk.splitlines() for chunk in text.split("\n\n") if chunk]
        return [dict(line.split(": ", 1) for line in chunk) for chunk in chunks]

    told = stream()
    assert [json.loads(each["data"])["sequence"] for each in told] == list(range(len(told)))
    last = told[-1]["id"]
    assert stream(last) == []
    ask(door, "PATCH", SET, {"tags": {"a": "b"}})
    assert [each["event"] for each in stream(last)] == ["modelWritten", "operationStarted"]
    ask(door, "POST", "/_sim/reset")
    again = stream(last)
    assert (again[0]["event"], len(again)) == ("worldReplaced", len(told) + 1)
    assert [each["data"] for each in again[1:]] == [each["data"] for each in told]


def test_events_are_filtered(door: Door) -> None:
    """By type, scale set and instance; as JSON or lines."""
    ask(door, "POST", UPGRADE, {"instanceIds": ["0", "1"]})
    found = get(door, "/_sim/events?type=upgrade*&instanceId=1")["events"]
    assert {each["instanceId"] for each in found} == {"1"}
    lines = send(door, "GET", "/_sim/events?format=jsonl&limit=2")[1].body.splitlines()
    assert len(lines) == 2


def test_the_ledger_is_served(door: Door) -> None:
    """Entries by level and area, and the page as it is kept in the repository."""
    entries = get(door, "/_sim/fidelity?area=option&level=assumed")["entries"]
    assert {(each["area"], each["level"]) for each in entries} == {("option", "assumed")}
    assert send(door, "GET", "/_sim/fidelity?format=markdown")[1].body.startswith(b"# Fidelity")


TEXT = st.text(alphabet="abz/_%2.~ \x00é{}", max_size=12)
PATHS = st.one_of(
    st.sampled_from([each.template.replace("{name}", "web") for each in ROUTES]).map(
        "/_sim{}".format
    ),
    TEXT.map("/_sim/{}".format),
    TEXT.map("/_sim/worlds/{}".format),
)
BODIES = st.one_of(
    st.binary(max_size=20),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.sampled_from(["web", "manual", NEW]),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    ["speed", "mode", "to", "seconds", "name", "effect", "faults", "kind"]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=5,
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"]),
    path=PATHS,
    query=TEXT.map("after={}".format) | st.sampled_from(["", "format=har", "limit=9", "format="]),
    body=BODIES,
    headers=st.dictionaries(st.sampled_from(["last-event-id", "x-sim-world"]), TEXT, max_size=2),
)
def test_no_request_is_a_server_error(
    method: str, path: str, query: str, body: bytes, headers: Mapping[str, str]
) -> None:
    """Whatever is asked of the interface, the answer is a 2xx or 4xx, and a refusal has a code."""
    door = Door(small_world(), clocks=StoppedClock)
    response = door.respond(method, path, query, headers, body)
    assert 200 <= response.status < 500
    if response.status >= 400 and path.startswith("/_sim"):
        assert json.loads(response.body)["error"]["code"]


def test_time_never_runs_over_the_calendar(door: Door) -> None:
    """However often it is advanced, time stays where moments can be written."""
    for _ in range(3):
        ask(door, "POST", "/_sim/clock/advance", {"seconds": timedelta(days=3660).total_seconds()})
    door.world.advance_to(door.world.now.replace(year=8999))
    assert ask(door, "POST", "/_sim/clock/advance", {"seconds": 3.1e8})[0] == 400
