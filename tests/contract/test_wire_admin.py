"""The admin interface over HTTPS: streams, worlds side by side, and who may use it."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient

from tests.simulator_worlds import KEY, SUBSCRIPTION, small_world
from vmss_simulator.arm.settings import TokenPolicy
from vmss_simulator.server import RunningServer, make_door, serve, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SET = f"{KEY.resource_id}?api-version=2026-04-01"
TOKEN = "a-token-of-some-length"  # noqa: S105 - an example
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what has to ask for a token


class Browser:
    """A plain HTTPS client that says of itself what it likes."""

    def __init__(self, running: RunningServer) -> None:
        self.endpoint = running.endpoint
        self.port = urlsplit(running.endpoint.endpoint).port or 0

    def connection(self) -> http.client.HTTPSConnection:
        """Open a connection that trusts the server's own authority."""
        context = ssl.create_default_context(cafile=self.endpoint.ca_file)
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=30)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Send one request; return the status and the JSON of the answer."""
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, path, raw, named)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")

    @contextlib.contextmanager
    def stream(self, path: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
        """Open a stream, and hang up in the end."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(self.connection()) as connection:
            connection.request("GET", path, headers=named)
            yield connection.getresponse()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """Serve a small world on loopback."""
    with serving(make_door(small_world()), folder=tmp_path) as running:
        yield Browser(running)


def next_event(response: http.client.HTTPResponse) -> dict[str, str]:
    """Read one server-sent event; comments are passed over."""
    fields: dict[str, str] = {}
    while True:
        line = response.readline().decode().rstrip("\n")
        if not line and fields:
            return fields
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


def test_events_arrive_as_they_happen(browser: Browser) -> None:
    """A stream goes on, and one that was cut off is taken up without a gap or a repetition."""
    with browser.stream("/_sim/events/stream") as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        begun = browser.ask("GET", "/_sim/state")[1]["events"]
        told = [next_event(stream) for _ in range(begun)]
        browser.ask("PATCH", SET, {"tags": {}}, authorization="Bearer x")
        live = [next_event(stream), next_event(stream)]
    assert [each["event"] for each in live] == ["modelWritten", "operationStarted"]
    browser.ask("POST", "/_sim/clock/next")
    with browser.stream("/_sim/events/stream", last_event_id=live[0]["id"]) as stream:
        again = [next_event(stream), next_event(stream)]
    assert again[0] == live[1]
    assert again[1]["event"] == "operationEnded"
    assert len({each["id"] for each in (*told, *live, again[1])}) == begun + 3


def test_lines_arrive_as_they_happen_and_a_reset_is_told(browser: Browser) -> None:
    """As JSON lines, and whoever listens hears that there is another world."""
    with browser.stream("/_sim/events/stream?format=jsonl") as stream:
        begun = browser.ask("GET", "/_sim/state")[1]["events"]
        assert [json.loads(stream.readline())["sequence"] for _ in range(begun)] == [*range(begun)]
        browser.ask("POST", "/_sim/reset")
        assert json.loads(stream.readline())["type"] == "worldReplaced"
        assert json.loads(stream.readline())["sequence"] == 0


def test_events_follow_the_wall_clock(tmp_path: Path) -> None:
    """With a speed set at run time, events come by themselves."""
    with serving(make_door(small_world()), folder=tmp_path) as running:
        browser = Browser(running)
        browser.ask("PATCH", SET, {"tags": {}}, authorization="Bearer x")
        with browser.stream("/_sim/events/stream") as stream:
            assert browser.ask("PUT", "/_sim/clock", {"speed": 10_000})[1]["mode"] == "scaled"
            while next_event(stream)["event"] != "operationEnded":
                pass


def test_a_server_stops_while_somebody_listens(tmp_path: Path) -> None:
    """An open stream does not hold up the end: it ends."""
    with contextlib.ExitStack() as stack:
        with serving(make_door(small_world()), folder=tmp_path) as running:
            stream = stack.enter_context(Browser(running).stream("/_sim/events/stream"))
            next_event(stream)
            began = time.monotonic()
        assert time.monotonic() - began < 5
        stream.read()


def test_the_sdk_works_in_a_fork(tmp_path: Path) -> None:
    """With a login at the server, a write and its polling work in the fork, and only there."""
    door = make_door(small_world(), tokens=TokenPolicy.ISSUED)
    with serving(door, folder=tmp_path) as running:
        upgrade_in_a_fork(Browser(running))


def upgrade_in_a_fork(browser: Browser) -> None:
    """Fork the world, upgrade an instance there, and look at both."""
    before = browser.ask("GET", "/_sim/events")[1]
    fork = browser.ask("POST", "/_sim/forks/what-if")[1]
    browser.ask("PUT", "/_sim/worlds/what-if/_sim/clock", {"speed": 10_000})
    end = browser.endpoint
    with (
        ClientSecretCredential(
            end.tenant_id,
            end.client_id,
            end.client_secret,
            authority=end.endpoint,
            disable_instance_discovery=True,
            connection_verify=end.ca_file,
        ) as login,
        ComputeManagementClient(
            login, SUBSCRIPTION, fork["endpoint"], connection_verify=end.ca_file
        ) as client,
    ):
        sets = client.virtual_machine_scale_sets
        sets.begin_update_instances("myrg", "web", {"instanceIds": ["0"]}).result()
        assert len(list(client.virtual_machine_scale_set_vms.list("myrg", "web"))) == 3
    assert browser.ask("GET", "/_sim/events")[1] == before
    asked = browser.ask("GET", "/_sim/worlds/what-if/_sim/requests")[1]["requests"]
    assert {"upgrade", "getOperation", "listInstances"} <= {each["operation"] for each in asked}


def test_a_large_world_can_be_put(browser: Browser) -> None:
    """A document larger than any ARM request is taken; one that is too large is 413."""
    with contextlib.closing(browser.connection()) as connection:
        connection.request("GET", "/_sim/state?format=yaml")
        text = connection.getresponse().read()
    padded = text + b"# padding\n" * 600_000
    assert browser.ask("PUT", "/_sim/state", padded)[0] == 200
    assert browser.ask("PUT", "/_sim/state", b"#" * (32 * 1024 * 1024 + 1))[0] == 413


@pytest.mark.parametrize(
    "host", ["attacker.example", "127.0.0.1.attacker.example", "", "[", "10.1.1.1"]
)
def test_a_rebound_name_is_refused(browser: Browser, host: str) -> None:
    """A page that has its own name point here reaches nothing of the admin interface."""
    assert browser.ask("GET", "/_sim/state", host=host)[0] in (400, 403)
    assert browser.ask("POST", "/_sim/reset", host=host)[0] in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8443", "127.0.0.1:1", "[::1]:8443"])
def test_this_machine_is_not_refused(browser: Browser, host: str) -> None:
    """Every name of loopback will do, with whatever port a tunnel has."""
    assert browser.ask("GET", "/_sim/health", host=host)[0] == 200


@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "http://127.0.0.1", "["])
def test_a_page_of_another_origin_changes_nothing(browser: Browser, origin: str) -> None:
    """A page may not send state-changing requests blindly, only one of the server's own."""
    status, answer = browser.ask("POST", "/_sim/reset", origin=origin)
    assert (status, answer["error"]["code"]) == (403, "OriginNotAllowed")
    assert browser.ask("GET", "/_sim/health", origin=origin)[0] == 200
    own = f"https://127.0.0.1:{browser.port}"
    assert browser.ask("POST", "/_sim/reset", origin=own)[0] == 200


def test_others_may_reach_it_with_a_token_only(tmp_path: Path) -> None:
    """Where it is bound to more than loopback, the admin interface asks for the token."""
    with serving(make_door(small_world()), folder=tmp_path, token=TOKEN) as running:
        browser = Browser(running)
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}):
            for path in ("/_sim/", "/_sim/events/stream", "/_sim/nothing"):
                status, answer = browser.ask("GET", path, **headers)
                assert (status, answer["error"]["code"]) == (401, "Unauthorized")
        right = f"Bearer {TOKEN}"
        assert browser.ask("GET", "/_sim/", authorization=right, host="any.example")[0] == 200
        assert browser.ask("POST", "/_sim/forks/a", authorization=right)[0] == 201
        assert browser.ask("GET", "/_sim/worlds/a/_sim/clock")[0] == 401
        assert browser.ask("GET", f"/_sim/worlds/a{SET}", authorization="Bearer x")[0] == 200


@pytest.mark.parametrize("token", ["", "short", "with a space in its middle", "ümlauts-in-a-token"])
def test_a_poor_token_is_refused(tmp_path: Path, token: str) -> None:
    """A token that can be guessed, or that no header carries, is an error at the start."""
    with pytest.raises(ValueError, match="admin token"):
        serve(small_world(), folder=tmp_path, host=EVERYWHERE, admin_token=token)


def test_a_wildcard_names_this_machine(tmp_path: Path) -> None:
    """Bound to every address, it tells clients a name that its certificate has."""
    door = make_door(small_world())
    running = RunningServer(door, folder=tmp_path, host=EVERYWHERE, token=TOKEN)
    running._socket.close()
    assert urlsplit(running.endpoint.endpoint).hostname == socket.gethostname().lower()
