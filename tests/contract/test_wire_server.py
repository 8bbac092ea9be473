"""The HTTPS door as a server: login, ready file, signals, admin interface, hostile input."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient

from tests.simulator_worlds import KEY, START, SUBSCRIPTION, small_world
from vmss_simulator.endpoint import Endpoint
from vmss_simulator.server import ScaledClock, make_door, serve, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmss_simulator.door import Door
from vmss_simulator.effects import DelayReply
from vmss_simulator.faults import FaultRule
from vmss_simulator.randomness import Latency

ROOT = Path(__file__).parents[2]
SETTLED = START + timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Plain:
    """A plain HTTPS client for one server."""

    endpoint: Endpoint

    def connection(self) -> http.client.HTTPSConnection:
        """Open a connection that trusts the server's own authority."""
        url = urlsplit(self.endpoint.endpoint)
        context = ssl.create_default_context(cafile=self.endpoint.ca_file)
        assert url.hostname is not None
        return http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=30)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Send one request; return the status and the JSON of the answer."""
        connection = self.connection()
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, raw, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()


@pytest.fixture
def door() -> Door:
    """Return a door whose virtual time stands still."""
    return make_door(small_world())


@pytest.fixture
def plain(door: Door, tmp_path: Path) -> Iterator[Plain]:
    """Serve the door, and return a client for it."""
    with serving(door, folder=tmp_path) as running:
        yield Plain(running.endpoint)


def credential(endpoint: Endpoint, secret: str) -> ClientSecretCredential:
    """Return azure-identity's credential for a simulator."""
    return ClientSecretCredential(
        endpoint.tenant_id,
        endpoint.client_id,
        secret,
        authority=endpoint.endpoint,
        disable_instance_discovery=True,
        connection_verify=endpoint.ca_file,
    )


def test_client_secret_logs_in_over_tls(plain: Plain) -> None:
    """azure-identity gets a token with the secret of the ready file, and the token works."""
    end = plain.endpoint
    with (
        credential(end, end.client_secret) as login,
        ComputeManagementClient(
            login, SUBSCRIPTION, end.endpoint, connection_verify=end.ca_file
        ) as client,
    ):
        found = client.virtual_machine_scale_sets.get(KEY.resource_group, KEY.name)
    assert found.name == "web"


def test_wrong_client_secret_is_refused(plain: Plain) -> None:
    """A wrong secret is invalid_client, with the number the real service gives it."""
    with (
        credential(plain.endpoint, "guess") as login,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215"),
    ):
        login.get_token("https://management.azure.com/.default")


@pytest.mark.parametrize(
    ("path", "form", "status", "error"),
    [
        ("/nobody/oauth2/v2.0/token", "grant_type=client_credentials", 400, "invalid_tenant"),
        ("{tenant}/oauth2/v2.0/token", "grant_type=password", 400, "unsupported_grant_type"),
        ("{tenant}/oauth2/v2.0/token", "grant_type=client_credentials", 400, "invalid_request"),
        (
            "{tenant}/oauth2/v2.0/token",
            "grant_type=client_credentials&scope=a&client_id=b",
            400,
            "unauthorized_client",
        ),
        ("{tenant}/oauth2/v2.0/token", "%ff=%ff&=", 400, "unsupported_grant_type"),
    ],
)
def test_malformed_logins_are_refused(
    plain: Plain, path: str, form: str, status: int, error: str
) -> None:
    """Everything that can be wrong with a login has its own error."""
    path = path.replace("{tenant}", f"/{plain.endpoint.tenant_id}")
    answer = plain.ask("POST", path, form.encode())
    assert (answer[0], answer[1]["error"]) == (status, error)


def test_clock_stands_still_and_is_advanced(plain: Plain, door: Door) -> None:
    """In manual mode virtual time moves by the admin interface, and by nothing else."""
    status, clock = plain.ask("GET", "/_sim/clock")
    assert (status, clock["now"], clock["mode"]) == (200, SETTLED.isoformat(), "manual")
    assert plain.ask("POST", "/_sim/clock/advance", {"seconds": 90.5}) == (
        200,
        {"now": (SETTLED + timedelta(seconds=90.5)).isoformat()},
    )
    later = (SETTLED + timedelta(hours=1)).isoformat()
    assert plain.ask("POST", "/_sim/clock/advance", {"to": later}) == (200, {"now": later})
    assert door.world.now == SETTLED + timedelta(hours=1)


def test_moment_that_has_passed_is_reached(plain: Plain) -> None:
    """Time runs forward only: an advance to an earlier moment leaves it where it is."""
    earlier = {"to": START.isoformat()}
    assert plain.ask("POST", "/_sim/clock/advance", earlier) == (200, {"now": SETTLED.isoformat()})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"seconds":NaN}',
        {"seconds": -1},
        {"seconds": True},
        {"seconds": "1"},
        {"seconds": 1e300},
        {"seconds": 1, "to": "2027-01-01T00:00:00Z"},
        {"to": "2027-01-01T00:00:00"},
        {"to": "9999-12-31T00:00:00Z"},
        {"to": "0001-01-01T00:00:00+23:59"},
        {"to": "soon"},
        {},
    ],
    ids=str,
)
def test_odd_advances_are_refused(plain: Plain, body: Any) -> None:
    """An advance that makes no sense is a 400, and time stays where it is."""
    status, answer = plain.ask("POST", "/_sim/clock/advance", body)
    assert (status, set(answer)) == (400, {"error"})
    assert plain.ask("GET", "/_sim/clock")[1]["now"] == SETTLED.isoformat()


def test_scaled_clock_moves_by_itself_and_is_not_advanced(tmp_path: Path) -> None:
    """With a speed, virtual time follows the wall clock, and an advance is a conflict."""
    door = make_door(small_world(), speed=3600.0)
    with serving(door, folder=tmp_path) as running:
        plain = Plain(running.endpoint)
        first, second = (plain.ask("GET", "/_sim/clock")[1] for _ in range(2))
        status, answer = plain.ask("POST", "/_sim/clock/advance", {"seconds": 1})
    assert (first["mode"], first["speed"]) == ("scaled", 3600.0)
    assert SETTLED.isoformat() < first["now"] < second["now"]
    assert (status, answer["error"]["code"]) == (409, "ClockNotManual")


def test_late_reply_is_waited_for_by_the_wall_clock(tmp_path: Path) -> None:
    """With a speed, a reply that a fault delays comes that much virtual time later."""
    latency = Latency(timedelta(seconds=360), timedelta(seconds=360))
    world = small_world(faults=[FaultRule("slow", DelayReply(latency))])
    with serving(make_door(world, speed=3600.0), folder=tmp_path) as running:
        plain = Plain(running.endpoint)
        path = f"{KEY.resource_id}?api-version=2026-04-01"
        began = time.monotonic()
        assert plain.ask("GET", path, authorization="Bearer x")[0] == 200
        assert time.monotonic() - began >= 0.1


def test_requests_and_events_are_told(plain: Plain) -> None:
    """The request log says what was asked, of which instances; the event log what happened."""
    headers = {"authorization": "Bearer x", "x-ms-client-request-id": "mine"}
    path = f"{KEY.resource_id}/manualupgrade?api-version=2024-11-01"
    status, _ = plain.ask("POST", path, {"instanceIds": ["0", "2"]}, **headers)
    assert status == 202
    assert plain.ask("GET", "/nowhere?api-version=2024-11-01", **headers)[0] == 404
    upgrade, unknown = plain.ask("GET", "/_sim/requests")[1]["requests"]
    assert upgrade["operation"] == "upgrade"
    assert upgrade["instanceIds"] == ["0", "2"]
    assert (upgrade["sequence"], upgrade["status"], upgrade["method"]) == (1, 202, "POST")
    assert upgrade["clientRequestId"] == "mine"
    assert (unknown["operation"], unknown["status"]) == (None, 404)
    assert plain.ask("GET", "/_sim/requests?after=1")[1]["requests"] == [unknown]
    events = plain.ask("GET", "/_sim/events")[1]["events"]
    assert events[0]["type"] == "scaleSetCreated"
    last = events[-1]["sequence"]
    assert plain.ask("GET", f"/_sim/events?after={last}")[1] == {"events": []}


def test_reset_starts_afresh(plain: Plain) -> None:
    """After a reset the world is as it was given, and the logs of requests are empty."""
    before = plain.ask("GET", "/_sim/state")[1]
    patch = f"{KEY.resource_id}?api-version=2026-04-01"
    assert plain.ask("PATCH", patch, {"tags": {}}, authorization="Bearer x")[0] == 200
    assert plain.ask("POST", "/_sim/clock/advance", {"seconds": 60})[0] == 200
    assert plain.ask("GET", "/_sim/state")[1] != before
    assert plain.ask("POST", "/_sim/reset")[0] == 200
    assert plain.ask("GET", "/_sim/state")[1] == before
    (scale_set,) = before["scaleSets"]
    assert (scale_set["instances"], scale_set["inService"]) == (3, 3)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_sim/nothing", 404),
        ("POST", "/_sim/health", 405),
        ("GET", "/_sim/reset", 405),
        ("GET", "/_sim/events?after=x", 400),
    ],
)
def test_admin_refuses_what_it_does_not_have(
    plain: Plain, method: str, path: str, status: int
) -> None:
    """The admin interface answers JSON errors with the proper status."""
    answer = plain.ask(method, path)
    assert (answer[0], set(answer[1])) == (status, {"error"})


def test_too_large_a_body_is_413(plain: Plain) -> None:
    """A body over the limit is refused, and the server goes on."""
    path = f"{KEY.resource_id}?api-version=2026-04-01"
    status, _ = plain.ask("PUT", path, b" " * (5 * 1024 * 1024), authorization="Bearer x")
    assert status == 413
    assert plain.ask("GET", "/_sim/health")[1]["status"] == "ok"


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a?\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://other/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: x\r\nAuthorization: \xff\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nx-ms-correlation-request-id: a\xffb\r\n\r\n",
    ],
)
def test_broken_http_is_never_a_server_error(plain: Plain, raw: bytes) -> None:
    """Bytes that are hardly HTTP get a 4xx or a closed connection, and the server goes on."""
    url = urlsplit(plain.endpoint.endpoint)
    context = ssl.create_default_context(cafile=plain.endpoint.ca_file)
    with (
        socket.create_connection((url.hostname or "", url.port or 0), timeout=30) as bare,
        context.wrap_socket(bare, server_hostname=url.hostname) as wrapped,
    ):
        wrapped.sendall(raw)
        answer = wrapped.recv(65536)
    assert not answer or answer.startswith(b"HTTP/1.1 4"), answer
    assert plain.ask("GET", "/_sim/health")[1]["status"] == "ok"


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "example.org"])  # noqa: S104 - refused
def test_only_loopback_is_served(tmp_path: Path, host: str) -> None:
    """A simulator that others could reach is refused."""
    with pytest.raises(ValueError, match="not loopback"):
        serve(small_world(), folder=tmp_path, host=host)


def test_clock_needs_a_positive_speed() -> None:
    """A speed of nothing is an error, not a clock that stands still."""
    for speed in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="speed"):
            ScaledClock(speed)


PROGRAM = """
import sys
from pathlib import Path
from tests.simulator_worlds import small_world
from vmss_simulator.server import serve
folder = Path(sys.argv[1])
serve(small_world(), folder=folder, ready_file=folder / "ready.json", env_file=folder / "to/env.sh",
      on_ready=lambda endpoint: print(endpoint.endpoint, flush=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_the_server_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """Ready file and script are there, for the owner only, while the server answers."""
    ready_file = tmp_path / "ready.json"
    script = tmp_path / "to" / "env.sh"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "simulator"), str(ROOT)]),
    }
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.readline().strip()
        ready = json.loads(ready_file.read_text(encoding="utf-8"))
        assert stat.S_IMODE(ready_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(script.stat().st_mode) == 0o600
        assert f"export AZURE_AUTHORITY_HOST={printed}\n" in script.read_text(encoding="utf-8")
        assert ready["endpoint"] == printed
        context = ssl.create_default_context(cafile=ready["caFile"])
        url = urlsplit(ready["adminUrl"])
        connection = http.client.HTTPSConnection(
            url.hostname or "", url.port, context=context, timeout=30
        )
        connection.request("GET", f"{url.path}/health")
        assert connection.getresponse().status == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        connection.close()
    assert (process.returncode, errors) == (0, "")
    assert not ready_file.exists()
    assert not script.exists()
    assert set(ready) == {
        "endpoint",
        "caFile",
        "adminUrl",
        "subscriptionId",
        "tenantId",
        "clientId",
        "clientSecret",
    }
